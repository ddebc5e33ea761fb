"""(L1) and (L2) of ``docs/maths.md`` on one kernel: rows of a class are equal, columns of a class add up."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .claims import ZERO, AxisClaim
from .equality import comparable, equal_rows
from .kernels import Kernel, Rows
from .reading import EPS, Floats, Ints, bits


@dataclass
class Fault:
    """The worst place of one kind."""

    check: str
    message: str
    deviation: float | None = None


@dataclass
class Report:
    """Of one tensor: the largest deviation from (L2), and the faults."""

    deviation: float = 0.0
    faults: dict[str, Fault] = field(default_factory=dict)

    def add(self, check: str, message: str, deviation: float | None = None) -> None:
        """Keep the worst fault of each kind."""
        known = self.faults.get(check)
        if known is None or (deviation or 0.0) > (known.deviation or 0.0):
            self.faults[check] = Fault(check, message, deviation)


@dataclass(frozen=True, eq=False)
class Shares:
    """The inputs of one group by class: which columns make up which class (zero units are left out)."""

    classes: Ints
    order: Ints
    starts: Ints
    largest: int
    """Most members of a class."""

    @classmethod
    def of(cls, labels: Ints) -> Shares:
        used = np.flatnonzero(labels != ZERO)
        order = used[np.argsort(labels[used], kind="stable")]
        classes, starts, counts = np.unique(labels[order], return_index=True, return_counts=True)
        return cls(classes, order, starts, int(counts.max(initial=1)))

    def sums(self, values: Floats) -> Floats:
        """``[units, inputs, positions]`` added up to ``[units, classes, positions]``."""
        if not len(self.classes):
            return np.zeros((len(values), 0, values.shape[2]))
        return np.add.reduceat(values[:, self.order], self.starts, axis=1)


def first_of_class(labels: Ints) -> Ints:
    """For every position the first one with its label."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return first[inverse].astype(np.int64)


def check_kernel(
    new: Kernel, old: Rows | None, inputs: AxisClaim, outputs: AxisClaim, *, exact: bool, check: str = "C2"
) -> Report:
    """Hold a grown kernel against the old rows (None: new units only, which need no old rows).

    ``exact``: the method promises sums without rounding (S-1, S-2), in dtypes below float64.
    """
    report = Report()
    if new.inputs != inputs.new or new.units != outputs.new:
        report.add(
            "C4", f"it has {new.units} rows of {new.inputs} columns, for {outputs.new} units and {inputs.new} inputs"
        )
        return report
    shares = [Shares.of(part) for part in np.split(inputs.labels, new.groups)]
    first = first_of_class(outputs.labels)
    if _holds_exactly(new, old, inputs, outputs, first, shares):
        return report
    worst, scale, at = 0.0, 0.0, 0
    for start in range(0, new.units, new.step):
        units = np.arange(start, min(start + new.step, new.units))
        labels = outputs.labels[units]
        values = new.values(units)
        _check_copies(new, units, first, outputs.labels, shares, report)
        if inputs.plain and isinstance(old, Kernel) and type(new) is Kernel and old.groups == new.groups:
            _check_bits(new, old, units, outputs, report)
        groups = new.group_of(units)
        for group in np.unique(groups):
            here = (groups == group) & ((labels < outputs.old) | (labels == ZERO))
            if not here.any():
                continue
            sums = shares[group].sums(values[here])
            wanted, missed = _wanted(old, labels[here], shares[group].classes, inputs.old, sums.shape)
            scale = max(scale, float(np.abs(wanted).max(initial=0.0)))
            error = np.nan_to_num(np.abs(sums - wanted).max(axis=(1, 2), initial=0.0), nan=np.inf)
            position = int(np.argmax(error))
            if missed > worst or error[position] > worst:
                worst = max(missed, float(error[position]))
                at = int(units[here][position])
    largest = max(share.largest for share in shares)
    _judge(report, worst, scale, at, new.dtype, largest, exact, check)
    return report


def _holds_exactly(
    new: Kernel, old: Rows | None, inputs: AxisClaim, outputs: AxisClaim, first: Ints, shares: list[Shares]
) -> bool:
    """Whether all rows keep the law to the last bit, so that nothing has to be measured."""
    columns = comparable(new, old, inputs)
    if columns is None:
        return False
    report = Report()
    for start in range(0, new.units, new.step):
        units = np.arange(start, min(start + new.step, new.units))
        _check_copies(new, units, first, outputs.labels, shares, report)
        if report.faults or not equal_rows(new, old, units, outputs, columns):
            return False
    return True


def _wanted(old: Rows | None, labels: Ints, classes: Ints, known: int, shape: tuple[int, ...]) -> tuple[Floats, float]:
    """What every class should add up to: the old weights, zero for new classes and for zero units."""
    wanted, missed = np.zeros(shape), 0.0
    copies = np.flatnonzero(labels != ZERO)
    if old is not None and len(copies):
        before = np.flatnonzero(classes < known)
        found, missed = old.against(labels[copies], classes[before])
        wanted[np.ix_(copies, before)] = found
    return wanted, missed


def _check_copies(new: Kernel, units: Ints, first: Ints, labels: Ints, shares: list[Shares], report: Report) -> None:
    """C1: rows of one class are identical bit by bit, over inputs with the same labels."""
    later = units[(first[units] != units) & (labels[units] != ZERO)]
    if not len(later):
        return
    left, right = bits(new.raw(later)), bits(new.raw(first[later]))
    same = (left == right).all(axis=(1, 2))
    if not same.all():
        unit = int(later[np.argmin(same)])
        report.add("C1", f"row {unit} should be identical with row {int(first[unit])}, of which it is a copy")
    if new.groups == 1:
        return
    for unit, other in {(int(a), int(b)) for a, b in zip(new.group_of(later), new.group_of(first[later]))}:
        mine, theirs = shares[unit], shares[other]
        alike = np.array_equal(mine.classes, theirs.classes) and np.array_equal(mine.order, theirs.order)
        if unit != other and not alike:
            report.add("C1", f"groups {other} and {unit} hold the same units, but read others")


def _check_bits(new: Kernel, old: Kernel, units: Ints, outputs: AxisClaim, report: Report) -> None:
    """C1: where no input changed, copies are the old rows bit by bit."""
    labels = outputs.labels[units]
    copies = (labels >= 0) & (labels < outputs.old)
    if old.dtype != new.dtype or not copies.any():
        return
    same = (bits(new.raw(units[copies])) == bits(old.raw(labels[copies]))).all(axis=(1, 2))
    if not same.all():
        unit = int(units[copies][np.argmin(same)])
        report.add("C1", f"row {unit} should be old row {int(outputs.labels[unit])}, bit by bit")


def _judge(
    report: Report, worst: float, scale: float, at: int, dtype: str, largest: int, exact: bool, check: str
) -> None:
    """Compare the largest deviation with ``tau(dtype)`` and with the promise of the grid."""
    relative = worst / scale if scale > 0 else (0.0 if worst == 0 else float("inf"))
    report.deviation = relative
    limit = 8 * EPS.get(dtype, 0.0) * largest
    if not relative <= limit:  # NaN is a fault.
        words = {
            "C2": "the columns of a class do not add up to the old column (to zero for new units)",
            "D1": "it is not an identity",
            "D9": "it is not zero",
        }
        report.add(check, f"row {at}: {words[check]}", relative)
    elif exact and worst > 0 and dtype in ("float32", "float16", "bfloat16"):
        report.add("S1", f"row {at}: shares do not add up exactly on the grid of {dtype}", relative)


def free_rows(new: Kernel, inputs: Ints, bias: Floats | None) -> Ints:
    """Labels of the units of a kernel that is bound by nothing, for inputs with these labels.

    A unit is zero where the columns of every class cancel (R2DeeperR, D-8); units of one group with
    identical rows are one class.
    """
    shares = [Shares.of(part) for part in np.split(inputs, new.groups)]
    known: dict[tuple[int, bytes, float], int] = {}
    labels = np.empty(new.units, dtype=np.int64)
    for start in range(0, new.units, new.step):
        units = np.arange(start, min(start + new.step, new.units))
        raw, values, groups = new.raw(units), new.values(units), new.group_of(units)
        for row, unit in enumerate(units):
            group, shift = int(groups[row]), 0.0 if bias is None else float(bias[unit])
            if shift == 0.0 and not shares[group].sums(values[row : row + 1]).any():
                labels[unit] = ZERO
            else:
                labels[unit] = known.setdefault((group, raw[row].tobytes(), shift), len(known))
    return labels
