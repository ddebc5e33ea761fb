"""Claims: what every unit of a value of the grown network is, in terms of the old network.

A claim names the old value and, for each axis, a label for every position: below ``old`` an old
position, from ``old`` on a class of new units (equal labels: equal units), ``ZERO`` a unit that is zero
for every input, ``MEAN`` the mean of all old units.  A unit may be a multiple of what its label says.
Without an old value (``old`` is None) all labels are new classes.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...architecture.graph import Value
from .reading import Floats, Ints

ZERO = -1
MEAN = -2
SNAP = 1e-12
"""Multiples this close to 1 are 1: powers of one root that cancel leave that much in float64."""


@dataclass(frozen=True, eq=False)
class AxisClaim:
    """Labels of the positions of one axis, over an old axis of ``old`` positions."""

    old: int
    labels: Ints
    scales: Floats | None = None
    """Each unit is so many times what its label says; None: once."""
    even: Ints | None = None
    """Labels of new classes that are added to each unit: of ``f(x)`` and ``f(-x)`` the part that is the same (D-7)."""

    @property
    def new(self) -> int:
        return len(self.labels)

    @property
    def factors(self) -> Floats:
        return np.ones(self.new) if self.scales is None else self.scales

    @property
    def top(self) -> int:
        """The first label that nothing has."""
        used = self.labels if self.even is None else np.concatenate([self.labels, self.even])
        return max(int(used.max(initial=-1)) + 1, self.old)

    @property
    def simple(self) -> bool:
        """No multiples, means or halves of pairs: every unit is an old one, a new one or zero."""
        return self.scales is None and self.even is None and not (self.labels == MEAN).any()

    @property
    def plain(self) -> bool:
        """Every position is the old one."""
        same = self.old == self.new and bool(np.array_equal(self.labels, np.arange(self.old)))
        return same and self.scales is None and self.even is None

    @property
    def zeros(self) -> bool:
        return bool((self.labels == ZERO).all())

    @property
    def known(self) -> Ints:
        """A mask: units that are old ones, or multiples of them."""
        return np.asarray((self.labels >= 0) & (self.labels < self.old))

    @cached_property
    def identities(self) -> Ints:
        """Labels that are equal where units are, multiples included; ``ZERO`` stays."""
        if self.simple:
            return self.labels
        even = np.zeros(self.new, dtype=np.int64) if self.even is None else self.even
        rows = np.stack([self.labels.astype(np.float64), self.factors, even.astype(np.float64)])
        _, found = np.unique(rows, axis=1, return_inverse=True)
        return np.where(self.labels == ZERO, ZERO, found.reshape(-1))

    def times(self, factor: float | Floats) -> AxisClaim:
        """Units that are so many times these."""
        scales = np.where(self.labels == ZERO, 1.0, self.factors * factor)
        scales[np.abs(scales - 1.0) < SNAP] = 1.0
        even = self.even
        if even is not None:  # Still equal where both were equal and multiplied alike.
            keys = np.stack([even.astype(np.float64), np.broadcast_to(np.float64(factor), (self.new,))])
            _, again = np.unique(keys, axis=1, return_inverse=True)
            even = np.where(even == ZERO, ZERO, self.top + again.reshape(-1))
        return AxisClaim(self.old, self.labels, None if (scales == 1.0).all() else scales, even)

    def take(self, positions: Ints | slice) -> AxisClaim:
        """The claim of some positions."""
        scales = None if self.scales is None else self.scales[positions]
        return AxisClaim(self.old, self.labels[positions], scales, None if self.even is None else self.even[positions])

    def same(self, other: AxisClaim) -> bool:
        """Whether both say the same of every position."""
        mine, theirs = (np.full(axis.new, ZERO) if axis.even is None else axis.even for axis in (self, other))
        return (
            self.old == other.old
            and np.array_equal(self.labels, other.labels)
            and np.allclose(self.factors, other.factors, rtol=SNAP, atol=0.0)
            and np.array_equal(mine, theirs)
        )

    def without_zeros(self) -> AxisClaim:
        """Zero units as a new class of their own: what a function that moves zero makes of them."""
        if not (self.labels == ZERO).any():
            return self
        return AxisClaim(self.old, np.where(self.labels == ZERO, self.top, self.labels), self.scales, self.even)

    def without_means(self) -> AxisClaim:
        """Means as new classes: what a function that does not keep sums makes of them."""
        means = self.labels == MEAN
        if not means.any():
            return self
        _, classes = np.unique(self.factors[means], return_inverse=True)
        labels, scales = self.labels.copy(), self.factors.copy()
        labels[means], scales[means] = self.top + classes.reshape(-1), 1.0
        return AxisClaim(self.old, labels, None if (scales == 1.0).all() else scales, self.even)


@dataclass(frozen=True, eq=False)
class Claim:
    old: Value | None
    axes: tuple[AxisClaim, ...]

    @property
    def plain(self) -> bool:
        return self.old is not None and all(axis.plain for axis in self.axes)

    @property
    def zeros(self) -> bool:
        """The whole value is zero."""
        return any(axis.new > 0 and axis.zeros for axis in self.axes)

    def free(self) -> Claim:
        """The claim without its old value: classes and zeros stay, old units are classes like others."""
        return Claim(None, tuple(AxisClaim(0, axis.identities) for axis in self.axes))


def gathered(claim: AxisClaim, ranges: Sequence[tuple[int, int]], old: int) -> AxisClaim:
    """A claim over ranges of ``old`` positions, told in these: what comes again has the label that it had (T-4)."""
    places = np.concatenate([np.arange(first, behind) for first, behind in ranges])
    inside = places[np.where(claim.known, claim.labels, 0)]
    labels = np.where(claim.known, inside, np.where(claim.labels < 0, claim.labels, claim.labels - claim.old + old))
    return AxisClaim(old, labels, claim.scales)


def plain(size: int) -> AxisClaim:
    return AxisClaim(size, np.arange(size))


def plain_free(size: int) -> AxisClaim:
    """Positions that are classes of their own."""
    return AxisClaim(0, np.arange(size))


def unknown(shape: Sequence[int]) -> Claim:
    """A value of which nothing is known: every position is a class of its own."""
    return Claim(None, tuple(AxisClaim(0, np.arange(size)) for size in shape))


def zero_claim(shape: Sequence[int]) -> Claim:
    """A value that is zero for every input."""
    return Claim(None, tuple(AxisClaim(0, np.full(size, ZERO, dtype=np.int64)) for size in shape))


def renumber(keys: Sequence[Hashable], old: int) -> Ints:
    """Labels for keys: whole numbers stay as they are, other keys become new classes, equal for equal ones."""
    known: dict[Hashable, int] = {}
    return np.array(
        [key if isinstance(key, int) else known.setdefault(key, old + len(known)) for key in keys], dtype=np.int64
    )


def product(axes: Sequence[AxisClaim]) -> AxisClaim:
    """The axis of the row-major product (flatten, groups x members)."""
    total = AxisClaim(1, np.zeros(1, dtype=np.int64))
    for axis in axes:
        total = _times(total, axis)
    return total


def _times(outer: AxisClaim, inner: AxisClaim) -> AxisClaim:
    if inner.new != 1 or inner.old != 1:
        outer = outer.without_means()
    if outer.new != 1 or outer.old != 1:
        inner = inner.without_means()
    old = outer.old * inner.old
    left, right = np.repeat(outer.labels, inner.new), np.tile(inner.labels, outer.new)
    radix = inner.top
    known = (left >= 0) & (left < outer.old) & (right >= 0) & (right < inner.old)
    zero, mean = (left == ZERO) | (right == ZERO), (left == MEAN) | (right == MEAN)
    _, fresh = np.unique(left * radix + right, return_inverse=True)
    labels = np.where(known, left * inner.old + right, old + fresh)
    labels = np.where(zero, ZERO, np.where(mean, MEAN, labels))
    scales = np.repeat(outer.factors, inner.new) * np.tile(inner.factors, outer.new)
    scales[zero] = 1.0
    even = _even_times(outer, inner, old + len(labels))
    return AxisClaim(old, labels, None if (scales == 1.0).all() else scales, even)


def _even_times(outer: AxisClaim, inner: AxisClaim, start: int) -> Ints | None:
    """What is added to products: equal where it is and the other factor is the same."""
    if outer.even is None and inner.even is None:
        return None
    parts = [axis.identities if axis.even is None else axis.even for axis in (outer, inner)]
    left, right = np.repeat(parts[0], inner.new), np.tile(parts[1], outer.new)
    _, fresh = np.unique(np.stack([left, right]), axis=1, return_inverse=True)
    return np.where((left == ZERO) | (right == ZERO), ZERO, start + fresh.reshape(-1))


def concatenation(axes: Sequence[AxisClaim]) -> AxisClaim:
    """The axis of parts one after the other."""
    if len(axes) > 1:
        axes = [axis.without_means() for axis in axes]
    old = sum(axis.old for axis in axes)
    labels: list[Ints] = []
    evens: list[Ints] = []
    offset, fresh = 0, old
    for axis in axes:
        for found, here in ((labels, axis.labels), (evens, axis.even)):
            here = np.full(axis.new, ZERO) if here is None else here
            moved = np.where(here < axis.old, here + offset, here - axis.old + fresh)
            found.append(np.where(here < 0, here, moved))
        offset += axis.old
        fresh += axis.top - axis.old
    scales = np.concatenate([axis.factors for axis in axes]) if axes else np.ones(0)
    even = np.concatenate(evens) if any(axis.even is not None for axis in axes) else None
    joined = np.concatenate(labels) if labels else np.zeros(0, dtype=np.int64)
    return AxisClaim(old, joined, None if (scales == 1.0).all() else scales, even)
