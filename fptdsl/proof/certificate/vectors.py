"""Vectors with one value per unit: biases, scales, running statistics, slopes."""

from __future__ import annotations

import numpy as np

from .claims import MEAN, ZERO, AxisClaim
from .law import first_of_class
from .reading import EPS, Floats, Raw, Tensors, bits, pieces, to_float, vector
from .report import Report

IDENTITY = {"float64": 1e-14, "float32": 1e-9, "float16": 2.0**-10, "bfloat16": 2.0**-7}
"""How far ``weight / sqrt(running_var + eps)`` of an identity may be from 1: what the search on the grid
of each dtype reaches (S-3), with room to spare."""

SMALLEST = {"float16": 2.0**-24, "bfloat16": 2.0**-133, "float32": 2.0**-149}
"""The distance of neighbours around zero."""


def check_follower(
    old: Tensors | None,
    source: str | None,
    new: Tensors,
    name: str,
    axis: AxisClaim,
    *,
    zero: bool,
    factors: Floats | None = None,
    offset: bool = False,
) -> Report:
    """Values of copies are the old ones times ``factors``, values within a class are equal, bit by bit.

    Without factors the values are the old ones to the bit.  ``zero``: values of zero units must be zero
    and those of means the mean (a shift or a running mean; a scale is free there).  ``offset``: one plus
    the value is what is multiplied (N-8).  Without a source only equality within classes is asked for.
    """
    report = Report()
    here = vector(new, name)
    if len(here) != axis.new:
        report.add("C4", f"it has {len(here)} values for {axis.new} units")
        return report
    if source is not None and old is not None:
        before = vector(old, source)
        if len(before) != axis.old:
            report.add("C4", f"the old tensor has {len(before)} values for {axis.old} units")
            return report
        scaled = factors is not None and bool((factors[axis.known] != 1.0).any())
        if scaled:
            old_values = to_float(before, old.dtype(source))
            _multiples(old_values, to_float(here, new.dtype(name)), axis, factors, offset, new.dtype(name), report)
        else:
            _copies(before, here, axis, new.dtype(name), report)
        if zero and (axis.labels == MEAN).any():
            _means(to_float(before, old.dtype(source)), here, axis, factors, new.dtype(name), report)
    _classes(here, axis, report)
    moved = np.flatnonzero((axis.labels == ZERO) & (to_float(here, new.dtype(name)) != 0.0))
    if zero and len(moved):
        report.add("C3", f"unit {int(moved[0])} should stay zero, and this is not zero there")
    return report


def rounding(values: Floats, dtype: str) -> Floats:
    """How far what is stored may be from these values."""
    return np.asarray(np.abs(values) * max(EPS.get(dtype, 0.0), 1e-14) + SMALLEST.get(dtype, 0.0))


def _multiples(
    before: Floats, here: Floats, axis: AxisClaim, factors: Floats | None, offset: bool, dtype: str, report: Report
) -> None:
    """Values of copies are multiples of the old ones, rounded once."""
    assert factors is not None
    copies = np.flatnonzero(axis.known)
    shift = 1.0 if offset else 0.0
    wanted = factors[copies] * (shift + before[axis.labels[copies]]) - shift
    gap = np.nan_to_num(np.abs(here[copies] - wanted), nan=np.inf)
    largest = max(float(np.abs(wanted).max(initial=0.0)), 1e-300)
    report.deviation = max(report.deviation, float(gap.max(initial=0.0)) / largest)
    # One less than a product near one: the product was rounded before.
    wrong = gap > rounding(wanted, dtype) + 4 * EPS["float64"] * shift * np.abs(wanted + shift)
    if wrong.any():
        unit = int(copies[int(np.argmax(gap * wrong))])
        times = f"{float(factors[unit]):.6g} times the {'gain' if offset else 'value'} of old unit"
        report.add("C1", f"unit {unit} should have {times} {int(axis.labels[unit])}", float(gap.max()) / largest)


def _means(before: Floats, here: Raw, axis: AxisClaim, factors: Floats | None, dtype: str, report: Report) -> None:
    """Values of means are the mean of the old ones."""
    means = np.flatnonzero(axis.labels == MEAN)
    wanted = before.mean() * (np.ones(axis.new) if factors is None else factors)[means]
    gap = np.abs(to_float(here[means], dtype) - wanted)
    if not (gap <= rounding(wanted, dtype) + 1e-14 * np.abs(before).max(initial=0.0)).all():
        report.add("N6", f"unit {int(means[int(np.argmax(gap))])} should have the mean of the old values")


def _copies(before: Raw, here: Raw, axis: AxisClaim, dtype: str, report: Report) -> None:
    copies = np.flatnonzero(axis.known)
    wrong = bits(here[copies]) != bits(before[axis.labels[copies]])
    if wrong.any():
        unit = int(copies[np.argmax(wrong)])
        gap = np.abs(to_float(here[copies], dtype) - to_float(before[axis.labels[copies]], dtype)).max()
        largest = float(np.abs(to_float(before, dtype)).max())
        report.add(
            "C1",
            f"unit {unit} should have the value of old unit {int(axis.labels[unit])}",
            float(gap) / largest if largest > 0 else float("inf"),
        )


def _classes(here: Raw, axis: AxisClaim, report: Report) -> None:
    first = first_of_class(axis.identities)
    wrong = (bits(here) != bits(here[first])) & (axis.labels >= axis.old)
    if wrong.any():
        unit = int(np.argmax(wrong))
        report.add("C1", f"unit {unit} should have the value of unit {int(first[unit])}, its twin")


def check_constant(new: Tensors, name: str, value: float, check: str = "D9") -> Report:
    """Every element of a tensor is exactly this value."""
    report, dtype, worst = Report(), new.dtype(name), 0.0
    for start, stop in pieces(new.shape(name)):
        raw = new.rows(name, start, stop)
        if value == 0.0 and not bits(raw).any():
            continue
        here = to_float(raw, dtype)
        worst = max(worst, float(np.abs(here - value).max(initial=0.0)), key=_nan_first)
    if worst != 0.0:
        report.add(check, f"it should be {value:g} everywhere", worst)
    return report


def _nan_first(value: float) -> float:
    return float("inf") if value != value else value


def check_identity_norm(new: Tensors, names: dict[str, str], axis: AxisClaim, eps: float) -> dict[str, Report]:
    """``weight ** 2 = running_var + eps`` and ``bias = running_mean`` for every old unit (D-4, S-3)."""
    reports = {suffix: Report() for suffix in names if suffix != "num_batches_tracked"}
    if "running_mean" not in names:
        next(iter(reports.values())).add("D4", "a norm without running statistics is never the identity")
        return reports
    read = {suffix: to_float(vector(new, names[suffix]), new.dtype(names[suffix])) for suffix in reports}
    if any(len(values) != axis.new for values in read.values()):
        reports["running_mean"].add("C4", f"it does not have {axis.new} values")
        return reports
    copies = np.flatnonzero((axis.labels >= 0) & (axis.labels < axis.old))
    weight = read.get("weight", np.ones(axis.new))
    error = np.abs(weight / np.sqrt(read["running_var"] + eps) - 1.0)[copies]
    scale = reports["weight" if "weight" in reports else "running_var"]
    worst = float(error.max(initial=0.0))
    scale.deviation = worst
    dtype = new.dtype(names["running_var"])
    limit = IDENTITY.get(dtype, EPS["float32"])
    if "weight" not in read:  # nothing to search: the variance is 1 - eps, rounded
        limit = max(limit, EPS[dtype])
    if not worst <= limit:
        scale.add("D4", f"unit {int(copies[np.argmax(error)])}: weight^2 is not running_var + eps", worst)
    gap = np.abs(read.get("bias", np.zeros(axis.new)) - read["running_mean"])[copies]
    if float(gap.max(initial=0.0)) != 0.0:
        shift = reports["bias" if "bias" in reports else "running_mean"]
        shift.add("D4", f"unit {int(copies[np.argmax(gap)])}: the bias is not the running mean", float(gap.max()))
    return reports
