"""Norms over units: which maps of the units they keep (``docs/maths.md`` N-3 to N-6).

The units are ``M`` times the old ones.  What is asked of ``M`` is what the mathematics asks, so that a factor
that plan and file agree on, and that is wrong, is found here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...architecture.graph import Node
from ...architecture.ops import OPERATIONS
from ...architecture.ops.shapes import axis_of
from .claims import MEAN, ZERO, AxisClaim, Claim
from .transfer import SPECIAL, Illegal, Zeros, simple

CLOSE = 1e-9
"""Relative: what powers of square roots may be off in float64, with room to spare."""


def normalised(new: Node, old: Node, inputs: Sequence[Claim], zeros: Zeros) -> tuple[AxisClaim, ...]:
    """What the norm gives before its own scale: ``M`` times the old normalised units, eps unchanged."""
    place = axis_of(OPERATIONS[old.op], old.args.dim, old.inputs[0])  # type: ignore[attr-defined]
    law = kept_by_layer_norm if old.op == "layernorm" else kept_by_rms_norm
    return tuple(
        law(axis) if number == place else simple(new, axis).without_zeros()
        for number, axis in enumerate(inputs[0].axes)
    )


def kept_by_rms_norm(axis: AxisClaim) -> AxisClaim:
    """``M^T M = (H/h) I``: the mean square is that of the old units; zeros stay zero."""
    inside = axis.labels != ZERO
    if axis.even is not None or not axis.known[inside].all():
        raise Illegal("new units change the mean square of a norm, unless they are zero", "N5")
    squares = np.bincount(axis.labels[inside], axis.factors[inside] ** 2, minlength=axis.old)
    wanted = axis.new / axis.old
    if not np.allclose(squares, wanted, rtol=CLOSE, atol=0.0):
        unit = int(np.argmax(np.abs(squares - wanted)))
        raise Illegal(
            f"copies of old unit {unit} have {squares[unit]:.9g} times its square, and the norm keeps eps where that "
            f"is {wanted:.9g}",
            "N5",
        )
    return axis


def kept_by_layer_norm(axis: AxisClaim) -> AxisClaim:
    """``P M 1 = 0`` and ``M^T P M = (H/h) P``: copies of all alike, and means, which the norm makes zero.

    ``r`` copies of each unit and ``e`` means, all times ``s``, with ``s^2 r h = H``.
    """
    if axis.even is not None or not (axis.known | (axis.labels == MEAN)).all():
        raise Illegal("new units change mean and variance of a norm, unless they are means of the old ones", "N6")
    counts = np.bincount(axis.labels[axis.known], minlength=axis.old)
    if len(np.unique(counts)) > 1:
        raise Illegal("a norm keeps copies only where all units are copied equally often", "N6")
    scales = axis.factors
    if not np.allclose(scales, scales[0], rtol=CLOSE, atol=0.0):
        raise Illegal("units under a norm are different multiples, which moves its mean", "N6")
    square, wanted = float(scales[0]) ** 2 * int(counts[0]), axis.new / axis.old
    if not np.isclose(square, wanted, rtol=CLOSE, atol=0.0):
        raise Illegal(
            f"the variance is {square / wanted:.9g} times the old one, and the norm adds the same eps to it", "N6"
        )
    return AxisClaim(axis.old, np.where(axis.labels == MEAN, ZERO, axis.labels)).times(scales)


def _multiply(new: Node, old: Node, inputs: Sequence[Claim], zeros: Zeros) -> tuple[AxisClaim, ...]:
    """A number that may hold a power of the width (T-9)."""
    *others, units = inputs[0].axes
    power: float = new.args.width_power  # type: ignore[attr-defined]
    return (*others, units.times((new.output.shape[-1] / old.output.shape[-1]) ** power))


SPECIAL.update({"layernorm": normalised, "rmsnorm": normalised, "multiply": _multiply})
