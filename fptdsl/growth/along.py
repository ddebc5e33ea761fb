"""What the law does to the values of a tensor along one axis, and at last to its rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..architecture.graph import GAINS, Init
from .axes import FRESH, MEAN, ZERO, AxisMap
from .grid import Float64
from .law import split_reader
from .random import Stream
from .recipe import Recipe


def along(
    values: Float64,
    axis: int,
    axis_map_: AxisMap,
    role: str,
    sigma: float,
    dtype: str | None,
    stream: Stream,
    rows: np.ndarray,
) -> Float64:
    """One further axis of the rows widened: split when it is summed over, else copied."""
    moved = np.moveaxis(values, axis, 1)
    if role == "reads":
        moved = split_reader(moved, axis_map_, sigma, dtype, stream, rows)
    elif role == "writes":
        moved = _written(moved, axis_map_, sigma, stream, rows)
    else:
        moved = moved[:, np.where(axis_map_.source >= 0, axis_map_.source, axis_map_.donor)]
    return np.moveaxis(moved, 1, axis)


def has_random(maps: Sequence[AxisMap], roles: Sequence[str]) -> bool:
    """Whether anything random goes into a tensor; its old values need not be measured elsewhere."""
    first = maps[0]
    return bool(
        first.noise.any()
        or ((first.source < 0) & ((first.writer == FRESH) | (roles[0] != "writes"))).any()
        or any(
            m.split == "projection" or ((m.source < 0) & ((m.reader if role == "reads" else m.writer) != ZERO)).any()
            for m, role in zip(maps[1:], roles[1:])
        )
    )


def multiply(values: Float64, recipe: Recipe, first: AxisMap, rows: np.ndarray, role: str) -> None:
    """Units that are multiples of old ones: their kernels, shifts and means are, and gains undo it (scaled law)."""
    if first.sign is None or not multiplies(recipe.init, role):
        return
    factors = first.sign[rows].reshape(-1, *(1,) * (values.ndim - 1))
    values *= factors
    if recipe.init == "offset scale":  # N-8: the gain is one plus it
        values += factors - 1.0


def multiplies(init: Init, role: str) -> bool:
    """Whether a tensor is multiplied where its units are multiples: what makes them, and gains, not variances."""
    return role == "writes" if init == "kernel" else init in ("shift", "mean", *GAINS)


def _written(old: Float64, axis_map_: AxisMap, sigma: float, stream: Stream, rows: np.ndarray) -> Float64:
    """Axis 1 widened where it is what the kernel produces (an embedding): ``[rows, old, ...]`` to ``[rows, new, ...]``.

    New classes are fresh, the same for all members, or zero.
    """
    fresh = axis_map_.source < 0
    new = old[:, np.where(fresh, axis_map_.donor, axis_map_.source)]
    if fresh.any() and axis_map_.writer[fresh][0] == MEAN:
        new[:, fresh] = old.mean(axis=1, keepdims=True)
    elif fresh.any():
        labels, back = np.unique(axis_map_.label[fresh], return_inverse=True)
        shape = (len(rows), len(labels), *new.shape[2:])
        drawn = stream.symmetric_rows(rows, int(np.prod(shape[1:], dtype=np.int64)), sigma).reshape(shape)
        column = (1, -1, *(1,) * (new.ndim - 2))
        factor = np.where(axis_map_.writer[fresh] == FRESH, axis_map_.scale[fresh], 0.0).reshape(column)
        new[:, fresh] = drawn[:, back] * factor
    if axis_map_.sign is not None:
        new *= axis_map_.sign.reshape(1, -1, *(1,) * (new.ndim - 2))
    return new
