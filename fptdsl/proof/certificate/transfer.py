"""What operations without tensors make of claims.

Each function takes the new node, the old node that it stands for and the claims of its inputs, and
returns the claims of the output's axes.  :class:`Illegal` says why an operation mixes units that the
old one kept apart (``docs/maths.md`` section 3, events).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...architecture.activations import activation_of
from ...architecture.graph import Node, Value
from ...architecture.ops import OPERATIONS
from ...architecture.ops.shapes import axis_of
from .claims import MEAN, SNAP, ZERO, AxisClaim, Claim, concatenation, plain, product, renumber
from .reading import Ints

Zeros = Mapping[Value, Ints]
"""Units of the first axis of old values that are zero for every input: the padding of a shortcut."""


class Illegal(Exception):
    """The operation does not keep the classes of grown units apart."""

    def __init__(self, message: str, check: str = "C3") -> None:
        super().__init__(message)
        self.check = check


class NoRule(Exception):
    """The certificate does not know what an operation does to units that grow."""

    def __init__(self, op: str, where: str) -> None:
        super().__init__(f"there is no rule for `{op}` on units that grow (at `{where}`)")


ALONE = frozenset(
    name
    for name, operation in OPERATIONS.items()
    if operation.activation is not None
    or "pool" in name
    or name in ("dropout", "dropout2d", "stochastic_depth", "upsample", "subsample2d")
)
"""Operations that take every unit of the first axis on its own."""


LINEAR = frozenset({
    "identity", "dropout", "dropout2d", "stochastic_depth", "avgpool1d", "avgpool2d", "adaptive_avgpool2d",
    "global_avgpool", "upsample", "subsample2d",
})  # fmt: skip
"""Those of them that keep sums, and so multiples, means and halves of pairs."""
LARGEST = frozenset({"maxpool1d", "maxpool2d", "adaptive_maxpool2d", "global_maxpool"})
"""Those that take the largest of several values, which keeps positive multiples."""


def every_unit_alone(op: str) -> bool:
    return op in ALONE


def keeps_multiples(node: Node) -> bool:
    """``f(s x) = s f(x)`` for ``s > 0``."""
    name = OPERATIONS[node.op].activation
    return node.op in LARGEST or (name is not None and activation_of(name, node.args).homogeneous)


def passed(node: Node, axis: AxisClaim) -> AxisClaim:
    """What an operation on every unit alone makes of units that may be multiples; zero is kept."""
    if node.op in LINEAR or axis.simple:
        return axis
    axis = axis.without_means()
    positive = axis.even is None and bool((axis.factors > 0).all())
    if not axis.simple and not (positive and keeps_multiples(node)):
        raise Illegal(f"`{node.op}` of a multiple of a unit is no multiple of what it makes of the unit")
    return axis


def simple(node: Node, axis: AxisClaim) -> AxisClaim:
    """The axis for an operation that keeps no multiples at all."""
    axis = axis.without_means()
    if not axis.simple:
        raise Illegal(f"`{node.op}` keeps no multiples, and these units are multiples of the old ones")
    return axis


def transfer(new: Node, old: Node, inputs: Sequence[Claim], zeros: Zeros) -> tuple[AxisClaim, ...]:
    """Claims of the output's axes, over the axes of the old output."""
    special = SPECIAL.get(new.op)
    if special is not None:
        return special(new, old, inputs, zeros)
    if not every_unit_alone(new.op):
        if all(claim.plain for claim in inputs):
            return tuple(map(plain, old.output.shape))
        raise NoRule(new.op, new.name)
    units = inputs[0].axes[: len(new.output.axes)]
    before, after = new.inputs[0].shape, new.output.shape
    found = []
    for place, axis in enumerate(units):
        # An axis whose size changes is one of positions, which do not grow.
        if place == 0 or before[place] == after[place]:
            axis = passed(new, axis)
            found.append(axis if OPERATIONS[new.op].keeps_zero else axis.without_zeros())
        elif axis.plain:
            found.append(plain(old.output.shape[place]))
        else:
            raise Illegal(f"`{new.op}` mixes positions that grow")
    return tuple(found)


def _concat(new: Node, old: Node, inputs: Sequence[Claim], zeros: Zeros) -> tuple[AxisClaim, ...]:
    along = axis_of(OPERATIONS["concat"], old.args.dim, old.inputs[0])  # type: ignore[attr-defined]
    found = []
    for place in range(len(new.output.axes)):
        parts = [claim.axes[place] for claim in inputs]
        if place == along:
            found.append(concatenation(parts))
        elif all(part.same(parts[0]) for part in parts):
            found.append(parts[0])
        else:
            raise Illegal("the joined values do not have the same units on another axis")
    return tuple(found)


def _flatten(new: Node, old: Node, inputs: Sequence[Claim], zeros: Zeros) -> tuple[AxisClaim, ...]:
    args: Any = old.args
    start, end = (axis_of(OPERATIONS["flatten"], dim, old.inputs[0]) for dim in (args.start_dim, args.end_dim))
    axes = inputs[0].axes
    return (*axes[:start], product(axes[start : end + 1]), *axes[end + 1 :])


def _pad(new: Node, old: Node, inputs: Sequence[Claim], zeros: Zeros) -> tuple[AxisClaim, ...]:
    """Zero units before and after (G-2)."""
    before, after, size = new.args.before, new.args.after, old.output.shape[0]  # type: ignore[attr-defined]
    axis = inputs[0].axes[0].without_means()
    offset: int = old.args.before  # type: ignore[attr-defined]

    def padded(here: Ints) -> Ints:
        middle = np.where(here == ZERO, ZERO, np.where(here < axis.old, here + offset, here - axis.old + size))
        return np.concatenate([np.full(before, ZERO), middle, np.full(after, ZERO)])

    scales = None if axis.scales is None else np.concatenate([np.ones(before), axis.scales, np.ones(after)])
    even = None if axis.even is None else padded(axis.even)
    return (AxisClaim(size, padded(axis.labels), scales, even), *inputs[0].axes[1:])


def _elementwise(new: Node, old: Node, inputs: Sequence[Claim], zeros: Zeros) -> tuple[AxisClaim, ...]:
    """Sums and products: a unit is old unit ``k`` when every operand's is; otherwise a new one."""
    found = []
    for place, size in enumerate(new.output.shape):
        operands = [
            (claim.axes[place], zeros.get(value) if place == 0 else None)
            for claim, value in zip(inputs, old.inputs)
            if claim.axes[place].new == size
        ]
        if any(claim.axes[place].new != size and not claim.axes[place].plain for claim in inputs):
            raise Illegal("a value that is repeated over an axis has grown")
        found.append(_combined(new.op, operands, old.output.shape[place], size))
    return tuple(found)


def _combined(op: str, operands: Sequence[tuple[AxisClaim, Ints | None]], old: int, size: int) -> AxisClaim:
    first = operands[0][0]
    if op == "add" and all(axis.same(first) for axis, _ in operands):
        return first
    if any(axis.even is not None for axis, _ in operands):
        raise Illegal("halves of pairs are added to something else, or multiplied")
    if op != "add":
        operands = [(axis.without_means(), gone) for axis, gone in operands]
    labels, scales = np.stack([axis.labels for axis, _ in operands]), np.stack([axis.factors for axis, _ in operands])
    product = scales.prod(axis=0)
    if (labels == labels[0]).all() and (op == "mul" or np.ptp(scales, axis=0).max(initial=0.0) == 0.0):
        return AxisClaim(old, labels[0]).times(product if op == "mul" else scales[0])
    vanish = np.zeros((len(operands), old), dtype=bool)
    for row, (_, gone) in enumerate(operands):
        if gone is not None:
            vanish[row, gone] = True
    keys: list[Any] = []
    times = np.ones(size)
    for unit in range(size):
        here = labels[:, unit]
        if (here == ZERO).all() or (op == "mul" and (here == ZERO).any()):
            keys.append(ZERO)
            continue
        known = here[(here >= 0) & (here < old)]
        unit_of = int(known[0]) if len(known) else MEAN if (here == MEAN).all() else None
        fits = unit_of is not None and all(
            label == unit_of or (label == ZERO and vanish[row, unit_of]) for row, label in enumerate(here)
        )
        if fits:
            multiples = scales[here != ZERO, unit]
            if op == "add" and not np.allclose(multiples, multiples[0], rtol=SNAP, atol=0.0):
                shown = " and ".join(f"{value:.6g}" for value in multiples)
                raise Illegal(f"unit {unit} adds {shown} times what was added: its operands do not grow alike")
            keys.append(unit_of)
            times[unit] = product[unit] if op == "mul" else multiples[0]
            continue
        if len(np.unique(known)) > 1 and not (here >= old).any():
            shown = " and ".join(str(int(label)) for label in np.unique(known))
            raise Illegal(f"unit {unit} joins old units {shown}: its operands do not have the same map")
        keys.append(tuple(zip(here.tolist(), scales[:, unit].tolist())))
    return AxisClaim(old, renumber(keys, old)).times(times)


def _softmax(new: Node, old: Node, inputs: Sequence[Claim], zeros: Zeros) -> tuple[AxisClaim, ...]:
    args: Any = old.args
    along = axis_of(OPERATIONS[new.op], 1 if args.dim is None else args.dim, old.inputs[0])
    if not inputs[0].axes[along].plain:
        raise Illegal("a softmax runs over units that have grown")
    return tuple(simple(new, axis).without_zeros() for axis in inputs[0].axes)


def _maxout(new: Node, old: Node, inputs: Sequence[Claim], zeros: Zeros) -> tuple[AxisClaim, ...]:
    """A unit is old unit ``k`` when its pieces are copies of all pieces of ``k`` (G-7)."""
    axis = inputs[0].axes[0].without_means()
    if axis.even is not None:
        raise Illegal("halves of pairs are pieces of a maximum")
    before, now = old.args.pieces, new.args.pieces  # type: ignore[attr-defined]
    keys: list[Any] = []
    times = axis.factors.reshape(-1, now)
    for pieces, scales in zip(axis.labels.reshape(-1, now), times):
        units = set((pieces // before).tolist()) if (pieces >= 0).all() and (pieces < axis.old).all() else set()
        if len(units) == 1 and len(set(pieces.tolist())) == before:
            if not (np.allclose(scales, scales[0], rtol=SNAP, atol=0.0) and scales[0] > 0):
                raise Illegal("the pieces of a maximum are different multiples")
            keys.append(int(units.pop()))
        else:
            keys.append(ZERO if (pieces == ZERO).all() else tuple(sorted(set(zip(pieces.tolist(), scales.tolist())))))
    size = old.output.shape[0]
    known = np.array([isinstance(key, int) for key in keys])
    units_claim = AxisClaim(size, renumber(keys, size)).times(np.where(known, times[:, 0], 1.0))
    return (units_claim, *(passed(new, other) for other in inputs[0].axes[1:]))


def _group_norm(new: Node, old: Node, inputs: Sequence[Claim], zeros: Zeros) -> tuple[AxisClaim, ...]:
    axis = simple(new, inputs[0].axes[0])
    groups: int = new.args.num_groups  # type: ignore[attr-defined]
    return (check_groups(axis, groups, old.args.num_groups), *inputs[0].axes[1:])  # type: ignore[attr-defined]


def _norm(new: Node, old: Node, inputs: Sequence[Claim], zeros: Zeros) -> tuple[AxisClaim, ...]:
    """Each unit on its own; the normalised zero is zero (scale and shift are checked elsewhere)."""
    return tuple(simple(new, axis) for axis in inputs[0].axes)


def _mean(new: Node, old: Node, inputs: Sequence[Claim], zeros: Zeros) -> tuple[AxisClaim, ...]:
    dims = old.args.dim if isinstance(old.args.dim, tuple) else (old.args.dim,)  # type: ignore[attr-defined]
    dropped = {axis_of(OPERATIONS[old.op], dim, old.inputs[0]) for dim in dims}
    for place in dropped:
        check_groups(simple(new, inputs[0].axes[place]), 1, 1)
    return tuple(axis for place, axis in enumerate(inputs[0].axes) if place not in dropped)


def _select(new: Node, old: Node, inputs: Sequence[Claim], zeros: Zeros) -> tuple[AxisClaim, ...]:
    place = axis_of(OPERATIONS[old.op], old.args.dim, old.inputs[0])  # type: ignore[attr-defined]
    if not inputs[0].axes[place].plain:
        raise Illegal("a position is picked by number on an axis that grows")
    return tuple(axis for number, axis in enumerate(inputs[0].axes) if number != place)


def _permute(new: Node, old: Node, inputs: Sequence[Claim], zeros: Zeros) -> tuple[AxisClaim, ...]:
    args: Any = old.args
    order = list(range(len(inputs[0].axes)))
    if old.op == "permute":
        order = [axis_of(OPERATIONS[old.op], dim, old.inputs[0]) for dim in args.dims[1:]]
    else:
        first, second = (axis_of(OPERATIONS[old.op], dim, old.inputs[0]) for dim in (args.dim0, args.dim1))
        order[first], order[second] = order[second], order[first]
    return tuple(inputs[0].axes[place] for place in order)


def _scale(new: Node, old: Node, inputs: Sequence[Claim], zeros: Zeros) -> tuple[AxisClaim, ...]:
    return inputs[0].axes


Rule = Callable[[Node, Node, Sequence[Claim], Zeros], tuple[AxisClaim, ...]]
SPECIAL: dict[str, Rule] = {
    "concat": _concat,
    "flatten": _flatten,
    "pad_channels": _pad,
    "add": _elementwise,
    "mul": _elementwise,
    "softmax": _softmax,
    "log_softmax": _softmax,
    "maxout": _maxout,
    "groupnorm": _group_norm,
    "instancenorm2d": _norm,
    "batchnorm1d": _norm,
    "batchnorm2d": _norm,
    "mean": _mean,
    "select": _select,
    "permute": _permute,
    "transpose": _permute,
    "scale": _scale,
}
"""Operations with a rule of their own."""


def zero_units(nodes: Sequence[Node]) -> dict[Value, Ints]:
    """Units that are zero for every input in a network: padding, and what only passes it on."""
    found: dict[Value, Ints] = {}
    for node in nodes:
        size = node.output.shape[0] if node.output.axes else 0
        if node.op == "pad_channels":
            before, after = node.args.before, node.args.after  # type: ignore[attr-defined]
            inside = found.get(node.inputs[0], np.zeros(0, dtype=np.int64)) + before
            found[node.output] = np.concatenate([np.arange(before), inside, np.arange(size - after, size)])
        elif len(node.inputs) == 1 and not node.tensors and OPERATIONS[node.op].keeps_zero:
            gone = found.get(node.inputs[0])
            if gone is not None and node.inputs[0].shape[0] == size and every_unit_alone(node.op):
                found[node.output] = gone
    return found


def check_groups(axis: AxisClaim, groups: int, before: int) -> AxisClaim:
    """Group norm: every group holds the units of one old group equally often, or only new ones (N-2).

    The units of an old group stay what they are; raises :class:`Illegal` elsewhere.
    """
    members = axis.old // before
    for number, labels in enumerate(axis.labels.reshape(groups, -1)):
        known = (labels >= 0) & (labels < axis.old)
        if not known.any():
            continue
        units, counts = np.unique(labels[known], return_counts=True)
        whole = known.all() and len(units) == members and len(np.unique(units // members)) == 1
        if not whole or len(np.unique(counts)) > 1:
            raise Illegal(f"group {number} of the norm does not hold the units of one old group equally often")
    alike: dict[tuple[int, ...], tuple[int, ...]] = {}
    for labels in axis.labels.reshape(groups, -1):
        if (labels >= axis.old).any():
            key = tuple(sorted(labels.tolist()))
            for unit in key:
                if alike.setdefault((unit,), key) != key:
                    raise Illegal("units of one class are normalised in groups that differ")
    return axis
