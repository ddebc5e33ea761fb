"""The law on one kernel without arithmetic: what did not change is compared as stored.

Most classes of most growths have one member.  Their columns must be the old ones, or zero where the class is
new, and equal bits say so without a conversion to float64.  Only classes with several members are added up.
Whatever is not equal to the last bit is left to ``law.py``, which measures how far off it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...checkpoint.dtypes import all_finite
from .claims import ZERO, AxisClaim
from .kernels import Kernel, Rows
from .reading import Floats, Ints, Raw, bits, to_float


@dataclass(frozen=True, eq=False)
class Columns:
    """Where the inputs of the old kernel are in the grown one."""

    kept: Ints
    """Positions that are the only member of an old class."""
    origin: Ints
    """Their old positions."""
    zero: Ints
    """Positions that are the only member of a new class."""
    shared: Ints
    """Positions of classes with several members, class by class."""
    starts: Ints
    """Where each of these classes begins in ``shared``."""
    sums: Ints
    """The old position that each of them adds up to; -1 for zero."""

    @classmethod
    def of(cls, inputs: AxisClaim) -> Columns | None:
        """None where an old input has no place in the grown kernel."""
        used = np.flatnonzero(inputs.labels != ZERO)
        order = used[np.argsort(inputs.labels[used], kind="stable")]
        classes, starts, counts = np.unique(inputs.labels[order], return_index=True, return_counts=True)
        if np.count_nonzero(classes < inputs.old) != inputs.old:
            return None
        known, single = classes < inputs.old, counts == 1
        several = np.repeat(~single, counts)
        sizes = counts[~single]
        return cls(
            order[starts[single & known]],
            classes[single & known],
            order[starts[single & ~known]],
            order[several],
            np.cumsum(sizes) - sizes,
            np.where(known, classes, -1)[~single],
        )

    def equal(self, new: Raw, old: Raw, dtype: str) -> bool:
        """Whether finite rows ``[units, inputs, positions]`` are the old rows, exactly."""
        if not all_finite(old, dtype) or _any(new, self.zero):
            return False
        if not np.array_equal(bits(_take(new, self.kept)), bits(_take(old, self.origin))):
            return False
        return not len(self.shared) or self._add_up(new, old, dtype)

    def _add_up(self, new: Raw, old: Raw, dtype: str) -> bool:
        sums = np.add.reduceat(to_float(_take(new, self.shared), dtype), self.starts, axis=1)
        wanted: Floats = np.zeros(sums.shape)
        known = self.sums >= 0
        wanted[:, known] = to_float(old[:, self.sums[known]], dtype)
        return bool(np.array_equal(sums, wanted))

    def vanish(self, new: Raw, dtype: str) -> bool:
        """Whether rows of zero units are zero in every class that is alone (the others are not looked at)."""
        return not (len(self.shared) or _any(new, self.kept) or _any(new, self.zero))


def equal_rows(new: Kernel, old: Rows | None, units: Ints, outputs: AxisClaim, columns: Columns) -> bool:
    """Whether rows ``units`` of a grown kernel keep the law exactly; False also where it takes more to tell."""
    assert isinstance(old, Kernel)
    labels = outputs.labels[units]
    copies, gone = (labels >= 0) & (labels < outputs.old), labels == ZERO
    if not copies.any() and not gone.any():
        return True
    raw = new.raw(units)
    if gone.any() and not columns.vanish(raw[gone], new.dtype):
        return False
    if not copies.any():
        return True
    return columns.equal(raw if copies.all() else raw[copies], old.raw(labels[copies]), new.dtype)


def comparable(new: Kernel, old: Rows | None, inputs: AxisClaim, outputs: AxisClaim) -> Columns | None:
    """The columns to compare, where both kernels are plain ones of one dtype, of no multiples; else None."""
    if not (inputs.simple and outputs.simple):
        return None
    if type(new) is not Kernel or type(old) is not Kernel or new.groups != 1 or old.groups != 1:
        return None
    if new.dtype != old.dtype or new.positions != old.positions or old.per_group != inputs.old:
        return None
    return Columns.of(inputs)


def _take(rows: Raw, places: Ints) -> Raw:
    """Columns at rising or any places; neighbours are a view."""
    if len(places) and np.array_equal(places, np.arange(places[0], places[0] + len(places))):
        return rows[:, places[0] : places[0] + len(places)]
    return rows[:, places]


def _any(rows: Raw, places: Ints) -> bool:
    """Whether anything there is not zero (a negative zero of bfloat16 counts as something)."""
    return bool(len(places)) and bool(_take(rows, places).any())
