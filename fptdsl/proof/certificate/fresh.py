"""What inserted operations without tensors make of claims: new units, of which equal ones stay equal.

Nothing here stands for an old value.  What counts is which units are zero and which are equal, so that a
branch whose last layer reads twins with opposite signs is seen to end in zero (R2DeeperR, D-8).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...architecture.graph import Node
from ...architecture.ops import OPERATIONS
from ...architecture.ops.shapes import axis_of
from .claims import ZERO, AxisClaim, Claim, plain_free, product, renumber, unknown, zero_claim
from .reading import Ints
from .transfer import SPECIAL, every_unit_alone

Axes = tuple[AxisClaim, ...]
POINTWISE = ("softmax", "log_softmax", "softcap", "multiply")
"""Operations that treat equal units alike, whichever axis they run over."""


def made_of(node: Node, inputs: Sequence[Claim]) -> Claim:
    """The claim of what an inserted operation gives."""
    operation = OPERATIONS[node.op]
    enough = any if operation.annihilates else all
    if (operation.keeps_zero or operation.annihilates) and enough(claim.zeros for claim in inputs):
        return zero_claim(node.output.shape)
    given = [claim.free().axes for claim in inputs]
    if not operation.keeps_zero:
        given = [tuple(axis.without_zeros() for axis in axes) for axes in given]
    rule = RULES.get(node.op)
    if rule is not None:
        axes = rule(node, given)
    elif every_unit_alone(node.op) or node.op in POINTWISE:
        axes = tuple(axis if axis.new == size else plain_free(size) for axis, size in zip(given[0], node.output.shape))
    else:
        return unknown(node.output.shape)
    fits = tuple(axis.new for axis in axes) == node.output.shape
    return Claim(None, axes) if fits else unknown(node.output.shape)


def sum_with_old(kept: Claim, others: Sequence[Claim]) -> Claim | None:
    """An old value and what is added to it where it is not an old unit: new units become others, equal ones alike.

    None where something is added to old units, or the values are not told apart along one axis alone.
    """
    for other in others:
        places = [place for place, axis in enumerate(kept.axes) if not axis.plain]
        if len(places) != 1 or other.old is not None:
            return None
        place = places[0]
        axis, more = kept.axes[place], other.axes[place]
        if axis.even is not None or not more.simple or (more.labels[axis.known] != ZERO).any():
            return None
        changed = more.labels != ZERO
        keys = np.stack([axis.labels.astype(np.float64), axis.factors, more.labels.astype(np.float64)])
        _, found = np.unique(keys, axis=1, return_inverse=True)
        labels = np.where(changed, axis.top + found.reshape(-1), axis.labels)
        scales = None if axis.scales is None else np.where(changed, 1.0, axis.scales)
        kept = Claim(kept.old, (*kept.axes[:place], AxisClaim(axis.old, labels, scales), *kept.axes[place + 1 :]))
    return kept


def _elementwise(node: Node, given: Sequence[Axes]) -> Axes:
    """Units are equal where all operands are; a product is zero where one of them is."""
    found = []
    if any(len(axes) != len(node.output.shape) for axes in given):
        return unknown(node.output.shape).axes
    for place, size in enumerate(node.output.shape):
        labels = [axes[place].labels for axes in given if axes[place].new == size]
        enough = 1 if node.op == "mul" else len(given)  # What is repeated over the axis is not zero there.
        found.append(AxisClaim(0, _together(np.stack(labels), enough) if labels else np.empty(0, dtype=np.int64)))
    return tuple(found)


def _together(labels: Ints, enough: int) -> Ints:
    """Labels of units by those of several operands, ``[operands, units]``: zero where ``enough`` of these are."""
    found = np.full(labels.shape[1], ZERO, dtype=np.int64)
    left = (labels == ZERO).sum(axis=0) < enough
    _, first, inverse = np.unique(labels[:, left], axis=1, return_index=True, return_inverse=True)
    found[left] = np.argsort(np.argsort(first))[inverse.reshape(-1)]
    return found


def _reordered(node: Node, given: Sequence[Axes]) -> Axes:
    """Operations that move units about do with new ones what they do with old ones."""
    return SPECIAL[node.op](node, node, [Claim(None, axes) for axes in given], {})


def _joined(node: Node, given: Sequence[Axes]) -> Axes:
    """Parts behind each other; the other axes hold what they hold only if all parts agree."""
    along = axis_of(OPERATIONS["concat"], node.args.dim, node.inputs[0])  # type: ignore[attr-defined]
    agree = all(axes[place].same(given[0][place]) for axes in given for place in range(len(axes)) if place != along)
    return _reordered(node, given) if agree else unknown(node.output.shape).axes


def _without(node: Node, given: Sequence[Axes]) -> Axes:
    """Axes of which one position is taken, or the mean."""
    args: Any = node.args
    dims = args.dim if isinstance(args.dim, tuple) else (args.dim,)
    dropped = {axis_of(OPERATIONS[node.op], dim, node.inputs[0]) for dim in dims}
    return tuple(axis for place, axis in enumerate(given[0]) if place not in dropped)


def _part(node: Node, given: Sequence[Axes]) -> Axes:
    args: Any = node.args
    along = axis_of(OPERATIONS[node.op], args.dim, node.inputs[0])
    part = slice(args.start, args.start + args.length)
    return tuple(axis.take(part) if place == along else axis for place, axis in enumerate(given[0]))


def _heads(node: Node, given: Sequence[Axes]) -> Axes:
    """Heads are equal where all their units are."""
    *others, units = given[0]
    table = units.labels.reshape(node.output.shape[-2:])
    return (*others, _rows(table), _rows(table.T))


def _largest(node: Node, given: Sequence[Axes]) -> Axes:
    """Units are equal where they have the same pieces."""
    pieces: int = node.args.pieces  # type: ignore[attr-defined]
    return (_rows(np.sort(given[0][0].labels.reshape(-1, pieces), axis=1)), *given[0][1:])


def _rows(table: Any) -> AxisClaim:
    keys: list[Any] = [ZERO if (row == ZERO).all() else tuple(row.tolist()) for row in table]
    return AxisClaim(0, renumber(keys, 0))


def _rotated(node: Node, given: Sequence[Axes]) -> Axes:
    """Units of a head are mixed in the same way in every head."""
    return (*given[0][:-1], plain_free(given[0][-1].new))


def _attention(node: Node, given: Sequence[Axes]) -> Axes:
    """Heads are equal where queries, keys, values and biases are, and zero where the values are."""
    query, key, value = given[:3]
    each = query[1].new // key[1].new
    keys: list[Any] = []
    for head, label in enumerate(query[1].labels.tolist()):
        served = head // each
        bias = int(given[3][0].labels[head]) if len(given) == 4 else 0
        zero = value[1].labels[served] == ZERO
        keys.append(ZERO if zero else (label, int(key[1].labels[served]), int(value[1].labels[served]), bias))
    return query[0], product([AxisClaim(0, renumber(keys, 0)), value[2]])


RULES: dict[str, Callable[[Node, Sequence[Axes]], Axes]] = {
    "add": _elementwise,
    "mul": _elementwise,
    "maxout": _largest,
    "flatten": _reordered,
    "permute": _reordered,
    "transpose": _reordered,
    "concat": _joined,
    "select": _without,
    "mean": _without,
    "narrow": _part,
    "split_heads": _heads,
    "rotary": _rotated,
    "attention": _attention,
}
