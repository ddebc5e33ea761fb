"""The class of every unit that a layer writes, by the plan's tables (``docs/maths.md`` section 2).

The planner has code of its own for this; a certificate must not rest on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ...growth.recipe import Axis, Concat, Leaf, Table
from .claims import MEAN, ZERO, AxisClaim, concatenation, plain, product


def axis_claim(axis: Axis, tables: Mapping[str, Table]) -> AxisClaim:
    """Labels of the positions of an axis of a recipe."""
    if isinstance(axis, Leaf):
        table = tables.get(axis.space) if axis.space is not None else None
        return plain(axis.size) if table is None else table_claim(table, axis.power)
    if isinstance(axis, Concat):
        return concatenation([axis_claim(part, tables) for part in axis.parts])
    return product([axis_claim(factor, tables) for factor in axis.factors])


def table_claim(table: Table, power: int = 1) -> AxisClaim:
    """New classes whose writers are zero are zero units (W-4, zero-in), or means of the old ones (N-6).

    Old units may be multiples (W-8, D-7), some layers of the units themselves (``power`` 0), and gains what makes
    these of them (-1); what a new unit is a multiple of does not matter.
    """
    classes = table.classes
    if table.writer != "fresh":
        classes = np.where(classes >= table.old, ZERO if table.writer == "zero" else MEAN, classes)
    claim = AxisClaim(table.old, classes)
    if power == 0 or table.signs is None or bool(np.all(table.signs == 1.0)):
        return claim
    multiples = claim.times(table.signs**power)
    new = classes >= table.old
    labels = np.where(new, table.old + multiples.identities, classes)
    return AxisClaim(table.old, labels, np.where(new, 1.0, multiples.factors))


def spaces_of(axis: Axis) -> Iterator[str]:
    """The names of the tables of an axis."""
    if isinstance(axis, Leaf):
        if axis.space is not None:
            yield axis.space
        return
    for part in axis.parts if isinstance(axis, Concat) else axis.factors:
        yield from spaces_of(part)
