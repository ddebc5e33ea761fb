"""From tables to index maps: what every position of a grown axis is.

The map of a product is the mixed-radix combination of the maps of its factors, that of a
concatenation the maps of the parts with offsets (``docs/maths.md`` section 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .recipe import Axis, Concat, Floats, Ints, Leaf, Table

ZERO, FRESH, PAIR = 0, 1, 2
MEAN = 2
"""Of writers only."""
KEPT = 32
"""Most maps that are kept: neighbouring tensors share theirs, and those of a large model would take gigabytes."""
"""What a new class gets, ordered so that the minimum of two factors is that of their product."""
_READER = {"zero": ZERO, "fresh": FRESH, "pair": PAIR}
_WRITER = {"zero": ZERO, "fresh": FRESH, "mean": MEAN}
SPLITS = ("equal", "scalar", "element", "projection")


@dataclass(frozen=True, eq=False)
class AxisMap:
    """Arrays over the positions of a grown axis.

    ``source``: the old position of a copy, -1 for a new class.  ``label``: equal for members of one
    class.  ``donor``: the old position whose norm statistics a new class takes (``source`` for copies).
    ``writer``, ``reader``: what a new class gets in kernels that produce or consume it.
    """

    old: int
    source: Ints
    label: Ints
    donor: Ints
    writer: Ints
    reader: Ints
    noise: Floats
    """Of copies, in standard deviations of the kernel (W-7)."""
    scale: Floats
    """Of fresh values, in standard deviations of the kernel (W-3)."""
    split: str = "equal"
    sign: Floats | None = None
    """What writers and shifts are multiplied by; None: 1 everywhere."""
    coefficient: Floats | None = None
    """What readers are multiplied by, after shares; None: 1 everywhere."""

    @property
    def new(self) -> int:
        return len(self.source)

    @cached_property
    def representatives(self) -> Ints:
        """The first position of each label."""
        found = np.full(int(self.label.max()) + 1, -1, dtype=np.int64)
        found[self.label[::-1]] = np.arange(self.new)[::-1]
        return found

    @cached_property
    def plain(self) -> bool:
        """True when the axis does not change."""
        multiplied = self.sign is not None or self.coefficient is not None
        return self.old == self.new and not multiplied and bool(np.all(self.source == np.arange(self.old)))


def leaf_map(size: int, table: Table | None, power: int = 1) -> AxisMap:
    """The map of one Space; ``power``: of its multiples, which are those of some tensors and not of others."""
    if table is None:
        here = np.arange(size)
        return AxisMap(size, here, here, here, *_constants(size, FRESH, ZERO, 0.0, 1.0))
    classes = table.classes
    fresh = classes >= table.old
    donors = np.concatenate([np.arange(table.old), table.donors])
    return AxisMap(
        table.old,
        np.where(fresh, -1, classes),
        classes if table.coefficients is None else _apart(classes, table.old),
        donors[classes],
        *_constants(len(classes), _WRITER[table.writer], _READER[table.reader], table.noise, table.scale),
        table.split,
        table.signs**power if table.signs is not None and power else None,
        _read_by(table, power),
    )


def _read_by(table: Table, power: int) -> Floats | None:
    """What readers are multiplied by: the coefficients, or one over the multiples that the units are (scaled law)."""
    if table.coefficients is not None:
        return table.coefficients
    return 1.0 / table.signs if table.signs is not None and power == 1 else None


def _constants(size: int, writer: int, reader: int, noise: float, scale: float) -> tuple[Ints, Ints, Floats, Floats]:
    """One value for all positions of each, in the memory of one value."""
    return (
        np.broadcast_to(np.int64(writer), size),
        np.broadcast_to(np.int64(reader), size),
        np.broadcast_to(np.float64(noise), size),
        np.broadcast_to(np.float64(scale), size),
    )


def _apart(classes: Ints, old: int) -> Ints:
    """Labels where every copy is a class of its own: readers multiply it by its coefficient, they do not share."""
    labels = classes.copy()
    first = np.unique(classes, return_index=True)[1]
    later = np.setdiff1d(np.flatnonzero(classes < old), first)
    labels[later] = int(classes.max()) + 1 + np.arange(len(later))
    return np.asarray(labels, dtype=np.int64)


class Maps:
    """The maps of axes under one set of tables; the latest are kept."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self.tables = tables
        self._made: dict[Axis, AxisMap] = {}

    def __call__(self, axis: Axis) -> AxisMap:
        found = self._made.pop(axis, None)
        if found is None:
            found = axis_map(axis, self.tables)
            if len(self._made) >= KEPT:
                del self._made[next(iter(self._made))]
        self._made[axis] = found
        return found


def axis_map(axis: Axis, tables: Mapping[str, Table]) -> AxisMap:
    """The map of an axis, with the tables of the Spaces in it."""
    if isinstance(axis, Leaf):
        return leaf_map(axis.size, tables.get(axis.space) if axis.space else None, axis.power)
    if isinstance(axis, Concat):
        return _concat([axis_map(part, tables) for part in axis.parts])
    total = leaf_map(1, None)
    for factor in axis.factors:
        total = _times(total, axis_map(factor, tables))
    return total


def _concat(maps: list[AxisMap]) -> AxisMap:
    offsets = np.cumsum([0] + [m.old for m in maps])
    labels = np.cumsum([0] + [int(m.label.max()) + 1 for m in maps])
    return AxisMap(
        int(offsets[-1]),
        np.concatenate([np.where(m.source < 0, -1, m.source + o) for m, o in zip(maps, offsets)]),
        np.concatenate([m.label + o for m, o in zip(maps, labels)]),
        np.concatenate([m.donor + o for m, o in zip(maps, offsets)]),
        np.concatenate([m.writer for m in maps]),
        np.concatenate([m.reader for m in maps]),
        np.concatenate([m.noise for m in maps]),
        np.concatenate([m.scale for m in maps]),
        _split(maps),
        _joined([m.sign for m in maps], maps),
        _joined([m.coefficient for m in maps], maps),
    )


def _times(outer: AxisMap, inner: AxisMap) -> AxisMap:
    def combine(a: Ints, b: Ints, radix: int) -> Ints:
        return (a[:, None] * radix + b[None, :]).reshape(-1)

    fresh = ((outer.source < 0)[:, None] | (inner.source < 0)[None, :]).reshape(-1)
    # A position is new when either factor is; what it gets is decided by the new factor or factors.
    kind = {}
    for name in ("writer", "reader"):
        a = np.where(outer.source < 0, getattr(outer, name), PAIR + 1)[:, None]
        b = np.where(inner.source < 0, getattr(inner, name), PAIR + 1)[None, :]
        kind[name] = np.minimum(np.minimum(a, b).reshape(-1), PAIR)
    return AxisMap(
        outer.old * inner.old,
        np.where(fresh, -1, combine(outer.source, inner.source, inner.old)),
        combine(outer.label, inner.label, int(inner.label.max()) + 1),
        combine(outer.donor, inner.donor, inner.old),
        kind["writer"],
        kind["reader"],
        np.maximum(outer.noise[:, None], inner.noise[None, :]).reshape(-1),
        (outer.scale[:, None] * inner.scale[None, :]).reshape(-1),
        _split([outer, inner]),
        _product(outer.sign, inner.sign, outer, inner),
        _product(outer.coefficient, inner.coefficient, outer, inner),
    )


def _joined(values: list[Floats | None], maps: list[AxisMap]) -> Floats | None:
    if all(value is None for value in values):
        return None
    return np.concatenate([np.ones(m.new) if v is None else v for v, m in zip(values, maps)])


def _product(a: Floats | None, b: Floats | None, outer: AxisMap, inner: AxisMap) -> Floats | None:
    if a is None and b is None:
        return None
    left = np.ones(outer.new) if a is None else a
    right = np.ones(inner.new) if b is None else b
    return np.asarray((left[:, None] * right[None, :]).reshape(-1))


def _split(maps: list[AxisMap]) -> str:
    """The split of the maps together: the most general of them."""
    return max((m.split for m in maps), key=SPLITS.index)
