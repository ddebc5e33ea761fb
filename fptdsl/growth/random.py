"""Counter-based random numbers: the same seed and name give the same values, in any order.

Values are addressed by their index, so that a tensor can be drawn in pieces, by any number of threads,
and twice the same.  Philox (Salmon et al. 2011) is numpy's counter-based generator.
"""

from __future__ import annotations

import hashlib

import numpy as np

from .grid import Float64

BLOCK = 1 << 14
"""Values per Philox block; a range is drawn as the blocks that cover it."""


class Stream:
    """The random numbers of one purpose, named by seed and words (a tensor's key, a Space)."""

    def __init__(self, seed: int, *words: str) -> None:
        self.seed = seed
        digest = hashlib.sha256("\0".join((str(seed), *words)).encode()).digest()
        self.generator = np.random.Philox(key=np.frombuffer(digest[:16], dtype=np.uint64))
        self.begin = self.generator.state

    def _block(self, number: int, out: Float64) -> None:
        """Half a word of the generator for each value: float32 holds no more, and half as many are drawn.

        One generator is put to the beginning of a block; making one for each gathers entropy that nobody uses.
        """
        self.begin["state"]["counter"][:] = 0, 0, number, 0
        self.generator.state = self.begin
        words = self.generator.random_raw(BLOCK // 2)
        np.multiply(words.astype("<u8", copy=False).view("<u4"), 2.0**-32, out=out)

    def uniform(self, start: int, stop: int) -> Float64:
        """Values number ``start`` to ``stop`` (excluded), uniform in [0, 1)."""
        first, last = start // BLOCK, -(-stop // BLOCK)
        values = np.empty((last - first, BLOCK))
        for row in range(last - first):
            self._block(first + row, values[row])
        return values.reshape(-1)[start - first * BLOCK : stop - first * BLOCK]

    def uniform_rows(self, rows: np.ndarray, length: int) -> Float64:
        """``[len(rows), length]``: row ``r`` holds values ``r*length`` to ``(r+1)*length``."""
        if len(rows) and int(rows[-1]) - int(rows[0]) + 1 == len(rows) and bool((np.diff(rows) == 1).all()):
            first = int(rows[0])
            return self.uniform(first * length, (first + len(rows)) * length).reshape(-1, length)
        values = np.empty((len(rows), length))
        position = 0
        while position < len(rows):
            run = position + 1
            while run < len(rows) and rows[run] == rows[run - 1] + 1:
                run += 1
            first = int(rows[position])
            values[position:run] = self.uniform(first * length, (first + run - position) * length).reshape(-1, length)
            position = run
        return values

    def integers(self, count: int, below: int) -> list[int]:
        """``count`` integers uniform in [0, below)."""
        found: list[int] = np.minimum(self.uniform(0, count) * below, below - 1).astype(np.int64).tolist()
        return found


def symmetric(uniform: Float64, deviation: float) -> Float64:
    """Uniform values in [0, 1) as uniform values around 0 with that standard deviation (W-3)."""
    values = uniform * 2.0
    values -= 1.0
    values *= np.sqrt(3.0) * deviation
    return values
