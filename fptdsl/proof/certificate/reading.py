"""Reading tensors a few rows at a time, as raw elements and as float64."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Raw = NDArray[Any]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHUNK = 1 << 19
"""Elements per piece."""
EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


class Tensors(Protocol):
    """A checkpoint, or anything that gives raw rows by the spec's key (bfloat16 as its bits)."""

    def rows(self, name: str, start: int, stop: int) -> Raw: ...

    def dtype(self, name: str) -> str: ...

    def shape(self, name: str) -> tuple[int, ...]: ...

    def __contains__(self, name: object) -> bool: ...


def number_of_rows(shape: tuple[int, ...]) -> int:
    return shape[0] if shape else 1


def pieces(shape: tuple[int, ...], elements: int = CHUNK) -> Iterator[tuple[int, int]]:
    """Ranges of rows that hold about ``elements`` elements each."""
    rows = number_of_rows(shape)
    step = max(1, elements // max(1, prod(shape[1:])))
    for start in range(0, rows, step):
        yield start, min(start + step, rows)


def to_float(raw: Raw, dtype: str) -> Floats:
    """Raw elements in float64, without loss."""
    if dtype == "bfloat16":
        return (raw.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return raw.astype(np.float64)


def bits(raw: Raw) -> Raw:
    """Elements as unsigned integers of their size, so that equality is that of bits."""
    return np.ascontiguousarray(raw).view(f"u{raw.dtype.itemsize}") if raw.dtype.kind == "f" else raw


def gather(source: Tensors, name: str, positions: Ints) -> Raw:
    """Rows at any positions, read as runs of neighbours."""
    shape = source.shape(name)
    if not len(positions):
        return source.rows(name, 0, 1)[:0].reshape(0, *shape[1:])
    breaks = np.flatnonzero(np.diff(positions) != 1) + 1
    runs = np.split(positions, breaks)
    if len(runs) == 1:
        low, high = int(positions[0]), int(positions[-1]) + 1
        return source.rows(name, low, high).reshape(high - low, *shape[1:])
    if len(runs) > 64:  # Far apart: one read of the range costs less than many small ones.
        low, high = int(positions.min()), int(positions.max()) + 1
        if (high - low) * max(1, prod(shape[1:])) <= 8 * CHUNK:
            return source.rows(name, low, high).reshape(high - low, *shape[1:])[positions - low]
    return np.concatenate([
        source.rows(name, int(run[0]), int(run[-1]) + 1).reshape(len(run), *shape[1:]) for run in runs
    ])  # fmt: skip


def vector(source: Tensors, name: str) -> Raw:
    """A whole tensor of one axis."""
    return source.rows(name, 0, number_of_rows(source.shape(name))).reshape(-1)


def same_bits(old: Tensors, name: str, new: Tensors, grown: str) -> bool:
    """Whether two tensors have one dtype and shape and are equal bit by bit."""
    if old.dtype(name) != new.dtype(grown) or old.shape(name) != new.shape(grown):
        return False
    return all(
        np.array_equal(_words(old.rows(name, a, b)), _words(new.rows(grown, a, b))) for a, b in pieces(old.shape(name))
    )


def _words(raw: Raw) -> Raw:
    """Bits in the widest words that they fill, which is fastest to compare."""
    flat = np.ascontiguousarray(raw).reshape(-1)
    return flat.view(np.uint64) if flat.nbytes % 8 == 0 else bits(flat)
