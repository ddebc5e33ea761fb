"""Operations that reorder, drop or average whole axes: ``permute``, ``transpose``, ``select``, ``mean``."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod as product
from typing import Annotated, Any

from pydantic import Field, field_validator

from ..arguments import Args
from ..free import FreeSize
from ..graph import Value
from ..terms import size, spaces
from .axes import floating, shown
from .base import Lowering, Operation, OpFault
from .fields import fault, spelled
from .shapes import axis_of

Dim = Annotated[int, Field(strict=True)]


class PermuteArgs(Args):
    """Arguments of ``torch.permute``: all axes in their new order, the batch (0) first."""

    dims: tuple[int, ...]

    @field_validator("dims", mode="before")
    @classmethod
    def _whole(cls, value: Any) -> tuple[int, ...]:
        whole = isinstance(value, (list, tuple)) and all(
            isinstance(dim, int) and not isinstance(dim, bool) for dim in value
        )
        if not whole or not value or value[0] != 0:
            raise fault(f"should be a list of all axes that starts with the batch, 0, not {spelled(value)}")
        return tuple(value)


class Permute(Operation):
    """The axes in another order: ``permute([0, 2, 3, 1])`` moves the channels of an image to the end."""

    name = "permute"
    Args = PermuteArgs
    keeps_zero = True
    keeps_range = True

    @classmethod
    def lower(cls, at: Lowering, args: PermuteArgs, inputs: Sequence[Value]) -> Value:
        value = inputs[0]
        order = [axis_of(cls, dim, value) for dim in args.dims[1:]]
        if sorted(order) != list(range(len(value.axes))):
            wanted = ", ".join(map(str, range(len(value.axes) + 1)))
            message = f"`{cls.name}` of {shown(value.shape)} needs each of the axes {wanted} once"
            raise OpFault("F256", message, "the batch counts as axis 0 and stays first")
        return Value(tuple(value.axes[axis] for axis in order), value.dtype)


class TransposeArgs(Args):
    """Arguments of ``torch.transpose``; the batch is axis 0 and cannot be one of them."""

    dim0: Dim
    dim1: Dim


class Transpose(Operation):
    """Two axes change places; the batch is axis 0 and stays."""

    name = "transpose"
    Args = TransposeArgs
    keeps_zero = True
    keeps_range = True

    @classmethod
    def lower(cls, at: Lowering, args: TransposeArgs, inputs: Sequence[Value]) -> Value:
        value = inputs[0]
        first, second = axis_of(cls, args.dim0, value), axis_of(cls, args.dim1, value)
        axes = list(value.axes)
        axes[first], axes[second] = axes[second], axes[first]
        return Value(tuple(axes), value.dtype)


class SelectArgs(Args):
    """Arguments of ``torch.select``."""

    dim: Dim
    index: Dim


class Select(Operation):
    """One position of an axis, which is dropped: ``select(1, -1)`` is the last step of a sequence."""

    name = "select"
    Args = SelectArgs
    keeps_zero = True
    keeps_range = True

    @classmethod
    def lower(cls, at: Lowering, args: SelectArgs, inputs: Sequence[Value]) -> Value:
        value = inputs[0]
        axis = axis_of(cls, args.dim, value)
        length = size(value.axes[axis])
        if not isinstance(length, FreeSize) and not -length <= args.index < length:
            message = f"`{cls.name}` takes position {args.index} of an axis with {length}"
            raise OpFault("F256", message, f"use 0 to {length - 1}, or -1 for the last")
        at.freeze(value.axes[axis], f"one of them is picked by number at {at.where}")
        return Value((*value.axes[:axis], *value.axes[axis + 1 :]), value.dtype)


class MeanArgs(Args):
    """Arguments of ``torch.mean``: one axis or a list; ``keepdim`` is false."""

    dim: int | tuple[int, ...]

    @field_validator("dim", mode="before")
    @classmethod
    def _whole(cls, value: Any) -> Any:
        items = value if isinstance(value, (list, tuple)) else [value]
        if not items or any(isinstance(item, bool) or not isinstance(item, int) for item in items):
            raise fault(f"should be an axis or a list of axes, not {spelled(value)}")
        return tuple(items) if items is value else value


class Mean(Operation):
    """The mean over one axis or several, which are dropped."""

    name = "mean"
    Args = MeanArgs
    keeps_zero = True
    keeps_range = True

    @classmethod
    def lower(cls, at: Lowering, args: MeanArgs, inputs: Sequence[Value]) -> Value:
        value = floating(cls, inputs[0])
        dims = args.dim if isinstance(args.dim, tuple) else (args.dim,)
        dropped = {axis_of(cls, dim, value) for dim in dims}
        for axis in sorted(dropped):
            if any(space.frozen is None for space in spaces(value.axes[axis])):
                at.event("mean", value.axes[axis])
        at.work(product(value.shape))
        return Value(tuple(axis for number, axis in enumerate(value.axes) if number not in dropped))
