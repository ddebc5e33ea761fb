"""``conv1d``, ``conv2d``: convolutions, plain, grouped and depthwise (``docs/maths.md`` G-5)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod as product
from typing import Any, ClassVar, Literal

from pydantic import field_validator, model_validator

from ..arguments import Args
from ..graph import Role, Value
from ..terms import UNIT, Term, prod, size
from .axes import ranked, shown, spatial_axes, split
from .base import Lowering, Operation, OpFault
from .fields import Flag, PerAxis, Size, fault, per_axis, whole
from .windows import convolved, extent

MOST_GROUPS = 4096
"""Hints look no further for a number of groups that would divide."""


class ConvArgs(Args):
    """Arguments of ``torch.nn.Conv2d`` without ``in_channels``."""

    dims: ClassVar[int] = 2

    out_channels: Size
    kernel_size: PerAxis
    stride: PerAxis = 1
    padding: PerAxis | Literal["same", "valid"] = 0
    dilation: PerAxis = 1
    groups: Size = 1
    bias: Flag = True
    padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros"

    @field_validator("kernel_size", "stride", "dilation", mode="before")
    @classmethod
    def _positive(cls, value: Any) -> PerAxis:
        return whole(value, cls.dims, 1)

    @field_validator("padding", mode="before")
    @classmethod
    def _padding(cls, value: Any) -> PerAxis | str:
        if isinstance(value, str):
            if value not in ("same", "valid"):
                raise fault(f'should be "same", "valid" or a whole number, not "{value}"')
            return value
        return whole(value, cls.dims, 0)

    @model_validator(mode="after")
    def _together(self) -> ConvArgs:
        if self.padding == "same" and any(step != 1 for step in per_axis(self.stride, self.dims)):
            raise fault('padding="same" keeps the size, so the stride must be 1; give the padding as a number')
        if self.out_channels % self.groups:
            raise fault(f"out_channels ({self.out_channels}) must be a multiple of groups ({self.groups})")
        return self


class Conv1dArgs(ConvArgs):
    dims: ClassVar[int] = 1


def channel_groups(op: type[Operation], channels: int, groups: int) -> int:
    """Input channels per group; a fault where they do not divide."""
    if channels % groups:
        divisors = [n for n in range(1, min(channels, 2 * groups, MOST_GROUPS) + 1) if channels % n == 0]
        raise OpFault(
            "F252",
            f"`{op.name}` has groups={groups}, which does not divide the {channels} channels that come in",
            f"groups that divide {channels}: {', '.join(map(str, divisors[-6:]))}",
        )
    return channels // groups


def kernel_axes(at: Lowering, kernel: Sequence[int]) -> tuple[Term, ...]:
    """The spatial axes of a kernel, which have nothing to do with units."""
    axes = tuple(at.space(n) for n in kernel)
    for axis in axes:
        at.freeze(axis, "kernel")
    return axes


class Convolution(Operation):
    """``[in, *size] -> [out, *size']``; ``weight [out, in / groups, *kernel]``, ``bias [out]``."""

    Args = ConvArgs
    dims: ClassVar[int]
    has_parameters = True
    affine = "map"

    @classmethod
    def lower(cls, at: Lowering, args: ConvArgs, inputs: Sequence[Value]) -> Value:
        value = ranked(cls, inputs[0], cls.dims + 1)
        channels = value.axes[0]
        per_group = channel_groups(cls, size(channels), args.groups)
        sizes = cls.output_sizes(args, spatial_axes(at, value))
        kernel = per_axis(args.kernel_size, cls.dims)
        out, reads, first, second = cls.unit_axes(at, args, channels)
        at.sets("out_channels", out)
        roles: list[Role] = [first, second]
        roles.extend("fixed" for _ in kernel)
        at.tensor("weight", (out, reads, *kernel_axes(at, kernel)), roles, "kernel")
        if args.bias:
            at.tensor("bias", (out,), ("follows",), "shift")
        at.work(product(sizes) * args.out_channels * per_group * product(kernel))
        return Value((out, *map(at.spatial, sizes)))

    @staticmethod
    def unit_axes(at: Lowering, args: ConvArgs, channels: Term) -> tuple[Term, Term, Role, Role]:
        """Terms and roles of the weight's two axes of units."""
        if args.groups == 1:
            return at.space(args.out_channels), channels, "writes", "reads"
        per_group = args.out_channels // args.groups
        if args.groups == size(channels):  # depthwise: input and output units are one
            at.sets("groups", channels)
            if per_group == 1:
                return channels, UNIT, "follows", "fixed"
            return prod((channels, at.space(per_group))), UNIT, "writes", "fixed"
        groups, members = split(at, channels, args.groups)
        at.sets("groups", groups)
        # One output unit per group: the output axis is the groups themselves.
        out = groups if per_group == 1 else prod((groups, at.space(per_group)))
        return out, members, "writes", "reads"

    @classmethod
    def output_sizes(cls, args: ConvArgs, sizes: Sequence[int]) -> tuple[int, ...]:
        kernel, stride, dilation = (
            per_axis(value, cls.dims) for value in (args.kernel_size, args.stride, args.dilation)
        )
        spans = [extent(k, d) for k, d in zip(kernel, dilation, strict=True)]
        if args.padding == "same":
            _check_mode(cls, args, sizes, [(span - 1) - (span - 1) // 2 for span in spans])
            return tuple(sizes)
        padding = per_axis(0 if isinstance(args.padding, str) else args.padding, cls.dims)
        _check_mode(cls, args, sizes, padding)
        result = tuple(map(convolved, sizes, kernel, stride, padding, dilation))
        if min(result) < 1:
            padded = [n + 2 * p for n, p in zip(sizes, padding, strict=True)]
            raise OpFault(
                "F251",
                f"the kernel of `{cls.name}` covers {shown(spans)} and is larger than its padded input {shown(padded)}",
                "use a smaller kernel or more padding, or shrink the input less before",
            )
        return result


def _check_mode(op: type[Operation], args: ConvArgs, sizes: Sequence[int], padding: Sequence[int]) -> None:
    """Padding that repeats the input cannot take more of it than there is."""
    slack = {"reflect": -1, "circular": 0}.get(args.padding_mode)
    if slack is not None and any(p > n + slack for n, p in zip(sizes, padding, strict=True)):
        raise OpFault(
            "F253",
            f'padding_mode="{args.padding_mode}" of `{op.name}` cannot pad an input of {shown(sizes)} '
            f"by {shown(padding)}",
            'use less padding or padding_mode="zeros"',
        )


class Conv1d(Convolution):
    """``[in, L] -> [out, L']``; ``weight [out, in / groups, k]``, ``bias [out]``."""

    name = "conv1d"
    Args = Conv1dArgs
    dims = 1


class Conv2d(Convolution):
    """``[in, H, W] -> [out, H', W']``; ``weight [out, in / groups, kh, kw]``, ``bias [out]``."""

    name = "conv2d"
    dims = 2
