"""What a baseline still promises: every old weight is in the grown checkpoint, bit for bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..growth.axes import axis_map
from ..growth.plan import Plan, TensorPlan
from ..growth.recipe import Source, Table

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint


def lost_weights(plan: Plan, before: Checkpoint, after: Checkpoint) -> list[str]:
    """The grown tensors in which old values are not where the plan says that they stay.

    Tensors with copies are not looked at: their readers are shares of the old values.  One tensor is in
    memory at a time, old and new.
    """
    tables = {table.space: table for table in plan.tables}
    return [
        tensor.name
        for tensor in plan.tensors
        if tensor.source is not None and tensor.source in before and not _kept(tensor, tables, before, after)
    ]


def _kept(tensor: TensorPlan, tables: dict[str, Table], before: Checkpoint, after: Checkpoint) -> bool:
    name = tensor.source or tensor.name
    old = before.rows(name, 0, (before.shape(name) or (1,))[0])
    new = after.rows(tensor.name, 0, (tensor.new_shape or (1,))[0])
    recipe = tensor.recipe
    if recipe is not None:
        if not isinstance(recipe.start, Source):
            return True  # another form, or drawn afresh, as the plan says
        for axis, term in enumerate(recipe.axes):
            here = axis_map(term, tables)
            places = np.flatnonzero(here.source >= 0)
            if len(places) != here.old or here.sign is not None or here.coefficient is not None:
                return True  # copies, or multiples
            new = np.take(new, places[np.argsort(here.source[places])], axis=axis)
    return old.dtype == new.dtype and old.tobytes() == np.ascontiguousarray(new).tobytes()
