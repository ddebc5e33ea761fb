"""Operations that move values: ``flatten``, ``upsample``, ``subsample2d``, ``pad_channels``."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from math import prod as product
from typing import Annotated, Any, Literal, Union

from pydantic import Field, field_validator, model_validator

from ..arguments import MAX_SIZE, Args
from ..graph import Value
from ..terms import cat, prod
from .axes import ranked, shown, spatial_axes
from .base import Lowering, Operation, OpFault
from .fields import Flag, Natural, PerAxis, Size, fault, per_axis, spelled, whole


class FlattenArgs(Args):
    """Dimensions count the batch as 0, as torch does."""

    start_dim: Annotated[int, Field(strict=True)] = 1
    end_dim: Annotated[int, Field(strict=True)] = -1


def axis_of(op: type[Operation], dim: int, value: Value) -> int:
    """The axis that ``dim`` means, the batch counted; the batch axis itself is a fault."""
    rank = len(value.axes) + 1
    axis = dim + rank if dim < 0 else dim
    if not 1 <= axis < rank:
        what = "is the batch axis" if axis == 0 else "does not exist"
        raise OpFault(
            "F256",
            f"axis {dim} of `{op.name}` {what}; the value is {shown(value.shape)} behind the batch axis 0",
            f"use 1 to {rank - 1}, or -1 to {1 - rank}",
        )
    return axis - 1


class Flatten(Operation):
    """``[C, H, W] -> [C * H * W]``, row-major (``docs/maths.md`` G-4)."""

    name = "flatten"
    Args = FlattenArgs
    keeps_zero = True
    keeps_range = True

    @classmethod
    def lower(cls, at: Lowering, args: FlattenArgs, inputs: Sequence[Value]) -> Value:
        value = inputs[0]
        start, end = axis_of(cls, args.start_dim, value), axis_of(cls, args.end_dim, value)
        if start > end:
            raise OpFault("F256", f"`{cls.name}` ends at axis {args.end_dim} before it starts at {args.start_dim}")
        axes = value.axes
        return Value((*axes[:start], prod(axes[start : end + 1]), *axes[end + 1 :]), value.dtype)


Factor = Union[float, tuple[float, ...]]


class UpsampleArgs(Args):
    """Arguments of ``torch.nn.Upsample``: exactly one of ``size`` and ``scale_factor``."""

    size: PerAxis | None = None
    scale_factor: Factor | None = None
    mode: Literal["nearest", "bilinear"] = "nearest"
    align_corners: Flag | None = None

    @field_validator("size", mode="before")
    @classmethod
    def _size(cls, value: Any) -> PerAxis | None:
        return None if value is None else whole(value, 2, 1)

    @field_validator("scale_factor", mode="before")
    @classmethod
    def _factor(cls, value: Any) -> Factor | None:
        if value is None:
            return None
        items = value if isinstance(value, (list, tuple)) and len(value) == 2 else [value]
        for item in items:
            if isinstance(item, bool) or not isinstance(item, (int, float)) or not 0 < item <= MAX_SIZE:
                raise fault(f"should be a number above 0 or a list of two of them, not {spelled(value)}")
        return tuple(float(item) for item in items) if items is value else float(value)

    @model_validator(mode="after")
    def _together(self) -> UpsampleArgs:
        if (self.size is None) == (self.scale_factor is None):
            raise fault("give either size or scale_factor")
        if self.align_corners is not None and self.mode == "nearest":
            raise fault('align_corners is for mode="bilinear"')
        return self


def _scaled(size: int, factor: float) -> int:
    # An integer factor goes without floats, so that a free size stays a free size.
    return size * int(factor) if factor == int(factor) else floor(size * factor)


class Upsample(Operation):
    """``[C, H, W] -> [C, H', W']``, each channel on its own."""

    name = "upsample"
    Args = UpsampleArgs
    keeps_zero = True

    @classmethod
    def lower(cls, at: Lowering, args: UpsampleArgs, inputs: Sequence[Value]) -> Value:
        value = ranked(cls, inputs[0], 3)
        before = spatial_axes(at, value)
        if args.size is not None:
            sizes = per_axis(args.size, 2)
        else:
            sizes = tuple(map(_scaled, before, per_axis(args.scale_factor or 1.0, 2)))
        if min(sizes) < 1 or max(sizes) > MAX_SIZE:
            message = f"`{cls.name}` would give {shown(sizes)} from {shown(before)}"
            raise OpFault("F251", message, "choose another factor")
        if args.mode == "bilinear":
            at.work(4 * value.shape[0] * product(sizes))
        return Value((value.axes[0], *map(at.spatial, sizes)))


class SubsampleArgs(Args):
    stride: Size


class Subsample2d(Operation):
    """Every ``stride``-th row and column from the first: ``x[:, :, ::s, ::s]``."""

    name = "subsample2d"
    Args = SubsampleArgs
    keeps_zero = True
    keeps_range = True

    @classmethod
    def lower(cls, at: Lowering, args: SubsampleArgs, inputs: Sequence[Value]) -> Value:
        value = ranked(cls, inputs[0], 3)
        sizes = [(n - 1) // args.stride + 1 for n in spatial_axes(at, value)]
        return Value((value.axes[0], *map(at.spatial, sizes)))


class PadChannelsArgs(Args):
    before: Natural
    after: Natural


class PadChannels(Operation):
    """``[C, ...] -> [before + C + after, ...]`` with zeros: ``Cat(P, C, Q)`` (``docs/maths.md`` G-2)."""

    name = "pad_channels"
    Args = PadChannelsArgs
    keeps_zero = True

    @classmethod
    def lower(cls, at: Lowering, args: PadChannelsArgs, inputs: Sequence[Value]) -> Value:
        value = ranked(cls, inputs[0], 1, 2, 3)
        parts = [value.axes[0]]
        if args.before:
            parts.insert(0, at.space(args.before))
            at.sets("before", parts[0])
        if args.after:
            parts.append(at.space(args.after))
            at.sets("after", parts[-1])
        return Value((cat(parts), *value.axes[1:]))
