"""Several values into one: ``add``, ``mul``, ``concat`` (``docs/maths.md`` G-1, G-3, G-6)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod as product
from typing import Annotated, Any

from pydantic import Field

from ..arguments import Args
from ..graph import Value
from ..terms import Term, cat, size
from .axes import announce, floating, shown
from .base import Lowering, Operation, OpFault
from .shapes import axis_of


def _clash(op: type[Operation], inputs: Sequence[Value], hint: str) -> OpFault:
    shapes = " and ".join(shown(value.shape) for value in inputs)
    return OpFault("F255", f"`{op.name}` cannot join values of {shapes}", hint)


def _same_rank(op: type[Operation], inputs: Sequence[Value]) -> None:
    if len({len(value.axes) for value in inputs}) > 1:
        raise _clash(op, inputs, "keep the spatial axes: `adaptive_avgpool2d(1)` gives [channels, 1, 1]")


def _broadcast(op: type[Operation], at: Lowering, inputs: Sequence[Value], axis: int) -> Term:
    """One axis of all operands: sizes are equal, or 1 for those that are repeated."""
    terms = [value.axes[axis] for value in inputs]
    full = max(map(size, terms))
    if any(size(term) not in (1, full) for term in terms):
        what = "channels" if axis == 0 else "positions"
        raise _clash(op, inputs, f"the {what} must be equal, or 1 to be repeated")
    wide = [term for term in terms if size(term) == full]
    for term in terms:
        if size(term) == full:
            at.unify(wide[0], term)
        else:
            at.freeze(term, f"repeated over {full} units at {at.where}")
    return wide[0]


class _Elementwise(Operation):
    """Operands of equal shape; an axis of size 1 is repeated."""

    inputs = None
    keeps_zero = True

    @classmethod
    def lower(cls, at: Lowering, args: Any, inputs: Sequence[Value]) -> Value:
        for value in inputs:
            floating(cls, value)
        _same_rank(cls, inputs)
        axes = tuple(_broadcast(cls, at, inputs, axis) for axis in range(len(inputs[0].axes)))
        announce(at, cls.name, axes)
        if cls.annihilates:
            at.work((len(inputs) - 1) * product(map(size, axes)))
        return Value(axes)


class Add(_Elementwise):
    """The sum of all operands; an axis of size 1 is repeated."""

    name = "add"


class Mul(_Elementwise):
    """The element-wise product of all operands; an axis of size 1 is repeated."""

    name = "mul"
    annihilates = True


class ConcatArgs(Args):
    """``dim`` counts the batch as 0; 1 is the channels."""

    dim: Annotated[int, Field(strict=True)] = 1


class Concat(Operation):
    """Joined along one axis: ``Cat(x1, x2, ...)``; the other axes are equal."""

    name = "concat"
    Args = ConcatArgs
    inputs = None
    keeps_zero = True
    keeps_range = True

    @classmethod
    def lower(cls, at: Lowering, args: ConcatArgs, inputs: Sequence[Value]) -> Value:
        if len({value.dtype for value in inputs}) > 1:
            raise OpFault("F254", f"`{cls.name}` cannot join values of different kinds of number")
        _same_rank(cls, inputs)
        joined = axis_of(cls, args.dim, inputs[0])
        first = inputs[0]
        for value in inputs[1:]:
            for axis, (left, right) in enumerate(zip(first.axes, value.axes, strict=True)):
                if axis == joined:
                    continue
                if size(left) != size(right):
                    raise _clash(cls, inputs, f"all axes but {joined + 1} must be equal (the batch is axis 0)")
                at.unify(left, right)
        parts = cat([value.axes[joined] for value in inputs])
        return Value((*first.axes[:joined], parts, *first.axes[joined + 1 :]), first.dtype)
