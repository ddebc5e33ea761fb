"""Layers whose value is taken by name only: what is inserted behind them takes their place."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from growth.support import grow, plan_of, random_state

from fptdsl import api
from fptdsl.diagnostics import FptError

SPEC = """\
block Dense(growth) {
  conv1: conv2d(4 * growth, 1)
  relu
  conv2: conv2d(growth, 3, padding=1)
  concat from input, conv2
}

block Gate(width, squeezed) {
  adaptive_avgpool2d(1)
  fc1: conv2d(squeezed, 1)
  relu
  fc2: conv2d(width, 1)
  let gate = sigmoid
  mul from gate, input
}

model Named {
  input image: float[3, 6, 6]
  stem: conv2d(4, 3, padding=1)
  relu
  dense: repeat 2 { Dense(3) }
  se: Gate(10, 4)
  wide: conv2d(6, 1)
  let h = relu
  side: conv2d(5, 1) from stem
  let both = concat from side, h
  inner: { left: conv2d(3, 1) from both; right: conv2d(3, 1) from both; add from left, right }
  flatten
  last: linear(8)
  output out: last
  aux: linear(2) from last
  output other: aux
}
"""


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "named.fpt"
    path.write_text(SPEC)
    return str(path)


KEPT = [
    "deepen dense.0.conv2 by 1",
    "deepen dense.*.conv2 by 2 using r2r",
    "deepen dense.1.conv2 by 1 to 7 using netmorph; widen dense.0.conv2 by 2",
    "deepen se.fc2 by 1 using netmorph",
    "deepen se.fc2 by 2 using r2r; widen se.fc1 by 3",
    "deepen wide by 1; deepen side by 1; branch wide into 2",
    "deepen wide by 2 using r2r",
    "deepen inner.left by 1; deepen inner.right by 1 using netmorph",
    "deepen last by 1; deepen aux by 1",
]


@pytest.mark.parametrize("directive", KEPT)
def test_the_function_is_kept_and_what_is_new_is_read(spec: str, directive: str) -> None:
    outcome = grow(spec, directive)
    assert outcome.unrounded <= 1e-13
    assert outcome.stored <= 1e-11
    read = {value for node in outcome.plan.new.nodes for value in node.inputs}
    read |= set(outcome.plan.new.outputs.values())
    assert all(node.output in read for node in outcome.plan.new.nodes if node.tensors)
    new = [t.name for t in outcome.plan.tensors if t.action == "add" and t.name.endswith("weight")]
    for name in new:
        kept = outcome.grown[name].clone()
        outcome.grown[name] += 0.3 * torch.randn(kept.shape, generator=torch.Generator().manual_seed(4))
        assert outcome.error_of(outcome.grown) > 1e-5, name
        outcome.grown[name] = kept


def test_the_grown_spec_says_who_takes_what(spec: str, tmp_path: Path) -> None:
    torch.save(random_state(plan_of(spec, "deepen se.fc2 by 1 using netmorph").old), tmp_path / "named.pt")
    grow_ = "deepen se.fc2 by 1 using netmorph; deepen dense.*.conv2 by 1; deepen wide by 1"
    made = api.apply(spec, tmp_path / "named.pt", grow=grow_)
    assert made.passed
    text = (tmp_path / "named.grown.fpt").read_text()
    assert "  conv2_1: conv2d(growth, 3, padding=1)\n  concat from input, conv2_1\n" in text
    assert "  sigmoid\n  fc2_1: conv2d(width, 1)\n" in text
    assert "  mul from fc2_1_act, input\n" in text
    assert "  relu\n  wide_1: conv2d(6, 1)\n  let h = relu\n" in text


def test_a_name_that_is_given_anew_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "again.fpt"
    path.write_text(
        "model Again {\n  input x: float[5]\n  a: linear(4)\n  let h = relu\n  b: linear(4) from a\n"
        "  let g = relu\n  { let h = identity from g; c: linear(4) from h }\n  add from g, a\n  head: linear(2)\n}\n"
    )
    with pytest.raises(FptError) as refused:
        plan_of(str(path), "deepen a by 1")
    assert refused.value.diagnostics[0].code == "F323"
