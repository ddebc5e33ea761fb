"""Where old values come from, and statistics of them that are read in pieces."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from .grid import Raw, widen_raw

CHUNK_BYTES = 1 << 22
"""Size of a chunk in float64."""
CACHED = 1 << 17
"""Elements that are measured or made at a time: a megabyte of float64 stays in the processor's cache."""
SAMPLED = 1 << 21
"""Elements of a tensor from which on a part is measured: this many give its deviation to a thousandth."""


class Weights(Protocol):
    """Old values by the spec's keys: a checkpoint."""

    def rows(self, name: str, start: int, stop: int) -> Raw: ...

    def dtype(self, name: str) -> str: ...

    def shape(self, name: str) -> tuple[int, ...]: ...


def deviation(source: Weights, name: str) -> float:
    """The standard deviation of the values of an old tensor, read in pieces; of a large one, pieces from all over."""
    shape, dtype = source.shape(name), source.dtype(name)
    rows = shape[0] if shape else 1
    length = max(1, int(np.prod(shape[1:], dtype=np.int64)))
    step = max(1, CACHED // length)
    every = max(1, rows * length // SAMPLED)
    count, total, square = 0, 0.0, 0.0
    for start in range(0, rows, step * every):
        values = widen_raw(source.rows(name, start, min(start + step, rows)), dtype)
        count += values.size
        total += float(values.sum())
        square += float(np.multiply(values, values, out=values).sum())
    mean = total / max(count, 1)
    return float(np.sqrt(max(square / max(count, 1) - mean * mean, 0.0)))
