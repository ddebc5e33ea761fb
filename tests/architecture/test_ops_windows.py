"""Output shapes of convolutions and pools are torch's, and what torch refuses is a fault."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from operations import lower, value
from pydantic import ValidationError
from torch import nn

from fptdsl.architecture.ops import OpFault

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")

whole = st.integers(1, 5)
padding = st.integers(0, 3)


def per_axis(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
    return numbers | st.tuples(numbers, numbers).map(list)


def as_torch(args: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(arg) if isinstance(arg, list) else arg for name, arg in args.items()}


def same_as_torch(op: str, layer: type[nn.Module], shape: tuple[int, ...], args: dict[str, Any], *sized: int) -> None:
    """Either both give the same shape and tensors, or both refuse (and nothing is left counts as refused)."""
    try:
        reference = layer(*sized, **as_torch(args))
        expected = tuple(reference(torch.zeros(2, *shape)).shape[1:])
        tensors = {name: tuple(tensor.shape) for name, tensor in reference.state_dict().items()}
    except (RuntimeError, ValueError):
        expected = (0,)
    if 0 in expected:
        with pytest.raises((OpFault, ValidationError)):
            lower(op, value(*shape), **args)
        return
    lowered = lower(op, value(*shape), **args)
    assert lowered.output.shape == expected
    assert lowered.shapes == tensors
    assert list(lowered.shapes) == list(tensors)


convolution = st.fixed_dictionaries(
    {"kernel_size": per_axis(whole)},
    optional={
        "stride": per_axis(whole),
        "padding": per_axis(padding) | st.sampled_from(["same", "valid"]),
        "dilation": per_axis(st.integers(1, 3)),
        "groups": st.sampled_from([1, 2, 3, 4]),
        "bias": st.booleans(),
        "padding_mode": st.sampled_from(["zeros", "reflect", "replicate", "circular"]),
    },
)


@settings(max_examples=200, deadline=None)
@given(
    channels=st.sampled_from([1, 2, 3, 4]),
    out=st.sampled_from([2, 3, 4, 8]),
    h=whole,
    w=st.integers(1, 9),
    args=convolution,
)
def test_conv2d(channels: int, out: int, h: int, w: int, args: dict[str, Any]) -> None:
    same_as_torch("conv2d", nn.Conv2d, (channels, h, w), {"out_channels": out, **args}, channels)


@settings(max_examples=80, deadline=None)
@given(
    n=st.integers(1, 9),
    stride=whole,
    kernel=whole,
    pad=padding | st.sampled_from(["same", "valid"]),
    dilation=st.integers(1, 3),
    groups=st.sampled_from([1, 2, 4]),
)
def test_conv1d(n: int, stride: int, kernel: int, pad: Any, dilation: int, groups: int) -> None:
    args = {"stride": stride, "padding": pad, "dilation": dilation, "groups": groups}
    same_as_torch("conv1d", nn.Conv1d, (4, n), {"out_channels": 4, "kernel_size": kernel, **args}, 4)


transposed = st.fixed_dictionaries(
    {"kernel_size": per_axis(whole)},
    optional={
        "stride": per_axis(whole),
        "padding": per_axis(padding),
        "output_padding": per_axis(st.integers(0, 2)),
        "dilation": per_axis(st.integers(1, 3)),
        "groups": st.sampled_from([1, 2, 3, 4]),
        "bias": st.booleans(),
    },
)


@settings(max_examples=150, deadline=None)
@given(channels=st.sampled_from([2, 4]), out=st.sampled_from([2, 4, 8]), h=whole, w=whole, args=transposed)
def test_conv_transpose2d(channels: int, out: int, h: int, w: int, args: dict[str, Any]) -> None:
    same_as_torch("conv_transpose2d", nn.ConvTranspose2d, (channels, h, w), {"out_channels": out, **args}, channels)


@settings(max_examples=200, deadline=None)
@given(
    h=st.integers(1, 9),
    w=st.integers(1, 9),
    args=st.fixed_dictionaries(
        {"kernel_size": per_axis(whole)},
        optional={
            "stride": per_axis(whole) | st.none(),
            "padding": per_axis(padding),
            "dilation": per_axis(st.integers(1, 3)),
            "ceil_mode": st.booleans(),
        },
    ),
)
def test_maxpool2d(h: int, w: int, args: dict[str, Any]) -> None:
    same_as_torch("maxpool2d", nn.MaxPool2d, (3, h, w), args)


@settings(max_examples=150, deadline=None)
@given(
    h=st.integers(1, 9),
    w=st.integers(1, 9),
    args=st.fixed_dictionaries(
        {"kernel_size": per_axis(whole)},
        optional={
            "stride": per_axis(whole) | st.none(),
            "padding": per_axis(padding),
            "ceil_mode": st.booleans(),
            "count_include_pad": st.booleans(),
            "divisor_override": st.none() | whole,
        },
    ),
)
def test_avgpool2d(h: int, w: int, args: dict[str, Any]) -> None:
    same_as_torch("avgpool2d", nn.AvgPool2d, (3, h, w), args)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 9), kernel=whole, stride=whole | st.none(), pad=padding, ceil_mode=st.booleans())
def test_pools_of_one_axis(n: int, kernel: int, stride: int | None, pad: int, ceil_mode: bool) -> None:
    args = {"kernel_size": kernel, "stride": stride, "padding": pad, "ceil_mode": ceil_mode}
    same_as_torch("maxpool1d", nn.MaxPool1d, (3, n), args)
    same_as_torch("avgpool1d", nn.AvgPool1d, (3, n), args)


@settings(max_examples=60, deadline=None)
@given(
    h=st.integers(1, 9), w=st.integers(1, 9), size=whole | st.none() | st.tuples(whole | st.none(), whole | st.none())
)
def test_adaptive_pools(h: int, w: int, size: Any) -> None:
    given = list(size) if isinstance(size, tuple) else size
    reference = size if isinstance(size, tuple) else (size, size)
    for op, layer in (("adaptive_avgpool2d", nn.AdaptiveAvgPool2d), ("adaptive_maxpool2d", nn.AdaptiveMaxPool2d)):
        expected = layer(reference)(torch.zeros(1, 2, h, w)).shape[1:]
        assert lower(op, value(2, h, w), output_size=given).output.shape == tuple(expected)


@pytest.mark.parametrize(
    ("op", "shape", "args", "code", "part"),
    [
        ("conv2d", (3, 4, 4), {"out_channels": 8, "kernel_size": 7}, "F251", "larger than its padded input [4, 4]"),
        ("conv2d", (6, 4, 4), {"out_channels": 8, "kernel_size": 3, "groups": 4}, "F252", "divide the 6 channels"),
        ("conv2d", (6,), {"out_channels": 8, "kernel_size": 3}, "F250", "this one is [6]"),
        ("conv2d", (6, 5), {"out_channels": 8, "kernel_size": 3}, "F250", "this one is [6, 5]"),
        (
            "conv2d", (6, 3, 3), {"out_channels": 8, "kernel_size": 7, "padding": 3, "padding_mode": "reflect"},
            "F253", 'padding_mode="reflect"',
        ),
        ("conv_transpose2d", (4, 1, 1), {"out_channels": 8, "kernel_size": 2, "padding": 1}, "F251", "takes all"),
        ("maxpool2d", (3, 8, 8), {"kernel_size": 2, "padding": 2}, "F253", "more than half of its kernel [2, 2]"),
        ("maxpool2d", (3, 2, 2), {"kernel_size": 3}, "F251", "window [3, 3]"),
        ("groupnorm", (6, 2, 2), {"num_groups": 4}, "F252", "num_groups=4"),
        ("instancenorm2d", (6, 1, 1), {}, "F251", "has only one"),
        ("prelu", (6,), {"num_parameters": 4}, "F252", "num_parameters=4 and 6 channels"),
        ("maxout", (6,), {"pieces": 4}, "F252", "pieces=4"),
        ("flatten", (6, 2), {"start_dim": 0}, "F256", "is the batch axis"),
        ("flatten", (6, 2), {"start_dim": 2, "end_dim": 1}, "F256", "before it starts"),
        ("softmax", (6, 2), {}, "F256", "needs an axis"),
        ("softmax", (6,), {"dim": 2}, "F256", "does not exist"),
        ("upsample", (6, 2, 2), {"scale_factor": 0.25}, "F251", "would give [0, 0] from [2, 2]"),
    ],
)  # fmt: skip
def test_faults_say_what_is_wrong_and_the_way_out(
    op: str, shape: tuple[int, ...], args: dict[str, Any], code: str, part: str
) -> None:
    with pytest.raises(OpFault) as caught:
        lower(op, value(*shape), **args)
    assert caught.value.code == code
    assert part in caught.value.message
    assert caught.value.hint or part == "before it starts"


def test_numbers_of_the_wrong_kind() -> None:
    with pytest.raises(OpFault, match="this value holds int"):
        lower("conv2d", value(3, 8, 8, dtype="int"), out_channels=4, kernel_size=3)
