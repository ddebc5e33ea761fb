"""Counter-based random numbers: the same seed and name give the same values, in any order.

Values are addressed by their index, so that a tensor can be drawn in pieces, by any number of threads,
and twice the same.  Philox (Salmon et al. 2011) is numpy's counter-based generator.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from .grid import Float64

BLOCK = 1 << 14
"""Values per Philox block; a range is drawn as the blocks that cover it."""

Fill = Callable[[np.ndarray, Float64], object]
"""Makes values of words of 32 random bits, in the memory of the second argument."""


class Stream:
    """The random numbers of one purpose, named by seed and words (a tensor's key, a Space)."""

    def __init__(self, seed: int, *words: str) -> None:
        self.seed = seed
        digest = hashlib.sha256("\0".join((str(seed), *words)).encode()).digest()
        self.generator = np.random.Philox(key=np.frombuffer(digest[:16], dtype=np.uint64))
        self.begin = self.generator.state

    def _words(self, number: int) -> np.ndarray:
        """Half a word of the generator for each value: float32 holds no more, and half as many are drawn.

        One generator is put to the beginning of a block; making one for each gathers entropy that nobody uses.
        """
        self.begin["state"]["counter"][:] = 0, 0, number, 0
        self.generator.state = self.begin
        words: np.ndarray = self.generator.random_raw(BLOCK // 2)
        return words.astype("<u8", copy=False).view("<u4")

    def _values(self, start: int, stop: int, fill: Fill) -> Float64:
        first, last = start // BLOCK, -(-stop // BLOCK)
        values = np.empty((last - first, BLOCK))
        for row in range(last - first):
            fill(self._words(first + row), values[row])
        return values.reshape(-1)[start - first * BLOCK : stop - first * BLOCK]

    def _rows(self, rows: np.ndarray, length: int, fill: Fill) -> Float64:
        """``[len(rows), length]``: row ``r`` holds values ``r*length`` to ``(r+1)*length``."""
        runs = np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1) if len(rows) else []
        if len(runs) == 1:
            return self._values(int(rows[0]) * length, (int(rows[-1]) + 1) * length, fill).reshape(-1, length)
        values, at = np.empty((len(rows), length)), 0
        for run in runs:
            values[at : at + len(run)] = self._rows(run, length, fill)
            at += len(run)
        return values

    def uniform(self, start: int, stop: int) -> Float64:
        """Values number ``start`` to ``stop`` (excluded), uniform in [0, 1)."""
        return self._values(start, stop, _unit)

    def uniform_rows(self, rows: np.ndarray, length: int) -> Float64:
        """``[len(rows), length]`` uniform in [0, 1), the same for a row number whatever the others."""
        return self._rows(rows, length, _unit)

    def symmetric_rows(self, rows: np.ndarray, length: int, deviation: float) -> Float64:
        """As :meth:`uniform_rows`, but uniform around 0 with that standard deviation (W-3)."""
        factor = sqrt(3.0) * deviation * 2.0**-31

        def fill(words: np.ndarray, out: Float64) -> None:
            np.multiply(words.view("<i4"), factor, out=out)

        return self._rows(rows, length, fill)

    def integers(self, count: int, below: int) -> NDArray[np.int64]:
        """``count`` integers uniform in [0, below)."""
        return np.minimum(self.uniform(0, count) * below, below - 1).astype(np.int64)


def _unit(words: np.ndarray, out: Float64) -> None:
    np.multiply(words, 2.0**-32, out=out)
