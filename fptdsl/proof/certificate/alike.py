"""Which rows of a kernel are equal, bit by bit, without holding them all."""

from __future__ import annotations

import numpy as np

from .kernels import Kernel
from .reading import Ints, Raw, bits

HEAD = 16
"""Elements by which rows are told apart; the rest is read where two begin alike."""


def heads(raw: Raw) -> np.ndarray:
    """The beginnings of rows ``[units, inputs, positions]``, as bytes ``[units, length]``."""
    flat = bits(raw).reshape(len(raw), -1)[:, :HEAD]
    return np.ascontiguousarray(flat).view(np.uint8).reshape(len(raw), -1)


def alike(kernel: Kernel, units: Ints, keys: Ints, begins: np.ndarray) -> Ints:
    """Numbers for the rows of ``units``, from 0 in the order of their first: the same for equal rows of equal keys.

    ``begins`` are their :func:`heads`; ``keys`` are ``[units, any]``.
    """
    if not len(units):
        return np.empty(0, dtype=np.int64)
    told = np.ascontiguousarray(np.concatenate([np.ascontiguousarray(keys).view(np.uint8), begins], axis=1))
    _, first, found, counts = np.unique(
        told.view(f"V{told.shape[1]}").reshape(-1), return_index=True, return_inverse=True, return_counts=True
    )
    leaders = first[found]
    known: dict[tuple[int, bytes], int] = {}
    (again,) = np.nonzero(counts[found] > 1)
    for start in range(0, len(again), kernel.step):
        places = again[start : start + kernel.step]
        for place, row in zip(places.tolist(), kernel.raw(units[places])):
            leaders[place] = known.setdefault((int(found[place]), row.tobytes()), place)
    _, numbers = np.unique(leaders, return_inverse=True)
    return np.asarray(numbers, dtype=np.int64)
