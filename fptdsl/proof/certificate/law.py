"""(L1) and (L2) of ``docs/maths.md`` on one kernel: rows of a class are equal, columns of a class add up.

In the scaled form: where an input is ``s`` times a unit its column counts ``s`` times, and the row of a unit
that is ``t`` times an old one is ``t`` times the old row.
"""

from __future__ import annotations

import numpy as np

from .alike import alike, heads
from .claims import MEAN, ZERO, AxisClaim
from .equality import comparable, equal_rows
from .kernels import Kernel, Rows
from .reading import EPS, Floats, Ints, Raw, bits
from .report import Report
from .sums import Sums

WORDS = {
    "C2": "the columns of a class do not add up to the old column (to zero for new units)",
    "D1": "it is not an identity",
    "D9": "it is not zero",
    "D10": "the product of the two factors is not the old kernel",
    "N6": "it is not the mean of the old rows",
}


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
    inputs = inputs.without_means()
    exact = exact and inputs.simple and outputs.simple
    sums = [Sums.of(inputs.take(part)) for part in np.split(np.arange(inputs.new), new.groups)]
    first = first_of_class(outputs.identities)
    if _holds_exactly(new, old, inputs, outputs, first, sums):
        return report
    measured = _Measured(report, new.dtype, max(part.largest for part in sums))
    mean = _mean(old, inputs, outputs, sums)
    for start in range(0, new.units, new.step):
        units = np.arange(start, min(start + new.step, new.units))
        _check_copies(new, units, first, outputs, sums, report)
        if inputs.plain and isinstance(old, Kernel) and type(new) is Kernel and old.groups == new.groups:
            _check_bits(new, old, units, outputs, report)
        values, slack, groups = new.values(units), new.slack(units), new.group_of(units)
        for group in np.unique(groups):
            here = (groups == group) & (outputs.labels[units] < outputs.old)
            if not here.any():
                continue
            part, rows = sums[group], outputs.take(units[here])
            found = part(values[here])
            wanted, missed = _wanted(old, rows, part.classes, inputs.old, mean, found.shape)
            allowed = None if slack is None else part.of_sizes(slack[here])
            measured.add(units[here], found, wanted, missed, allowed, rows.labels == MEAN)
    measured.judge(exact, check)
    return report


def _holds_exactly(
    new: Kernel, old: Rows | None, inputs: AxisClaim, outputs: AxisClaim, first: Ints, sums: list[Sums]
) -> bool:
    """Whether all rows keep the law to the last bit, so that nothing has to be measured."""
    columns = comparable(new, old, inputs, outputs)
    if columns is None:
        return False
    report = Report()
    for start in range(0, new.units, new.step):
        units = np.arange(start, min(start + new.step, new.units))
        _check_copies(new, units, first, outputs, sums, report)
        if report.faults or not equal_rows(new, old, units, outputs, columns):
            return False
    return True


class _Measured:
    """How far off the sums are: the worst row, in parts of the largest old weight or of what may be lost."""

    def __init__(self, report: Report, dtype: str, largest: int) -> None:
        self.report, self.dtype, self.largest = report, dtype, largest
        self.worst = {False: 0.0, True: 0.0}
        """Apart for rows that are means (True)."""
        self.at = {False: 0, True: 0}
        self.scale, self.beyond = 0.0, 0.0

    def add(
        self, units: Ints, found: Floats, wanted: Floats, missed: float, allowed: Floats | None, means: Ints
    ) -> None:
        self.scale = max(self.scale, float(np.abs(wanted).max(initial=0.0)))
        gaps = np.abs(found - wanted)
        gaps[np.isnan(gaps)] = np.inf
        if allowed is not None:
            self.beyond = max(self.beyond, float(np.nan_to_num(gaps - allowed, nan=np.inf).max(initial=0.0)))
        error = gaps.max(axis=(1, 2), initial=0.0)
        for kind in (False, True):
            mine = np.flatnonzero(means == kind)
            if not len(mine):
                continue
            position = mine[int(np.argmax(error[mine]))]
            if missed > self.worst[kind] or error[position] > self.worst[kind]:
                self.worst[kind] = max(missed, float(error[position]))
                self.at[kind] = int(units[position])

    def judge(self, exact: bool, check: str) -> None:
        """Compare the largest deviations with ``tau(dtype)`` and with the promise of the grid."""
        for kind, worst in self.worst.items():
            relative = worst / self.scale if self.scale > 0 else (0.0 if worst == 0 else float("inf"))
            self.report.deviation = max(self.report.deviation, relative)
            limit = 8 * EPS.get(self.dtype, 0.0) * self.largest
            name = "N6" if kind else check
            at = f"row {self.at[kind]}"
            if check == "D10":
                if not self.beyond <= SOLVED * self.scale:
                    self.report.add(name, f"{at}: {WORDS[name]}", relative)
            elif not relative <= limit:  # NaN is a fault.
                self.report.add(name, f"{at}: {WORDS[name]}", relative)
            elif exact and worst > 0 and self.dtype in ("float32", "float16", "bfloat16"):
                self.report.add("S1", f"{at}: shares do not add up exactly on the grid of {self.dtype}", relative)


SOLVED = 1e-9
"""What the solution of the equations of a factor may leave in float64, relative to the largest old weight."""


def _wanted(
    old: Rows | None, rows: AxisClaim, classes: Ints, known: int, mean: Floats | None, shape: tuple[int, ...]
) -> tuple[Floats, float]:
    """What every class should add up to: the old weights, zero for new classes and for zero units."""
    before = np.flatnonzero(classes < known)
    copies = np.flatnonzero(rows.labels >= 0)
    found, missed = None, 0.0
    if old is not None and len(copies):
        found, missed = old.against(rows.labels[copies], classes[before])
        if rows.scales is not None:
            found = found * rows.factors[copies][:, None, None]
        if found.shape == shape:
            return found, missed
    wanted = np.zeros(shape)
    if found is not None:
        wanted[np.ix_(copies, before)] = found
    means = np.flatnonzero(rows.labels == MEAN)
    if mean is not None and len(means):
        wanted[np.ix_(means, before)] = mean * rows.factors[means][:, None, None]
    return wanted, missed


def _mean(old: Rows | None, inputs: AxisClaim, outputs: AxisClaim, sums: list[Sums]) -> Floats | None:
    """The mean of all old rows ``[classes, positions]``, where units are to be that (N-6)."""
    if old is None or len(sums) > 1 or not (outputs.labels == MEAN).any():
        return None
    classes = sums[0].classes[sums[0].classes < inputs.old]
    step, total = max(1, (1 << 19) // max(1, len(classes))), 0.0
    for start in range(0, outputs.old, step):
        total = total + old.against(np.arange(start, min(start + step, outputs.old)), classes)[0].sum(axis=0)
    return np.asarray(total) / outputs.old


def _check_copies(new: Kernel, units: Ints, first: Ints, outputs: AxisClaim, sums: list[Sums], report: Report) -> None:
    """C1: rows of one class are identical bit by bit, over inputs with the same labels."""
    later = units[(first[units] != units) & (outputs.labels[units] >= 0)]
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
        if unit != other and sums[unit].key != sums[other].key:
            report.add("C1", f"groups {other} and {unit} hold the same units, but read others")


def _check_bits(new: Kernel, old: Kernel, units: Ints, outputs: AxisClaim, report: Report) -> None:
    """C1: where no input changed, copies are the old rows bit by bit."""
    copies = outputs.known[units] & (outputs.factors[units] == 1.0)
    if old.dtype != new.dtype or not copies.any():
        return
    labels = outputs.labels[units]
    same = (bits(new.raw(units[copies])) == bits(old.raw(labels[copies]))).all(axis=(1, 2))
    if not same.all():
        unit = int(units[copies][np.argmin(same)])
        report.add("C1", f"row {unit} should be old row {int(outputs.labels[unit])}, bit by bit")


def free_rows(new: Kernel, inputs: AxisClaim, bias: Floats | None) -> Ints:
    """Labels of the units of a kernel that is bound by nothing, for inputs with these labels.

    A unit is zero where the columns of every class cancel (R2DeeperR, D-8); units with identical rows are
    one class, where their groups read the same.
    """
    inputs = inputs.without_means()
    sums = [Sums.of(inputs.take(part)) for part in np.split(np.arange(inputs.new), new.groups)]
    groups: dict[tuple[bytes, ...], int] = {}
    reads = np.array([groups.setdefault(part.key, len(groups)) for part in sums])
    nothing, begins = [], []
    for start in range(0, new.units, new.step):
        units = np.arange(start, min(start + new.step, new.units))
        raw = new.raw(units)
        nothing.append(_cancelling(new, raw, units, sums))
        begins.append(heads(raw))
    shifts = np.zeros(new.units) if bias is None else np.asarray(bias, dtype=np.float64) + 0.0  # no -0.0
    every = np.arange(new.units)
    left = every[~np.concatenate(nothing) | (shifts != 0.0)]
    keys = np.stack([reads[new.group_of(left)], shifts[left].view(np.int64)], axis=1)
    labels = np.full(new.units, ZERO, dtype=np.int64)
    labels[left] = alike(new, left, keys, np.concatenate(begins)[left])
    return labels


def _cancelling(new: Kernel, raw: Raw, units: Ints, sums: list[Sums]) -> Ints:
    """A mask of the rows ``raw``: those whose columns add up to zero in every class."""
    if new.groups == 1 and sums[0].largest == 1 and type(new) is Kernel:  # told by the bits, but for the sign
        columns = raw if len(sums[0].order) == raw.shape[1] else raw[:, sums[0].order]
        magnitudes = bits(columns) << 1
        return np.asarray(~magnitudes.any(axis=(1, 2)))
    values, groups = new.values(units), new.group_of(units)
    nothing = np.zeros(len(units), dtype=bool)
    for group in np.unique(groups):
        here = groups == group
        nothing[here] = ~sums[group](values[here]).any(axis=(1, 2))
    return nothing
