"""The class of every unit that a layer writes, by the plan's tables (``docs/maths.md`` section 2).

The planner has code of its own for this; a certificate must not rest on it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...growth.recipe import Axis, Concat, Leaf, Table
from .claims import ZERO, AxisClaim, concatenation, plain, product


def axis_claim(axis: Axis, tables: Mapping[str, Table]) -> AxisClaim:
    """Labels of the positions of an axis of a recipe."""
    if isinstance(axis, Leaf):
        table = tables.get(axis.space) if axis.space is not None else None
        return plain(axis.size) if table is None else table_claim(table)
    if isinstance(axis, Concat):
        return concatenation([axis_claim(part, tables) for part in axis.parts])
    return product([axis_claim(factor, tables) for factor in axis.factors])


def table_claim(table: Table) -> AxisClaim:
    """New classes whose writers are zero are zero units (W-4, zero-in)."""
    classes = np.asarray(table.classes, dtype=np.int64)
    if table.writer == "zero":
        classes = np.where(classes >= table.old, ZERO, classes)
    return AxisClaim(table.old, classes)
