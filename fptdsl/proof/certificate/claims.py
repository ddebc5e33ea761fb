"""Claims: what every unit of a value of the grown network is, in terms of the old network.

A claim names the old value and, for each axis, a label for every position: below ``old`` an old
position, from ``old`` on a class of new units (equal labels: equal units), ``ZERO`` a unit that is zero
for every input.  Without an old value (``old`` is None) all labels are new classes.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from ...architecture.graph import Value
from .reading import Ints

ZERO = -1


@dataclass(frozen=True, eq=False)
class AxisClaim:
    """Labels of the positions of one axis, over an old axis of ``old`` positions."""

    old: int
    labels: Ints

    @property
    def new(self) -> int:
        return len(self.labels)

    @property
    def plain(self) -> bool:
        """Every position is the old one."""
        return self.old == self.new and bool(np.array_equal(self.labels, np.arange(self.old)))

    @property
    def zeros(self) -> bool:
        return bool((self.labels == ZERO).all())

    def without_zeros(self) -> AxisClaim:
        """Zero units as a new class of their own: what a function that moves zero makes of them."""
        if not (self.labels == ZERO).any():
            return self
        fresh = max(int(self.labels.max()), self.old - 1) + 1
        return AxisClaim(self.old, np.where(self.labels == ZERO, fresh, self.labels))


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
        return Claim(None, tuple(AxisClaim(0, axis.labels) for axis in self.axes))


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
    old = outer.old * inner.old
    left, right = np.repeat(outer.labels, inner.new), np.tile(inner.labels, outer.new)
    radix = max(inner.old, int(inner.labels.max(initial=0)) + 1)
    known = (left >= 0) & (left < outer.old) & (right >= 0) & (right < inner.old)
    zero = (left == ZERO) | (right == ZERO)
    _, fresh = np.unique(left * radix + right, return_inverse=True)
    return AxisClaim(old, np.where(zero, ZERO, np.where(known, left * inner.old + right, old + fresh)))


def concatenation(axes: Sequence[AxisClaim]) -> AxisClaim:
    """The axis of parts one after the other."""
    old = sum(axis.old for axis in axes)
    labels, offset, fresh = [], 0, old
    for axis in axes:
        here = axis.labels
        labels.append(np.where(here == ZERO, ZERO, np.where(here < axis.old, here + offset, here - axis.old + fresh)))
        offset += axis.old
        fresh += max(0, int(here.max(initial=-1)) + 1 - axis.old)
    return AxisClaim(old, np.concatenate(labels) if labels else np.zeros(0, dtype=np.int64))
