"""What the declarations share: checks of a value's axes, events on its units, splitting into groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..graph import Value
from ..terms import UNIT, Cat, Prod, Term, resolve, size, spaces, split_outer
from .base import Lowering, Operation, OpFault

AXES = {1: ["channels"], 2: ["channels", "length"], 3: ["channels", "height", "width"]}


def shown(shape: Sequence[int]) -> str:
    """``[64, 8, 8]``"""
    return "[" + ", ".join(map(str, shape)) + "]"


def floating(op: type[Operation], value: Value) -> Value:
    """The value, which must hold floats."""
    if value.dtype != "float":
        raise OpFault(
            "F254",
            f"`{op.name}` takes numbers with a fraction, and this value holds {value.dtype}",
            "declare the input as `float[...]`",
        )
    return value


def ranked(op: type[Operation], value: Value, *ranks: int) -> Value:
    """The value, which must hold floats and have one of these numbers of axes (batch not counted)."""
    floating(op, value)
    if len(value.axes) not in ranks:
        wanted = " or ".join("[" + ", ".join(AXES[rank]) + "]" for rank in ranks)
        message = f"`{op.name}` takes a value of {wanted}; this one is {shown(value.shape)}"
        raise OpFault("F250", message, _way(op, value))
    return value


def _way(op: type[Operation], value: Value) -> str | None:
    rank = len(value.axes)
    if op.name.endswith("1d") and rank == 3:
        return f"did you mean `{op.name[:-2]}2d`?"
    if op.name.endswith("2d") and rank == 2:
        return f"did you mean `{op.name[:-2]}1d`?" if not op.name.startswith("adaptive") else None
    if rank == 1:
        return "the value is flat already: use it before `flatten` or global pooling"
    return None


def spatial_axes(at: Lowering, value: Value) -> tuple[int, ...]:
    """The sizes of the axes after the channels, which an operation that mixes positions freezes."""
    for axis in value.axes[1:]:
        at.freeze(axis, "spatial")
    return value.shape[1:]


def announce(at: Lowering, kind: str, axes: Iterable[Term], detail: str = "") -> None:
    """Raise an event on every axis that has units that may grow."""
    for axis in axes:
        if any(space.frozen is None for space in spaces(axis)):
            at.event(kind, axis, detail)


def split(at: Lowering, term: Term, outer: int) -> tuple[Term, Term]:
    """A channel axis as ``outer`` groups of equal size, row-major.

    Where the units cannot be split so, they are frozen, and so are the terms that are returned.
    """
    term = resolve(term)
    inner = size(term) // outer
    if outer == 1:
        return UNIT, term
    if inner == 1:
        return term, UNIT
    if isinstance(term, Cat):
        groups, members = at.space(outer), at.space(inner)
        at.unify(term, Prod((groups, members)))
        return resolve(groups), resolve(members)
    pair = split_outer(term, outer, at.where)
    if pair is None:
        pair = at.space(outer), at.space(inner)
        for part in pair:
            at.freeze(part, f"{size(term)} units cannot be split into {outer} x {inner} at {at.where}")
    return pair
