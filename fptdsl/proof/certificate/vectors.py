"""Vectors with one value per unit: biases, scales, running statistics, slopes."""

from __future__ import annotations

import numpy as np

from .claims import ZERO, AxisClaim
from .law import Report, first_of_class
from .reading import EPS, Raw, Tensors, bits, pieces, to_float, vector

IDENTITY = {"float64": 1e-14, "float32": 1e-9, "float16": 2.0**-10, "bfloat16": 2.0**-7}
"""How far ``weight / sqrt(running_var + eps)`` of an identity may be from 1: what the search on the grid
of each dtype reaches (S-3), with room to spare."""


def check_follower(
    old: Tensors | None, source: str | None, new: Tensors, name: str, axis: AxisClaim, *, zero: bool
) -> Report:
    """Values of copies are the old ones, values within a class are equal, bit by bit.

    ``zero``: values of zero units must be zero (a shift or a mean; a scale is free).  Without a source
    only equality within classes is asked for.
    """
    report = Report()
    here = vector(new, name)
    if len(here) != axis.new:
        report.add("C4", f"it has {len(here)} values for {axis.new} units")
        return report
    if source is not None and old is not None:
        _copies(vector(old, source), here, axis, new.dtype(name), report)
    _classes(here, axis, report)
    moved = np.flatnonzero((axis.labels == ZERO) & (to_float(here, new.dtype(name)) != 0.0))
    if zero and len(moved):
        report.add("C3", f"unit {int(moved[0])} should stay zero, and this is not zero there")
    return report


def _copies(before: Raw, here: Raw, axis: AxisClaim, dtype: str, report: Report) -> None:
    copies = np.flatnonzero((axis.labels >= 0) & (axis.labels < axis.old))
    if len(before) != axis.old:
        report.add("C4", f"the old tensor has {len(before)} values for {axis.old} units")
        return
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
    first = first_of_class(axis.labels)
    wrong = (bits(here) != bits(here[first])) & (axis.labels >= axis.old)
    if wrong.any():
        unit = int(np.argmax(wrong))
        report.add("C1", f"unit {unit} should have the value of unit {int(first[unit])}, its twin")


def check_constant(new: Tensors, name: str, value: float, check: str = "D9") -> Report:
    """Every element of a tensor is exactly this value."""
    report, dtype, worst = Report(), new.dtype(name), 0.0
    for start, stop in pieces(new.shape(name)):
        here = to_float(new.rows(name, start, stop), dtype)
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
