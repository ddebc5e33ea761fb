"""Gated recurrent layers: all gates hold the same units, at several places of one axis (G-8)."""

from __future__ import annotations

import pytest
import torch
from growth.support import grow, plan_of
from torch import nn

from fptdsl.diagnostics import FptError

SPEC = "tests/growth/specs/recurrent.fpt"
METHODS = ["", " using net2net", " using net2net(split=equal)", " using r2r", " using netmorph(zero=in)"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "growth", ["widen lstm to 7", "widen lstm by 2x", "widen gru to 12", "widen embedding by 3", "widen * by 1.5x"]
)
def test_every_method_keeps_the_function(growth: str, method: str) -> None:
    outcome = grow(SPEC, growth + method)
    assert outcome.unrounded < 1e-14
    assert outcome.stored < 1e-12
    assert outcome.plan.exactness == "exact"


def test_a_width_is_the_hidden_size_and_all_gates_and_directions_follow() -> None:
    plan = plan_of(SPEC, "widen lstm to 7")
    shapes = {name: tensor.shape for name, tensor in plan.new.tensors.items()}
    layer = nn.LSTM(5, 7, 2, batch_first=True, bidirectional=True)
    assert {f"lstm.{name}": tuple(p.shape) for name, p in layer.named_parameters()} == {
        name: shape for name, shape in shapes.items() if name.startswith("lstm.")
    }
    # The sum over the recurrent layer ties it to both directions.
    assert shapes["gru.weight_hh_l0"] == (42, 14)
    assert shapes["mixed.weight"] == (3, 28)
    assert next(node.args.hidden_size for node in plan.new.nodes if node.name == "lstm") == 7


def test_a_width_that_both_directions_cannot_share_is_refused() -> None:
    with pytest.raises(FptError) as caught:
        plan_of(SPEC, "widen gru to 11")
    assert [d.code for d in caught.value.diagnostics] == ["F306"]
    assert "multiples of 2" in caught.value.diagnostics[0].message


@pytest.mark.parametrize(("kind", "gates"), [("lstm", 4), ("gru", 3)])
def test_gates_take_their_own_rows(kind: str, gates: int, tmp_path: object) -> None:
    """New units of different gates are different, and copies copy the same unit in every gate."""
    spec = f"model M {{\n input x: float[5, 3]\n {kind}: {kind}(4)\n select(1, -1)\n fc: linear(2)\n}}"
    path = tmp_path / "m.fpt"  # type: ignore[operator]
    path.write_text(spec)
    fresh = grow(str(path), f"widen {kind} to 6").grown[f"{kind}.weight_ih_l0"].view(gates, 6, 3)[:, 4:]
    assert len({tuple(row.tolist()) for row in fresh.reshape(-1, 3)}) == 2 * gates
    outcome = grow(str(path), f"widen {kind} to 6 using net2net")
    old = outcome.state[f"{kind}.bias_ih_l0"].view(gates, 4)
    new = outcome.grown[f"{kind}.bias_ih_l0"].view(gates, 6)
    donors = [int((old[0] == value).nonzero()[0, 0]) for value in new[0]]
    assert torch.equal(new, old[:, donors])


def test_new_columns_of_an_embedding_are_fresh() -> None:
    grown = grow(SPEC, "widen embedding to 9").grown["embedding.weight"]
    old = [tuple(column.tolist()) for column in grown[:, :5].T]
    assert not set(old) & {tuple(column.tolist()) for column in grown[:, 5:].T}
    pair = grow(SPEC, "widen embedding to 9 using r2r").grown["embedding.weight"][:, 5:]
    assert torch.equal(pair[:, 0], pair[:, 1])
    assert not torch.equal(pair[:, 0], pair[:, 2])
