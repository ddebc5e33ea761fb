"""Output shapes of everything that has no window, against torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from operations import lower, value
from torch import Tensor, nn
from torch.nn import functional as F

from fptdsl.architecture.ops import OPERATIONS, OpFault

sizes = st.integers(1, 9)


@settings(max_examples=80, deadline=None)
@given(shape=st.lists(sizes, min_size=1, max_size=4), start=st.integers(-5, 5), end=st.integers(-5, 5))
def test_flatten(shape: list[int], start: int, end: int) -> None:
    try:
        result = torch.empty(2, *shape, device="meta").flatten(start, end)
    except (RuntimeError, IndexError):
        result = None
    first = start + len(shape) + 1 if start < 0 else start
    last = end + len(shape) + 1 if end < 0 else end
    if result is None or first == 0 or last == 0:  # the batch stays
        with pytest.raises(OpFault):
            lower("flatten", value(*shape), start_dim=start, end_dim=end)
    else:
        assert lower("flatten", value(*shape), start_dim=start, end_dim=end).output.shape == tuple(result.shape[1:])


@settings(max_examples=80, deadline=None)
@given(
    h=sizes,
    w=sizes,
    mode=st.sampled_from(["nearest", "bilinear"]),
    factor=st.integers(1, 4) | st.floats(0.5, 3.5) | st.tuples(st.floats(0.5, 3), st.integers(1, 3)).map(list),
)
def test_upsample_by_a_factor(h: int, w: int, mode: str, factor: Any) -> None:
    given = tuple(factor) if isinstance(factor, list) else factor
    try:
        expected = nn.Upsample(scale_factor=given, mode=mode)(torch.zeros(1, 2, h, w)).shape[1:]
    except RuntimeError:
        with pytest.raises(OpFault):
            lower("upsample", value(2, h, w), scale_factor=factor, mode=mode)
        return
    assert lower("upsample", value(2, h, w), scale_factor=factor, mode=mode).output.shape == tuple(expected)


def test_upsample_to_a_size() -> None:
    assert lower("upsample", value(2, 5, 5), size=[7, 9]).output.shape == (2, 7, 9)
    assert lower("upsample", value(2, 5, 5), size=4, mode="bilinear", align_corners=True).output.shape == (2, 4, 4)


@pytest.mark.parametrize("stride", [1, 2, 3, 8])
@pytest.mark.parametrize(("h", "w"), [(1, 1), (7, 8), (9, 2)])
def test_subsample2d(stride: int, h: int, w: int) -> None:
    expected = torch.zeros(1, 3, h, w)[:, :, ::stride, ::stride].shape[1:]
    assert lower("subsample2d", value(3, h, w), stride=stride).output.shape == tuple(expected)


@pytest.mark.parametrize(("before", "after"), [(0, 0), (2, 0), (0, 3), (2, 3)])
def test_pad_channels(before: int, after: int) -> None:
    expected = F.pad(torch.zeros(1, 3, 4, 4), (0, 0, 0, 0, before, after)).shape[1:]
    assert lower("pad_channels", value(3, 4, 4), before=before, after=after).output.shape == tuple(expected)


SAME_SHAPE: list[tuple[str, dict[str, Any], Callable[[int], nn.Module]]] = [
    ("batchnorm2d", {}, nn.BatchNorm2d),
    ("batchnorm2d", {"affine": False, "momentum": None}, lambda c: nn.BatchNorm2d(c, affine=False)),
    ("batchnorm2d", {"track_running_stats": False}, lambda c: nn.BatchNorm2d(c, track_running_stats=False)),
    ("groupnorm", {"num_groups": 3}, lambda c: nn.GroupNorm(3, c)),
    ("groupnorm", {"num_groups": 1, "affine": False}, lambda c: nn.GroupNorm(1, c, affine=False)),
    ("instancenorm2d", {}, nn.InstanceNorm2d),
    (
        "instancenorm2d", {"affine": True, "track_running_stats": True},
        lambda c: nn.InstanceNorm2d(c, affine=True, track_running_stats=True),
    ),
    ("prelu", {}, lambda c: nn.PReLU()),
    ("prelu", {"num_parameters": 6}, nn.PReLU),
    ("softmax", {}, lambda c: nn.Softmax(1)),
    ("log_softmax", {"dim": -1}, lambda c: nn.LogSoftmax(-1)),
    ("dropout", {"p": 0.3}, lambda c: nn.Dropout(0.3)),
    ("dropout2d", {}, lambda c: nn.Dropout2d()),
]  # fmt: skip


@pytest.mark.parametrize(("op", "args", "reference"), SAME_SHAPE)
def test_layers_that_keep_the_shape(op: str, args: dict[str, Any], reference: Callable[[int], nn.Module]) -> None:
    lowered = lower(op, value(6, 4, 4), **args)
    assert lowered.output.shape == (6, 4, 4)
    expected = reference(6).state_dict()
    assert lowered.shapes == {name: tuple(tensor.shape) for name, tensor in expected.items()}
    assert list(lowered.shapes) == list(expected)


@pytest.mark.parametrize("shape", [(6,), (6, 5)])
def test_batchnorm1d(shape: tuple[int, ...]) -> None:
    lowered = lower("batchnorm1d", value(*shape))
    assert lowered.output.shape == shape
    assert list(lowered.shapes) == list(nn.BatchNorm1d(6).state_dict())
    with pytest.raises(OpFault, match="channels, length"):
        lower("batchnorm1d", value(6, 5, 5))


@pytest.mark.parametrize("shape", [(6,), (6, 5), (6, 5, 4)])
def test_linear_acts_on_the_last_axis(shape: tuple[int, ...]) -> None:
    lowered = lower("linear", value(*shape), out_features=7)
    assert lowered.output.shape == tuple(nn.Linear(shape[-1], 7)(torch.zeros(1, *shape)).shape[1:])
    assert lowered.shapes == {"weight": (7, shape[-1]), "bias": (7,)}


@pytest.mark.parametrize("op", [name for name, operation in OPERATIONS.items() if operation.activation])
@pytest.mark.parametrize("shape", [(6,), (6, 4), (6, 4, 4)])
def test_activations_keep_the_shape(op: str, shape: tuple[int, ...]) -> None:
    given = {"activation": "gelu"} if op == "parametric" else {}
    assert lower(op, value(*shape), **given).output.shape == shape


def test_global_pools_and_maxout() -> None:
    for op in ("global_avgpool", "global_maxpool"):
        assert lower(op, value(6, 4, 5)).output.shape == (6,)
        assert lower(op, value(6, 4)).output.shape == (6,)
    assert lower("maxout", value(6, 4, 4), pieces=3).output.shape == (2, 4, 4)


shapes = st.lists(st.sampled_from([1, 2, 3]), min_size=2, max_size=3)


@settings(max_examples=80, deadline=None)
@given(left=shapes, right=shapes, op=st.sampled_from(["add", "mul"]))
def test_elementwise_broadcasting(left: list[int], right: list[int], op: str) -> None:
    function: Callable[[Tensor, Tensor], Tensor] = torch.add if op == "add" else torch.mul
    try:
        result = function(torch.empty(1, *left, device="meta"), torch.empty(1, *right, device="meta"))
    except RuntimeError:
        result = None
    if result is None or len(left) != len(right):
        with pytest.raises(OpFault, match=r"cannot join values of \["):
            lower(op, value(*left), value(*right))
    else:
        assert lower(op, value(*left), value(*right)).output.shape == tuple(result.shape[1:])


@settings(max_examples=80, deadline=None)
@given(left=shapes, right=shapes, dim=st.integers(-4, 4))
def test_concat(left: list[int], right: list[int], dim: int) -> None:
    try:
        result = torch.cat([torch.empty(1, *left, device="meta"), torch.empty(1, *right, device="meta")], dim)
    except (RuntimeError, IndexError):
        result = None
    if result is None or result.shape[0] != 1:
        with pytest.raises(OpFault):
            lower("concat", value(*left), value(*right), dim=dim)
    else:
        assert lower("concat", value(*left), value(*right), dim=dim).output.shape == tuple(result.shape[1:])
