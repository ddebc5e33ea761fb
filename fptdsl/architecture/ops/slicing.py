"""``narrow``: a part of an axis, such as the queries of a fused projection (``docs/maths.md`` T-14)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from ..arguments import Args
from ..free import FreeSize
from ..graph import Value
from ..terms import Term, cut, size
from .axes import shown
from .base import Lowering, Operation, OpFault
from .fields import Natural, Size
from .shapes import axis_of


class NarrowArgs(Args):
    """Arguments of ``torch.narrow``; ``dim`` counts the batch as 0."""

    dim: Annotated[int, Field(strict=True)]
    start: Natural
    length: Size


class Narrow(Operation):
    """``length`` units of an axis from ``start`` on: the axis is a concatenation, and this is a part of it."""

    name = "narrow"
    Args = NarrowArgs
    keeps_zero = True
    keeps_range = True

    @classmethod
    def lower(cls, at: Lowering, args: NarrowArgs, inputs: Sequence[Value]) -> Value:
        value = inputs[0]
        axis = axis_of(cls, args.dim, value)
        whole = size(value.axes[axis])
        if isinstance(whole, FreeSize) or args.start + args.length > whole:
            message = f"`{cls.name}` takes {args.length} units from {args.start} on, and axis {args.dim} of "
            raise OpFault("F256", f"{message}{shown(value.shape)} has {whole}", "start + length is at most its size")
        before, part = _part(at, value.axes[axis], args)
        if before is not None:
            at.sets("start", before)
        at.sets("length", part)
        return Value((*value.axes[:axis], part, *value.axes[axis + 1 :]), value.dtype)


def _part(at: Lowering, term: Term, args: NarrowArgs) -> tuple[Term | None, Term]:
    """The terms before the part and of it; new frozen ones where the axis cannot be cut there."""
    before: Term | None = None
    rest: Term | None = term
    if args.start:
        halves = cut(term, args.start, at.where)
        before, rest = halves if halves is not None else (None, None)
    if rest is not None and args.length < size(rest):
        halves = cut(rest, args.length, at.where)
        rest = halves[0] if halves is not None else None
    if rest is None:
        rest = at.space(args.length)
        at.freeze(rest, f"cannot be cut at {at.where}")
    return before, rest
