"""Two kernels one after the other as the one that they are together, in float64, a few rows at a time (D-10)."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np

from .kernels import Kernel
from .reading import CHUNK, EPS, Floats, Ints, Raw, Tensors, gather, to_float

EVERY = slice(None)


class Composed(Kernel):
    """``W[o, i, p] = sum_(u, r) B[o, u, r] A[u, i, p - r]`` for kernels ``A`` and then ``B`` in a file."""

    def __init__(self, source: Tensors, first: str, second: str) -> None:
        super().__init__(source, second, 1)
        self.first = first
        self.inner, self.outer = source.shape(first)[2:], source.shape(second)[2:]
        self.taps = tuple(a + b - 1 for a, b in zip(self.inner, self.outer))
        self.middle = self.per_group
        self.per_group = self.inputs = source.shape(first)[1]
        self.positions = prod(self.taps)

    @property
    def step(self) -> int:
        return max(1, CHUNK // max(1, self.per_group * self.positions, self.middle * prod(self.outer)))

    def raw(self, units: Ints) -> Raw:
        """The rows of ``B``: equal ones make equal rows of the product."""
        return gather(self.source, self.name, units).reshape(len(units), self.middle, -1)

    def values(self, units: Ints) -> Floats:
        return self._product(units, sizes=False)

    def slack(self, units: Ints) -> Floats:
        """Every weight of either factor may have been rounded."""
        return 2 * EPS.get(self.dtype, 0.0) * self._product(units, sizes=True)

    def shifted(self, shift: Floats) -> tuple[Floats, Floats]:
        """What a bias ``shift`` of the first layer adds to every unit, and the sum of its sizes."""
        added, sizes = np.empty(self.units), np.empty(self.units)
        for start in range(0, self.units, self.step):
            units = np.arange(start, min(start + self.step, self.units))
            rows = to_float(self.raw(units), self.dtype)
            added[units] = rows.sum(axis=2) @ shift
            sizes[units] = np.abs(rows).sum(axis=2) @ np.abs(shift)
        return added, sizes

    def _product(self, units: Ints, *, sizes: bool) -> Floats:
        """``[units, inputs, positions]``; with ``sizes`` the product of the sizes of the weights."""
        outer = to_float(self.raw(units), self.dtype).reshape(len(units), self.middle, *self.outer)
        outer = np.abs(outer) if sizes else outer
        total = np.zeros((len(units), self.per_group, *self.taps))
        step = max(1, CHUNK // max(1, self.per_group * prod(self.inner)))
        for start in range(0, self.middle, step):
            stop = min(start + step, self.middle)
            inner = to_float(self.source.rows(self.first, start, stop), self.source.dtype(self.first))
            inner = np.abs(inner) if sizes else inner
            for place in product(*map(range, self.outer)):
                at: tuple[Any, ...] = (EVERY, EVERY, *(slice(p, p + n) for p, n in zip(place, self.inner)))
                tap: tuple[Any, ...] = (EVERY, slice(start, stop), *place)
                total[at] += np.tensordot(outer[tap], inner, 1)
        return total.reshape(len(units), self.per_group, -1)
