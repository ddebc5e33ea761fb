"""Which positions of a tensor are new, and which belong to which unit of a Space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..growth.plan import Plan, TensorPlan
from ..growth.recipe import Axis, Concat, Leaf, Product, Table
from .certificate.classes import axis_claim

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Holder:
    """A tensor that holds a Space on one axis, with the unit of every position (-1: none of it)."""

    tensor: str
    axis: int
    units: Ints


def new_positions(tensor: TensorPlan, tables: Mapping[str, Table]) -> list[Flags]:
    """For every axis of a grown tensor, the positions that the old one did not have."""
    recipe = tensor.recipe
    if recipe is None:
        return [np.zeros(size, dtype=bool) for size in tensor.new_shape]
    if tensor.source is None:
        return [np.ones(size, dtype=bool) for size in tensor.new_shape]
    found = []
    for axis, size in zip(recipe.axes, tensor.new_shape):
        claim = axis_claim(axis, tables)
        first = np.zeros(size, dtype=bool)
        first[np.unique(claim.labels, return_index=True)[1]] = True
        found.append(~first | (claim.labels < 0) | (claim.labels >= claim.old))
    return found


def originals(tensor: TensorPlan, tables: Mapping[str, Table]) -> list[Ints]:
    """For every axis of a grown tensor, the position that each is a copy of (itself where it is none)."""
    recipe = tensor.recipe
    if recipe is None or tensor.source is None:
        return [np.arange(size) for size in tensor.new_shape]
    found = []
    for axis in recipe.axes:
        labels = axis_claim(axis, tables).labels
        _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
        found.append(np.where(labels >= 0, first[inverse], np.arange(len(labels))))
    return found


def holders(plan: Plan, space: str) -> list[Holder]:
    """All tensors that hold the Space on an axis."""
    tables = {table.space: table for table in plan.tables}
    found = []
    for tensor in plan.tensors:
        if tensor.recipe is None or tensor.buffer:
            continue
        for number, axis in enumerate(tensor.recipe.axes):
            units = units_on(axis, space, tables)
            if (units >= 0).any() and len(units) == tensor.new_shape[number]:
                found.append(Holder(tensor.name, number, units))
    return found


def units_on(axis: Axis, space: str, tables: Mapping[str, Table]) -> Ints:
    """The unit of a Space at every position of a grown axis, -1 elsewhere."""
    if isinstance(axis, Leaf):
        table = tables.get(axis.space) if axis.space is not None else None
        size = axis.size if table is None else table.new
        return np.arange(size) if axis.space == space else np.full(size, -1)
    if isinstance(axis, Concat):
        return np.concatenate([units_on(part, space, tables) for part in axis.parts])
    assert isinstance(axis, Product)
    total = np.full(1, -1)
    for factor in axis.factors:
        inner = units_on(factor, space, tables)
        total = np.maximum(np.repeat(total, len(inner)), np.tile(inner, len(total)))
    return total
