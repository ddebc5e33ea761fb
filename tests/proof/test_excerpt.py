"""Excerpts: which blocks may be left out, that a growth keeps the function of what is left, that faults show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from fptdsl.api.reading import read_spec
from fptdsl.architecture import Graph
from fptdsl.growth import make_plan
from fptdsl.growth.plan import Plan
from fptdsl.proof.excerpt import excerpt
from fptdsl.proof.recipes import every_tensor, verify_plan
from fptdsl.proof.verdict import Scope
from fptdsl.proof.weights import from_raw

BLOCKS = """
model Blocks(width = 12, hidden = 20, n = 6) {
  input tokens: int[seq]
  embed: embedding(19, width)
  layers: repeat n {
    residual {
      norm: rmsnorm(1e-6)
      mix: linear(width)
    }
    residual {
      norm2: rmsnorm(1e-6)
      up: linear(hidden)
      gelu
      down: linear(width)
    }
  }
  norm: rmsnorm(1e-6)
  head: linear(7)
}
"""
PLAIN = """
model Plain {
  input x: float[8]
  layers: repeat 4 {
    fc: linear(8)
    relu
  }
  head: linear(3)
}
"""
ESCAPING = """
model Escaping {
  input x: float[8]
  first: linear(8)
  layers: repeat 3 {
    residual {
      fc: linear(8)
      relu
    }
  }
  reuse layers.1.fc
  head: linear(3)
}
"""


class Files:
    """Old weights as a checkpoint, in float64."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = state

    def rows(self, name: str, start: int, stop: int):
        return self.state[name][start:stop].numpy()

    def dtype(self, name: str) -> str:
        return "float64"

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self.state[name].shape)

    def __contains__(self, name: object) -> bool:
        return name in self.state


def planned(folder: Path, spec: str, grow: str) -> Plan:
    path = folder / "model.fpt"
    path.write_text(spec)
    read = read_spec(path, grow=[grow])
    return make_plan(read.network, read.graph, read.document.grows, seed=0)


def files(plan: Plan, weights_for: Callable[..., dict[str, Tensor]]) -> tuple[Files, Files]:
    old = Files({n: t.clone() for n, t in weights_for(plan.old, dtype=torch.float64).items()})
    recipes = every_tensor(plan, old)
    new = {}
    for name, tensor in plan.new.tensors.items():
        pieces = [from_raw(piece, "float64").reshape(-1) for piece in recipes(name)]
        new[name] = torch.cat(pieces).reshape(tensor.shape)
    return old, Files(new)


@pytest.mark.parametrize(
    ("grow", "blocks"),
    [
        ("widen layers.*.up to 30", ("layers.0",)),
        ("deepen layers by 3", ("layers.0", "layers.6")),
        ("deepen layers by 2 at start", ("layers.0", "layers.2")),
        ("widen layers.2.up to 24", ("layers.0", "layers.2")),
        ("widen embed to 24", ("layers.0",)),
        ("widen layers.*.up to 30; deepen layers by 3", ("layers.0", "layers.6")),
        ("deepen layers by 3 using zero(copies=true)", ("layers.0", "layers.6")),
    ],
)
def test_the_function_of_the_excerpt_is_kept(
    grow: str, blocks: tuple[str, ...], tmp_path: Path, weights_for: Callable[..., dict[str, Tensor]]
) -> None:
    plan = planned(tmp_path, BLOCKS, grow)
    old, new = files(plan, weights_for)
    some = excerpt(plan)
    assert some is not None
    assert some.scope.blocks == blocks
    part = replace(plan, old=some.old, new=some.new)
    verdict = verify_plan(part, old, old, new, file_dtype="float64")
    assert verdict.passed, verdict.wording
    assert verdict.max_relative_error <= 1e-12
    brief = verify_plan(part, old, old, new, file_dtype="float64", brief=True)
    assert brief.passed
    assert [(row.seed, row.batch > 1) for row in brief.rows] == [(1, True)]
    assert brief.float32_drift is None
    name = next(n for n in new.state if n.startswith(f"{blocks[-1]}.down"))
    new.state[name] = new.state[name] + 1e-3
    for on_one_batch in (False, True):
        assert not verify_plan(part, old, old, new, file_dtype="float64", brief=on_one_batch).passed


def used(graph: Graph) -> set[str]:
    return {tensor.name.partition(".fc")[0] for node in graph.nodes for tensor in node.tensors.values()}


def test_blocks_of_units_of_their_own_stay(tmp_path: Path) -> None:
    assert excerpt(planned(tmp_path, PLAIN, "widen layers.1.fc to 12")) is None


def test_a_block_whose_weights_are_used_elsewhere_stays(tmp_path: Path) -> None:
    some = excerpt(planned(tmp_path, ESCAPING, "widen first to 12"))
    assert some is not None
    assert {"layers.0", "layers.1"} <= used(some.new)
    assert "layers.2" not in used(some.new)


def test_words() -> None:
    assert Scope(("a.0", "a.4"), 6).wording == " on 2 of 6 blocks (`a.0`, `a.4`)"
    assert "..." in Scope(tuple("abcd"), 6).wording
