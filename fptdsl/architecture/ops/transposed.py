"""``conv_transpose2d``: axis 0 of the kernel is the input, axis 1 the output (``docs/maths.md`` G-5)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod as product
from typing import Any, Literal

from pydantic import field_validator, model_validator

from ..arguments import Args
from ..graph import Role, Value
from ..terms import UNIT, Term, prod, size
from .axes import ranked, shown, spatial_axes, split
from .base import Lowering, Operation, OpFault
from .convolution import channel_groups, kernel_axes
from .fields import Flag, PerAxis, Size, fault, per_axis, whole
from .windows import transposed


class ConvTransposeArgs(Args):
    """Arguments of ``torch.nn.ConvTranspose2d`` without ``in_channels``."""

    out_channels: Size
    kernel_size: PerAxis
    stride: PerAxis = 1
    padding: PerAxis = 0
    output_padding: PerAxis = 0
    groups: Size = 1
    bias: Flag = True
    dilation: PerAxis = 1
    padding_mode: Literal["zeros"] = "zeros"

    @field_validator("kernel_size", "stride", "dilation", mode="before")
    @classmethod
    def _positive(cls, value: Any) -> PerAxis:
        return whole(value, 2, 1)

    @field_validator("padding", "output_padding", mode="before")
    @classmethod
    def _natural(cls, value: Any) -> PerAxis:
        return whole(value, 2, 0)

    @model_validator(mode="after")
    def _together(self) -> ConvTransposeArgs:
        limits = map(max, per_axis(self.stride, 2), per_axis(self.dilation, 2))
        if any(extra >= limit for extra, limit in zip(per_axis(self.output_padding, 2), limits, strict=True)):
            raise fault("output_padding must be smaller than the stride or the dilation")
        if self.out_channels % self.groups:
            raise fault(f"out_channels ({self.out_channels}) must be a multiple of groups ({self.groups})")
        return self


class ConvTranspose2d(Operation):
    """``[in, H, W] -> [out, H', W']``; ``weight [in, out / groups, *kernel]``, ``bias [out]``."""

    name = "conv_transpose2d"
    Args = ConvTransposeArgs
    has_parameters = True
    affine = "map"

    @classmethod
    def lower(cls, at: Lowering, args: ConvTransposeArgs, inputs: Sequence[Value]) -> Value:
        value = ranked(cls, inputs[0], 3)
        channels = value.axes[0]
        channel_groups(cls, size(channels), args.groups)
        before = spatial_axes(at, value)
        sizes = cls.output_sizes(args, before)
        kernel = per_axis(args.kernel_size, 2)
        out, axes, roles = cls.unit_axes(at, args, channels)
        at.sets("out_channels", out)
        at.tensor("weight", (*axes, *kernel_axes(at, kernel)), (*roles, "fixed", "fixed"), "kernel")
        if args.bias:
            at.tensor("bias", (out,), ("follows",), "shift")
        at.work(product(before) * size(channels) * (args.out_channels // args.groups) * product(kernel))
        return Value((out, *map(at.spatial, sizes)))

    @staticmethod
    def unit_axes(
        at: Lowering, args: ConvTransposeArgs, channels: Term
    ) -> tuple[Term, tuple[Term, Term], tuple[Role, Role]]:
        """The output's term, and terms and roles of the weight's two axes of units."""
        per_group = args.out_channels // args.groups
        if args.groups == 1:
            out = at.space(per_group)
            return out, (channels, out), ("reads", "writes")
        members = UNIT if per_group == 1 else at.space(per_group)
        role: Role = "fixed" if per_group == 1 else "writes"
        if args.groups == size(channels):  # depthwise
            at.sets("groups", channels)
            return prod((channels, members)), (channels, members), ("follows", role)
        # Axis 0 is groups x members, and only the members are summed over: one role cannot say that.
        groups, _ = split(at, channels, args.groups)
        at.freeze(groups, "groups of a transposed convolution")
        at.sets("groups", groups)
        return prod((groups, members)), (channels, members), ("reads", role)

    @classmethod
    def output_sizes(cls, args: ConvTransposeArgs, sizes: Sequence[int]) -> tuple[int, ...]:
        arguments = (args.kernel_size, args.stride, args.padding, args.output_padding, args.dilation)
        result = tuple(map(transposed, sizes, *(per_axis(value, 2) for value in arguments)))
        if min(result) < 1:
            raise OpFault(
                "F251",
                f"`{cls.name}` would give an output of {shown(result)}: its padding takes all of it away",
                "use less padding or a larger kernel",
            )
        return result
