"""Zero-in where an activation makes something of zero: refused, unless a product takes it back (W-4, G-6)."""

from __future__ import annotations

from pathlib import Path

import pytest
from growth.support import grow, plan_of

from fptdsl.diagnostics import FptError

GATED = """model M {
  input image: float[3, 6, 6]
  conv: conv2d(6, 3)
  %s
  adaptive_avgpool2d(1); flatten
  fc: linear(2)
}"""
SQUEEZE = """relu
  let x = adaptive_avgpool2d(1)
  fc1: conv2d(4, 1); relu; fc2: conv2d(6, 1)
  let gate = sigmoid
  mul from gate, %s"""


def write(folder: Path, text: str) -> str:
    path = folder / "gated.fpt"
    path.write_text(GATED % text)
    return str(path)


@pytest.mark.parametrize("other", ["conv", "conv, x"])
def test_a_gate_times_units_at_zero_is_zero(tmp_path: Path, other: str) -> None:
    outcome = grow(write(tmp_path, SQUEEZE % other), "widen conv by 3 using netmorph(zero=in)")
    assert outcome.unrounded < 1e-14


@pytest.mark.parametrize("text", ["sigmoid", "sigmoid; hardsigmoid; relu", "softplus; bn: batchnorm2d; relu"])
def test_a_leak_is_refused_at_the_activation(tmp_path: Path, text: str) -> None:
    with pytest.raises(FptError) as caught:
        plan_of(write(tmp_path, text), "widen conv by 3 using netmorph(zero=in)")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "F310"
    assert "makes something of zero" in diagnostic.message


def test_a_product_of_leaks_leaks(tmp_path: Path) -> None:
    text = "let a = sigmoid from conv\n  let b = softplus from conv\n  mul from a, b"
    with pytest.raises(FptError, match="F310"):
        plan_of(write(tmp_path, text), "widen conv by 3 using netmorph(zero=in)")
