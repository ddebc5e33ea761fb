"""What the operations of attention make of claims: heads, their rotation, their scores (``docs/maths.md`` T-3, T-4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...architecture.graph import Node
from ...architecture.ops import OPERATIONS
from ...architecture.ops.shapes import axis_of
from .claims import SNAP, ZERO, AxisClaim, Claim, plain, product, renumber
from .reading import Floats, Ints
from .transfer import SPECIAL, Illegal, Zeros, simple


def _split_heads(new: Node, old: Node, inputs: Sequence[Claim], zeros: Zeros) -> tuple[AxisClaim, ...]:
    """The claim of a product taken apart: which head and which of its units every position is."""
    *others, units = inputs[0].axes
    units = units.without_means()
    if units.even is not None:
        raise Illegal("halves of pairs are cut into heads")
    before, inner = old.output.shape[-2:]
    labels = units.labels.reshape(new.output.shape[-2:])
    scales = units.factors.reshape(labels.shape)
    known = [row for row in labels if ((row >= 0) & (row < units.old)).any()]
    columns = _columns(known, units.old, inner)
    multiples = None if units.scales is None else _multiples(labels, scales, units.old)
    heads: list[Any] = []
    for row, factors in zip(labels, scales):
        here = (row >= 0) & (row < units.old)
        if not here.any():
            heads.append(ZERO if (row == ZERO).all() else (*row.tolist(), *factors.tolist()))
            continue
        owners = np.unique(row[here] // inner)
        if len(owners) > 1:
            raise Illegal("a head joins units of different old heads")
        heads.append(int(owners[0]))
    return (*others, AxisClaim(before, renumber(heads, before)), AxisClaim(inner, columns, multiples))


def _multiples(labels: Ints, scales: Floats, old: int) -> Floats:
    """What every unit of a head is a multiple of the old one by, the same in every old head."""
    known = (labels >= 0) & (labels < old)
    highest = np.where(known, scales, -np.inf).max(axis=0)
    lowest = np.where(known, scales, np.inf).min(axis=0)
    if not (lowest >= highest)[known.any(axis=0)].all():
        raise Illegal("units of different heads are different multiples of the old ones")
    return np.where(known.any(axis=0), highest, 1.0)


def _columns(rows: Sequence[Ints], old: int, inner: int) -> Ints:
    """Which unit of a head each column is, the same in every old head."""
    keys: list[Any] = []
    for column in np.stack(rows).T if rows else ():
        here = (column >= 0) & (column < old)
        units = np.unique(column[here] % inner)
        if here.all() and len(units) == 1:
            keys.append(int(units[0]))
        elif not here.any():
            keys.append(ZERO if (column == ZERO).all() else tuple(column.tolist()))
        else:
            raise Illegal("the heads do not have the same units in the same places")
    return renumber(keys, inner)


def _rotary(new: Node, old: Node, inputs: Sequence[Claim], zeros: Zeros) -> tuple[AxisClaim, ...]:
    if not inputs[0].axes[-1].plain:
        raise Illegal("rotary positions turn units of a head that has grown")
    return tuple(simple(new, axis) for axis in inputs[0].axes)


def _attention(new: Node, old: Node, inputs: Sequence[Claim], zeros: Zeros) -> tuple[AxisClaim, ...]:
    """A head is an old one when its queries, keys and values are, and keys are served to the queries they were."""
    query, key = ((*(simple(new, axis) for axis in claim.axes[:2]), claim.axes[2]) for claim in inputs[:2])
    value = tuple(simple(new, axis) for axis in inputs[2].axes)
    _check_scores(new, old, query[2], key[2])
    bias = None
    if len(inputs) == 4:
        if not all(axis.plain for axis in inputs[3].axes[1:]):
            raise Illegal("the scores have a bias over positions that grow")
        bias = simple(new, inputs[3].axes[0]).labels
    each = query[1].new // key[1].new
    before = old.inputs[0].shape[1] // old.inputs[1].shape[1]
    heads: list[Any] = []
    for position, label in enumerate(query[1].labels.tolist()):
        serving = int(key[1].labels[position // each]), int(value[1].labels[position // each])
        if serving[1] == ZERO:
            heads.append(ZERO)
        elif 0 <= label < query[1].old:
            if set(serving) != {label // before}:
                raise Illegal(f"queries of old head {label} meet keys and values of another one")
            if bias is not None and bias[position] != label:
                raise Illegal(f"the scores of old head {label} get the bias of another one")
            heads.append(label)
        else:
            heads.append((label, *serving, 0 if bias is None else int(bias[position])))
    return query[0], product([AxisClaim(query[1].old, renumber(heads, query[1].old)), value[2]])


def _check_scores(new: Node, old: Node, query: AxisClaim, key: AxisClaim) -> None:
    """The sum over the units of a head, with the factor of the scores, is the old one: a new unit is zero on one side.

    The products of copies of an old unit, each side a multiple of it, add up to that of the old one (T-6).
    """
    if query.even is not None or key.even is not None:
        raise Illegal("halves of pairs are multiplied")
    query, key = query.without_means(), key.without_means()
    met = (query.labels != ZERO) & (key.labels != ZERO)
    left, right = query.labels[met], key.labels[met]
    if (left != right).any() or (left >= query.old).any():
        raise Illegal("units of queries meet other units of keys than before, and neither side is zero")
    products = query.factors[met] * key.factors[met]
    sums = np.bincount(left, weights=products, minlength=query.old)
    ratio = _scale(new) / _scale(old)
    if not np.allclose(sums * ratio, 1.0, rtol=0.0, atol=8 * SNAP):
        raise Illegal("the scores of the old units are not multiplied by what they were")


def _scale(node: Node) -> float:
    """What scores are multiplied by."""
    args, depth = _args(node), node.inputs[0].shape[2]
    return float(args.scale) if args.scale is not None else float((args.scale_dim or depth) ** -0.5)


def _narrow(new: Node, old: Node, inputs: Sequence[Claim], zeros: Zeros) -> tuple[AxisClaim, ...]:
    """A part of an axis holds the old units of that part, and new ones."""
    args, was = _args(new), _args(old)
    place = axis_of(OPERATIONS["narrow"], was.dim, old.inputs[0])
    whole = inputs[0].axes[place].without_means()
    labels = whole.labels[args.start : args.start + args.length]
    known = (labels >= 0) & (labels < whole.old)
    if ((labels[known] < was.start) | (labels[known] >= was.start + was.length)).any():
        raise Illegal("the part that is taken holds units that it did not hold")
    moved = np.where(known, labels - was.start, np.where(labels == ZERO, ZERO, labels - whole.old + was.length))
    part = whole.take(slice(args.start, args.start + args.length))
    if part.even is not None:
        raise Illegal("halves of pairs are cut apart")
    part = AxisClaim(was.length, moved, part.scales).times(1.0)  # no multiples where those of other parts were
    return (*inputs[0].axes[:place], part, *inputs[0].axes[place + 1 :])


def _alone(new: Node, old: Node, inputs: Sequence[Claim], zeros: Zeros) -> tuple[AxisClaim, ...]:
    return tuple(simple(new, axis) for axis in inputs[0].axes)


def _positions(new: Node, old: Node, inputs: Sequence[Claim], zeros: Zeros) -> tuple[AxisClaim, ...]:
    return tuple(map(plain, old.output.shape))


def _args(node: Node) -> Any:
    return node.args


RULES: dict[str, Callable[[Node, Node, Sequence[Claim], Zeros], tuple[AxisClaim, ...]]] = {
    "split_heads": _split_heads,
    "rotary": _rotary,
    "attention": _attention,
    "narrow": _narrow,
    "softcap": _alone,
    "positions": _positions,
    "full_like": _positions,
}
SPECIAL.update(RULES)
