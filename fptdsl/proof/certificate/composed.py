"""Two kernels one after the other as the one that they are together, in float64, a few rows at a time (D-10)."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np

from .kernels import Kernel
from .reading import CHUNK, EPS, Floats, Ints, Raw

EVERY = slice(None)


class Composed(Kernel):
    """``W[o, i, p] = sum_(u, r) B[o, u, r] A[u, i, p - r]`` for kernels ``A`` and then ``B``, group by group.

    ``taps`` are the sizes of the two kernels.  Of transposed convolutions one has size 1.
    """

    def __init__(self, first: Kernel, second: Kernel, taps: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        self.first, self.second = first, second
        self.source, self.name, self.dtype = second.source, second.name, second.dtype
        self.groups, self.transposed, self._whole = first.groups, False, None
        self.inner, self.outer = taps
        self.taps = tuple(a + b - 1 for a, b in zip(*taps))
        self.positions = prod(self.taps)
        self.units, self.inputs, self.per_group = second.units, first.inputs, first.per_group

    @property
    def step(self) -> int:
        return max(1, CHUNK // max(1, self.per_group * self.positions, self.second.per_group * self.second.positions))

    def raw(self, units: Ints) -> Raw:
        """What tells rows apart: those of ``B``, and in groups the product itself."""
        return self.second.raw(units) if self.groups == 1 else self.values(units)

    def values(self, units: Ints) -> Floats:
        return self._product(units, sizes=False)

    def slack(self, units: Ints) -> Floats:
        """Every weight of either factor may have been rounded."""
        return 2 * EPS.get(self.dtype, 0.0) * self._product(units, sizes=True)

    def shifted(self, shift: Floats) -> tuple[Floats, Floats]:
        """What a bias ``shift`` of the first layer adds to every unit, and the sum of its sizes."""
        added, sizes = np.empty(self.units), np.empty(self.units)
        own = np.split(shift, self.groups)
        for start in range(0, self.units, self.step):
            for unit in range(start, min(start + self.step, self.units)):
                row = self.second.values(np.array([unit]))[0]
                group = own[int(self.group_of(np.array([unit]))[0])]
                added[unit], sizes[unit] = row.sum(axis=1) @ group, np.abs(row).sum(axis=1) @ np.abs(group)
        return added, sizes

    def _product(self, units: Ints, *, sizes: bool) -> Floats:
        """``[units, inputs, positions]``; with ``sizes`` the product of the sizes of the weights."""
        total = np.zeros((len(units), self.per_group, *self.taps))
        groups, middle = self.group_of(units), self.second.per_group
        step = max(1, CHUNK // max(1, self.first.per_group * self.first.positions))
        for group in np.unique(groups):
            here = np.flatnonzero(groups == group)
            outer = self.second.values(units[here]).reshape(len(here), middle, *self.outer)
            for start in range(0, middle, step):
                stop = min(start + step, middle)
                inner = self.first.values(group * middle + np.arange(start, stop))
                inner = inner.reshape(stop - start, self.per_group, *self.inner)
                for place in product(*map(range, self.outer)):
                    tap: tuple[Any, ...] = (EVERY, slice(start, stop), *place)
                    at: tuple[Any, ...] = (here, EVERY, *(slice(p, p + n) for p, n in zip(place, self.inner)))
                    left, right = (np.abs(outer[tap]), np.abs(inner)) if sizes else (outer[tap], inner)
                    total[at] += np.tensordot(left, right, 1)
        return total.reshape(len(units), self.per_group, -1)
