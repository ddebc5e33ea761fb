"""Layer norms, recurrent layers, embeddings, reorderings, scale: shapes against torch, terms, events, faults."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from operations import arguments, lower, value
from pydantic import ValidationError
from torch import nn

from fptdsl.architecture.free import FreeSize
from fptdsl.architecture.graph import Value
from fptdsl.architecture.ops import OpFault
from fptdsl.architecture.terms import Cat, Space, resolve, spaces

sizes = st.integers(1, 7)


def sequence(*shape: int, dtype: str = "float") -> Value:
    """Units that can grow on the last axis, positions before it."""
    positions = [Space(n, "producer", 0, "spatial") for n in shape[:-1]]
    return Value((*positions, Space(shape[-1], "producer", 0)), dtype)


@settings(max_examples=60, deadline=None)
@given(shape=st.lists(sizes, min_size=1, max_size=3), order=st.lists(st.integers(-4, 4), min_size=1, max_size=4))
def test_permute(shape: list[int], order: list[int]) -> None:
    try:
        expected = torch.empty(2, *shape).permute(0, *order).shape
    except (RuntimeError, IndexError):
        with pytest.raises(OpFault):
            lower("permute", value(*shape), dims=[0, *order])
        return
    assert lower("permute", value(*shape), dims=[0, *order]).output.shape == tuple(expected[1:])


def test_permute_keeps_the_batch_first() -> None:
    with pytest.raises(ValidationError):
        arguments("permute", dims=[1, 0])


@pytest.mark.parametrize(("dims", "shape"), [((1, 2), (3, 6, 2)), ((-1, 1), (2, 3, 6)), ((2, 2), (6, 3, 2))])
def test_transpose(dims: tuple[int, int], shape: tuple[int, ...]) -> None:
    assert lower("transpose", value(6, 3, 2), dim0=dims[0], dim1=dims[1]).output.shape == shape
    with pytest.raises(OpFault, match="batch axis"):
        lower("transpose", value(6, 3, 2), dim0=0, dim1=1)


def test_select_drops_the_axis_and_freezes_it() -> None:
    source = value(6, 5)
    lowered = lower("select", source, dim=2, index=-1)
    assert lowered.output.axes == source.axes[:1]
    assert next(spaces(source.axes[0])).frozen is None
    lower("select", source, dim=1, index=3)
    assert "picked by number" in str(next(spaces(source.axes[0])).frozen)
    with pytest.raises(OpFault, match="position 5"):
        lower("select", value(6, 5), dim=2, index=5)
    # The length of a free axis is not known.
    free = Value((Space(FreeSize(17, "seq"), "tokens", 0, "model input"), Space(4)))
    assert lower("select", free, dim=1, index=40).output.shape == (4,)


@pytest.mark.parametrize(("dim", "shape"), [(2, (6, 2)), (-1, (6, 3)), ([2, 3], (6,)), ([-1, -2], (6,))])
def test_mean(dim: Any, shape: tuple[int, ...]) -> None:
    lowered = lower("mean", value(6, 3, 2), dim=dim)
    assert lowered.output.shape == shape
    assert lowered.events == [], "positions are no units"


def test_a_mean_over_units_is_an_event() -> None:
    assert [event.kind for event in lower("mean", value(6, 3), dim=1).events] == ["mean"]
    with pytest.raises(ValidationError):
        arguments("mean", dim=[])


@pytest.mark.parametrize(
    ("op", "given", "tensors"),
    [
        ("layernorm", {}, {"weight": "scale", "bias": "shift"}),
        ("layernorm", {"bias": False}, {"weight": "scale"}),
        ("layernorm", {"elementwise_affine": False}, {}),
        ("rmsnorm", {}, {"weight": "scale"}),
        ("rmsnorm", {"elementwise_affine": False}, {}),
    ],
)
def test_layer_norms(op: str, given: dict[str, Any], tensors: dict[str, str]) -> None:
    source = sequence(5, 6)
    lowered = lower(op, source, **given)
    assert lowered.output.axes == source.axes
    assert {suffix: tensor.init for suffix, tensor in lowered.node.tensors.items()} == tensors
    assert set(lowered.shapes.values()) <= {(6,)}
    assert [(event.kind, event.term) for event in lowered.events] == [("mean", source.axes[1])]


def test_a_layer_norm_of_channels() -> None:
    source = value(6, 4, 3)
    lowered = lower("layernorm", source, dim=1)
    assert lowered.shapes == {"weight": (6,), "bias": (6,)}
    assert lowered.events[0].term is source.axes[0]
    with pytest.raises(OpFault, match="does not exist"):
        lower("layernorm", source, dim=4)


def test_an_embedding_writes_its_second_axis() -> None:
    tokens = Value((Space(5, "tokens", 0, "model input"),), "int")
    lowered = lower("embedding", tokens, num_embeddings=9, embedding_dim=4)
    assert lowered.output.shape == (5, 4)
    assert lowered.output.dtype == "float"
    assert lowered.roles("weight") == ("fixed", "writes")
    assert next(spaces(lowered.axes("weight")[0])).frozen == "indexed"
    assert lowered.node.sizes == {"embedding_dim": lowered.output.axes[1]}
    with pytest.raises(OpFault, match="integers"):
        lower("embedding", value(5), num_embeddings=9, embedding_dim=4)


@pytest.mark.parametrize(("op", "layer"), [("lstm", nn.LSTM), ("gru", nn.GRU)])
@pytest.mark.parametrize("given", [{}, {"num_layers": 3, "bias": False}, {"num_layers": 2, "bidirectional": True}])
def test_recurrent_layers(op: str, layer: type[nn.RNNBase], given: dict[str, Any]) -> None:
    lowered = lower(op, sequence(7, 6), hidden_size=4, **given)
    expected = layer(6, 4, batch_first=True, **given)
    assert lowered.shapes == {name: tuple(p.shape) for name, p in expected.named_parameters()}
    assert lowered.output.shape == tuple(expected(torch.zeros(1, 7, 6))[0].shape[1:])
    hidden = resolve(lowered.node.sizes["hidden_size"])
    for name in ("weight_ih_l0", "weight_hh_l0"):
        rows = resolve(lowered.axes(name)[0])
        assert isinstance(rows, Cat)
        assert set(rows.parts) == {hidden}
        assert lowered.roles(name) == ("writes", "reads")
    assert resolve(lowered.axes("weight_hh_l0")[1]) is hidden
    assert set(spaces(lowered.output.axes[1])) == {hidden}


def test_faults_of_recurrent_layers() -> None:
    with pytest.raises(OpFault, match="steps, features"):
        lower("lstm", value(6), hidden_size=4)
    with pytest.raises(ValidationError):
        arguments("lstm", hidden_size=4, batch_first=False)
    dropout = lower("gru", sequence(7, 6), hidden_size=4, num_layers=2, dropout=0.5)
    assert "dropout" in {event.kind for event in dropout.events}


def test_a_scale_has_the_key_of_its_layer() -> None:
    source = value(6, 4, 3)
    lowered = lower("scale", source, init=1e-6)
    (tensor,) = lowered.node.tensors.values()
    assert (tensor.name, tensor.shape, tensor.init) == ("layer", (6, 1, 1), "scale")
    assert tensor.roles == ("follows", "fixed", "fixed")
    assert lower("scale", sequence(5, 6), dim=-1).shapes == {"": (6,)}


def test_units_under_local_response_norm_are_frozen() -> None:
    source = value(6, 4, 3)
    lowered = lower("local_response_norm", source, size=5)
    assert "local response norm" in str(next(spaces(source.axes[0])).frozen)
    assert lowered.output.axes == source.axes


def test_stochastic_depth_puts_no_constraint_on_units() -> None:
    assert lower("stochastic_depth", value(6, 4), p=0.2).events == []
    with pytest.raises(ValidationError):
        arguments("stochastic_depth", p=1.5)
