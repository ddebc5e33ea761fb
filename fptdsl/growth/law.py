"""The widening law on arrays: readers are split so that every class sums to what it was.

``docs/maths.md`` section 2, (L2), with the samplers W-1 to W-4 and the grid rules S-1 and S-2.
"""

from __future__ import annotations

import numpy as np

from .axes import FRESH, PAIR, AxisMap
from .grid import Float64, snap, ulp
from .random import Stream

LARGEST = 1.75
"""What is drawn is at most this many times its deviation: a little more than the root of three."""


def split_reader(
    old: Float64, axis_map: AxisMap, deviation: float, dtype: str | None, stream: Stream, rows: np.ndarray
) -> Float64:
    """The reader's axis 1 widened: ``[rows, old, ...]`` to ``[rows, new, ...]``.

    ``rows`` are the numbers of the rows, which address the random numbers: a row gets the same values
    whatever other rows are computed with it.  ``dtype`` None: no grid.
    """
    copies = axis_map.source >= 0
    new = old[:, np.where(copies, axis_map.source, 0)]
    if not copies.all():
        _fill_fresh(new, axis_map, deviation, dtype, stream, rows)
    members = _members(axis_map, copies)
    if members.size:
        _share(new, members, axis_map, deviation, dtype, stream, rows)
    if axis_map.coefficient is not None:
        new *= np.where(copies, axis_map.coefficient, 1.0).reshape(1, -1, *(1,) * (new.ndim - 2))
    return new


def _members(axis_map: AxisMap, chosen: np.ndarray) -> np.ndarray:
    """``[classes, largest]`` positions of the members of every class with two or more, padded with -1."""
    positions = np.flatnonzero(chosen)
    labels, inverse, counts = np.unique(axis_map.label[positions], return_inverse=True, return_counts=True)
    if not len(labels) or counts.max() < 2:
        return np.empty((0, 0), dtype=np.int64)
    order = np.argsort(inverse, kind="stable")
    starts = np.cumsum(counts) - counts
    rank = np.arange(len(order)) - starts[inverse[order]]
    table = np.full((len(labels), counts.max()), -1, dtype=np.int64)
    table[inverse[order], rank] = positions[order]
    return table[counts >= 2]


def _share(
    new: Float64,
    members: np.ndarray,
    axis_map: AxisMap,
    deviation: float,
    dtype: str | None,
    stream: Stream,
    rows: np.ndarray,
) -> None:
    """Give every member of a class its share, the last one the remainder (S-1)."""
    counts = (members >= 0).sum(axis=1)
    if axis_map.split == "projection":
        _project(new, members, counts, deviation, stream, rows)
        return
    weights = _weights(members, counts, axis_map.split, stream, rows)
    whole = new[:, members[:, 0]]
    step = ulp(whole, dtype) if dtype is not None else None
    remainder = whole.copy()
    tail = (1,) * (new.ndim - 2)
    for rank in range(members.shape[1] - 1):
        inner = counts > rank + 1
        share = whole[:, inner] * weights[:, inner, rank].reshape(weights.shape[0], -1, *tail)
        if step is not None:
            share = snap(share, step[:, inner])
        new[:, members[inner, rank]] = share
        remainder[:, inner] -= share
    new[:, members[np.arange(len(members)), counts - 1]] = remainder


def _project(
    new: Float64, members: np.ndarray, counts: np.ndarray, deviation: float, stream: Stream, rows: np.ndarray
) -> None:
    """The shares nearest to a fresh kernel ``T`` of the new size: ``T - (classsum(T) - W) / m`` (W-2, LEMON).

    They lie on no common grid with the old weight, so the file's rounding shows (S-4).
    """
    length = int(np.prod(new.shape[2:], dtype=np.int64))
    fresh = stream.symmetric_rows(rows, members.size * length, deviation)
    fresh = fresh.reshape(len(rows), *members.shape, *new.shape[2:])
    tail = (1,) * (new.ndim - 2)
    valid = (members >= 0).reshape(1, *members.shape, *tail)
    fresh = np.where(valid, fresh, 0.0)
    excess = (fresh.sum(axis=2) - new[:, members[:, 0]]) / counts.reshape(1, -1, *tail)
    for rank in range(members.shape[1]):
        inner = counts > rank
        new[:, members[inner, rank]] = (fresh[:, :, rank] - excess)[:, inner]


def _weights(members: np.ndarray, counts: np.ndarray, split: str, stream: Stream, rows: np.ndarray) -> Float64:
    """Shares ``[rows or 1, classes, members]`` that sum to one in each class (W-1, W-2).

    Dirichlet(1, ..., 1) draws, moved towards the equal share so that none is below ``0.1 / m``.
    """
    valid = members >= 0
    equal = valid / counts[:, None]
    if split == "equal":
        return np.asarray(equal[None], dtype=np.float64)
    length = members.size
    numbers = rows if split == "element" else np.zeros(1, dtype=np.int64)
    draws = -np.log1p(-stream.uniform_rows(numbers, length)).reshape(-1, *members.shape)
    draws = np.where(valid, draws + 1e-12, 0.0)
    return np.asarray(0.1 * equal + 0.9 * draws / draws.sum(axis=2, keepdims=True), dtype=np.float64)


def _fill_fresh(
    new: Float64, axis_map: AxisMap, deviation: float, dtype: str | None, stream: Stream, rows: np.ndarray
) -> None:
    """New classes: zero columns, free columns, or columns that sum to zero in their class (W-3, W-4)."""
    fresh = axis_map.source < 0
    new[:, fresh] = 0.0
    free = fresh & (axis_map.reader != 0)
    if not free.any():
        return
    shape = new.shape[2:]
    length = int(np.prod(shape, dtype=np.int64))
    drawn = stream.symmetric_rows(rows, new.shape[1] * length, deviation).reshape(len(rows), new.shape[1], *shape)
    values = drawn * axis_map.scale.reshape(1, -1, *(1,) * len(shape))
    only = fresh & (axis_map.reader == FRESH)
    new[:, only] = values[:, only]
    paired = fresh & (axis_map.reader == PAIR)
    members = _members(axis_map, paired)
    if not members.size:
        return  # A class of one has no partner: its column stays zero.
    if dtype is not None:
        # One common power-of-two grid keeps the sum exact (S-2), where it has room for the sum of all but one.
        room = max(4.0, LARGEST * float(np.abs(axis_map.scale).max()) * (members.shape[1] - 1))
        values = snap(values, ulp(np.full((1,) * values.ndim, max(deviation, 1e-30) * room), dtype))
    counts = (members >= 0).sum(axis=1)
    total = np.zeros_like(new[:, members[:, 0]])
    for rank in range(members.shape[1] - 1):
        inner = counts > rank + 1
        new[:, members[inner, rank]] = values[:, members[inner, rank]]
        total[:, inner] += values[:, members[inner, rank]]
    new[:, members[np.arange(len(members)), counts - 1]] = -total
