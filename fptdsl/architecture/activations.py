"""Pointwise activations as functions: what growth may rely on (``docs/maths.md`` section 1).

Nothing here is guessed: the tests hold every entry against torch's functions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

from .arguments import Args

Interval = tuple[float, float]
"""Closed; ``(1.0, 0.0)`` is empty."""

NOWHERE: Interval = (1.0, 0.0)


def _inside(inner: Interval, outer: Interval) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


@dataclass(frozen=True)
class Activation:
    """Properties of a pointwise function ``f``.

    ``values`` is an interval that holds every value of ``f``; on ``identity_on`` ``f(x) = x`` to the bit.
    ``paired`` is the constant ``c`` of ``f(x) - f(-x) = c x`` (D-7), None where there is none or where it is
    known from the checkpoint only (``prelu``).  ``homogeneous``: ``f(s x) = s f(x)`` for ``s > 0``.
    """

    name: str
    zero_at_zero: bool
    paired: float | None
    homogeneous: bool
    values: Interval
    identity_on: Interval = NOWHERE

    @property
    def idempotent(self) -> bool:
        """``f(f(x)) = f(x)``: an identity layer may follow it (D-1)."""
        return self.fixes_values_of(self)

    def fixes_values_of(self, other: Activation) -> bool:
        """``f(g(x)) = g(x)`` to the bit, for ``other`` as ``g``."""
        return _inside(other.values, self.identity_on)

    @property
    def fixes(self) -> frozenset[str]:
        """Names of the activations (with default arguments), and softmax, whose values it leaves alone."""
        return frozenset(other.name for other in (*ACTIVATIONS.values(), SOFTMAX) if self.fixes_values_of(other))


_REALS: Interval = (-inf, inf)
_POSITIVE: Interval = (0.0, inf)

SOFTMAX = Activation("softmax", False, None, False, (0.0, 1.0))
"""Not pointwise; here for the interval of its values."""

ACTIVATIONS: dict[str, Activation] = {
    entry.name: entry
    for entry in (
        #          name          zero   paired homogeneous values      identity on
        Activation("identity", True, 2.0, True, _REALS, _REALS),
        Activation("relu", True, 1.0, True, _POSITIVE, _POSITIVE),
        Activation("relu6", True, None, False, (0.0, 6.0), (0.0, 6.0)),
        Activation("hardtanh", True, None, False, (-1.0, 1.0), (-1.0, 1.0)),
        Activation("leaky_relu", True, 1.01, True, _REALS, _POSITIVE),
        Activation("prelu", True, None, True, _REALS, _POSITIVE),
        Activation("elu", True, None, False, (-1.0, inf), _POSITIVE),
        Activation("selu", True, None, False, (-1.7581, inf)),
        Activation("mish", True, None, False, (-0.3089, inf)),
        Activation("gelu", True, 1.0, False, (-0.1701, inf)),
        Activation("silu", True, 1.0, False, (-0.2785, inf)),
        Activation("hardswish", True, 1.0, False, (-0.3751, inf)),
        # Torch cuts the curve off at `threshold`: there the pairing is off by exp(-20), 2e-9.
        Activation("softplus", False, 1.0, False, _POSITIVE),
        Activation("tanh", True, None, False, (-1.0, 1.0)),
        Activation("sigmoid", False, None, False, (0.0, 1.0)),
        Activation("hardsigmoid", False, None, False, (0.0, 1.0)),
    )
}


def activation_of(name: str, args: Args) -> Activation:
    """The properties of an activation with these arguments.

    Raises KeyError for an operation that is not a pointwise activation.
    """
    if name == "parametric":
        # A mean of f(x) and x by a weight that is known from the checkpoint only.
        inner = activation_of(args.activation, args.inner())  # type: ignore[attr-defined]
        return replace(inner, name=name, paired=None, values=_REALS, identity_on=NOWHERE)
    entry = ACTIVATIONS[name]
    if name == "leaky_relu":
        slope: float = args.negative_slope  # type: ignore[attr-defined]
        if slope == 1:
            return replace(ACTIVATIONS["identity"], name=name)
        return replace(entry, paired=1 + slope, values=_REALS if slope > 0 else _POSITIVE)
    if name == "elu":
        alpha: float = args.alpha  # type: ignore[attr-defined]
        return replace(entry, values=(min(0.0, -alpha), inf))
    if name == "hardtanh":
        low: float = args.min_val  # type: ignore[attr-defined]
        high: float = args.max_val  # type: ignore[attr-defined]
        return replace(entry, zero_at_zero=low <= 0 <= high, values=(low, high), identity_on=(low, high))
    return entry
