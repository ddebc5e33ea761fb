"""Rows of a grown tensor that are old values and zeros alone: copied as stored, without float64.

Most of a widened network is this: rows that stay, with zero columns for new inputs.  What is computed
(shares, fresh values, noise) is left to ``evaluate.py``; both give the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..architecture.graph import Role
from .axes import AxisMap
from .grid import Raw
from .recipe import Ints
from .source import Weights


def copied_rows(maps: Sequence[AxisMap], roles: Sequence[Role]) -> np.ndarray | None:
    """Which rows of the grown tensor hold only old values and zeros, as a mask; None: no row for sure."""
    if not maps or roles[0] == "reads" or any(m.sign is not None or m.noise.any() for m in maps):
        return None
    for here, role in zip(maps[1:], roles[1:]):
        if (role == "reads" and not _alone(here)) or (role == "writes" and (here.source < 0).any()):
            return None
    return np.asarray(maps[0].source >= 0)


def _alone(reader: AxisMap) -> bool:
    """Whether a reader's axis has old columns, each at most once, and zero columns."""
    if reader.plain:
        return True
    copies = reader.source >= 0
    labels = reader.label[copies]
    return reader.coefficient is None and not reader.reader[~copies].any() and len(np.unique(labels)) == len(labels)


def stored_rows(source: Weights, name: str, maps: Sequence[AxisMap], roles: Sequence[Role], rows: Ints) -> Raw:
    """Rows ``rows`` of the grown tensor, which ``copied_rows`` allows, in the raw dtype of the old one."""
    values = _gather(source, name, maps[0].source[rows])
    for axis, (here, role) in enumerate(zip(maps[1:], roles[1:]), 1):
        if not here.plain:
            values = _widened(values, axis, here, role)
    return values


def _widened(values: Raw, axis: int, here: AxisMap, role: Role) -> Raw:
    if role != "reads":
        return np.take(values, np.where(here.source >= 0, here.source, here.donor), axis=axis)
    grown = np.zeros((*values.shape[:axis], here.new, *values.shape[axis + 1 :]), values.dtype)
    copies = np.flatnonzero(here.source >= 0)
    if len(copies):
        target, old = np.moveaxis(grown, axis, 0), np.moveaxis(values, axis, 0)
        target[span(copies)] = old[span(here.source[copies])]
    return grown


def _gather(source: Weights, name: str, positions: Ints) -> Raw:
    """Rows at any positions, read as one block."""
    low, high = int(positions.min()), int(positions.max()) + 1
    block = source.rows(name, low, high)
    here = positions - low
    return block if len(here) == len(block) and np.array_equal(here, np.arange(len(block))) else block[here]


def span(places: Ints) -> Ints | slice:
    """The places as a slice where they are neighbours, so that values need not be gathered."""
    first, last = int(places[0]), int(places[-1])
    neighbours = last - first + 1 == len(places) and np.array_equal(places, np.arange(first, last + 1))
    return slice(first, last + 1) if neighbours else places
