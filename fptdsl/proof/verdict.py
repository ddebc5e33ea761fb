"""What a verification found: figures, gates, and what may be said and published because of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from ..growth.plan import Exactness

PRESERVING: tuple[Exactness, ...] = ("bitwise", "exact", "eval-only")
"""The classes of which "function-preserving" may be said (``docs/maths.md`` section 1)."""


@dataclass(frozen=True)
class Gate:
    """One bound: ``error`` must be at most ``limit``; ``basis`` says where the limit comes from."""

    name: str
    error: float
    limit: float
    basis: str

    @property
    def passed(self) -> bool:
        return self.error <= self.limit

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "error": number(self.error),
            "limit": number(self.limit),
            "basis": self.basis,
            "passed": self.passed,
        }


@dataclass(frozen=True)
class Row:
    """The figures of one batch: relative errors, the largest over all outputs.

    Each is ``max|y - y'| / max|y|`` with ``y`` the old network's float64 output.  None: not evaluated.
    """

    source: str
    """``random``, ``probe``, or ``perturbed`` (random inputs, shaken weights)."""
    batch: int
    stored: float | None
    """The new network's file."""
    seed: int | None = None
    first: int = 0
    unrounded: float | None = None
    """The recipes before rounding."""
    storage: float | None = None
    """The new file against the recipes before rounding."""
    sensitivity: float | None = None
    """The old network with relative noise of 1e-15 on its weights."""
    response: float | None = None
    """The old network with relative noise of one unit of the file's precision on its weights."""
    float32_drift: float | None = None
    """New against old, both evaluated in float32."""
    float32_old: float | None = None
    """The old network in float32 against itself in float64."""
    float32_new: float | None = None
    bitwise: bool = False
    """All float64 outputs are equal bit by bit."""
    bitwise_float32: bool | None = None

    def to_json(self) -> dict[str, Any]:
        return {key: number(value) if isinstance(value, float) else value for key, value in vars(self).items()}


@dataclass(frozen=True)
class Reproduction:
    """How well the old network gives the outputs that the probe holds."""

    error: float
    tolerance: float
    dtype: str

    @property
    def passed(self) -> bool:
        return self.error <= self.tolerance

    def to_json(self) -> dict[str, Any]:
        return {
            "error": number(self.error),
            "tolerance": number(self.tolerance),
            "dtype": self.dtype,
            "passed": self.passed,
        }


@dataclass(frozen=True)
class Scope:
    """What was evaluated of networks that are too large: blocks of the grown one by name, and how many it has."""

    blocks: tuple[str, ...]
    total: int

    @property
    def wording(self) -> str:
        named = ", ".join(f"`{name}`" for name in self.blocks[:3]) + (", ..." if len(self.blocks) > 3 else "")
        return f" on {len(self.blocks)} of {self.total} blocks ({named})"

    def to_json(self) -> dict[str, Any]:
        return {"evaluated": list(self.blocks), "total": self.total}


@dataclass(frozen=True)
class Verdict:
    """The outcome of a verification.

    ``passed`` says: the figures hold what the class ``exactness`` promises.  For ``approximate`` and
    ``baseline`` that is only that there are finite figures.
    """

    passed: bool
    exactness: Exactness
    dtype: str
    """Of the file."""
    max_relative_error: float
    """Of the stored file, evaluated in float64, over all inputs and outputs."""
    unrounded_error: float | None
    storage_drift: float | None
    sensitivity: float
    rounding_response: float
    gates: tuple[Gate, ...]
    float32_drift: float | None
    float32_old: float | None
    float32_new: float | None
    bitwise: bool
    """Observed in float64 on all inputs; a plan may promise it, a run can only see it."""
    rows: tuple[Row, ...]
    train_mode: float | None = None
    """With batch norms that take their statistics from the batch; None where there are none."""
    half: dict[str, Any] | None = None
    """Drift in the dtype of the file, where that is float16 or bfloat16."""
    reproduction: Reproduction | None = None
    inconclusive: tuple[str, ...] = ()
    """Why the figures say nothing."""
    reasons: tuple[str, ...] = ()
    """Why the verification failed."""
    notes: tuple[str, ...] = field(default=())
    scope: Scope | None = None
    """None: every layer was evaluated."""
    planned: bool = True
    """Whether ``exactness`` is that of a plan.  Of two files alone, only measured equality can be said."""

    @property
    def gate_unrounded(self) -> Gate | None:
        return next((gate for gate in self.gates if gate.name == "unrounded recipe"), None)

    @property
    def gate_stored(self) -> Gate | None:
        return next((gate for gate in self.gates if gate.name == "stored file"), None)

    @property
    def finite(self) -> bool:
        return isfinite(self.max_relative_error)

    @property
    def wording(self) -> str:
        """One sentence; "function-preserving" only where the class allows it."""
        where = "" if self.scope is None else self.scope.wording
        error = f"largest relative error {self.max_relative_error:.1e} in float64{where}"
        if self.inconclusive:
            return f"Inconclusive: {'; '.join(self.inconclusive)}"
        if not self.passed:
            return f"Different: {'; '.join(self.reasons)}"
        if not self.planned:
            return f"Equal within the rounding of {self.dtype} weights: {error}{self._limit}{self.relative_to}"
        if self.exactness in PRESERVING:
            return f"Function-preserving ({self.exactness}): {error}{self.relative_to}"
        meaning = "an approximation" if self.exactness == "approximate" else "a baseline, a different function"
        return f"Measured ({meaning}): {error}{self.relative_to}"

    @property
    def _limit(self) -> str:
        gate = self.gate_stored
        return f" (limit {gate.limit:.1e})" if gate is not None else ""

    @property
    def relative_to(self) -> str:
        """What the verdict rests on: the spec, or outputs known from elsewhere."""
        known = self.reproduction is not None and self.reproduction.passed
        return ", and the old network gives the expected outputs" if known else ", relative to this spec"

    def to_json(self) -> dict[str, Any]:
        """The ``verification`` part of ``--json`` documents and receipts."""
        return {
            "passed": self.passed,
            "verdict": self.wording,
            "exactness": self.exactness if self.planned else None,
            "max_relative_error": number(self.max_relative_error),
            "dtype": self.dtype,
            "evaluated_in": "float64",
            "blocks": None if self.scope is None else self.scope.to_json(),
            "storage_drift": number(self.storage_drift),
            "unrounded_error": number(self.unrounded_error),
            "sensitivity": number(self.sensitivity),
            "rounding_response": number(self.rounding_response),
            "gates": [gate.to_json() for gate in self.gates],
            "float32": {
                "drift": number(self.float32_drift),
                "old": number(self.float32_old),
                "new": number(self.float32_new),
            },
            "half": self.half,
            "train_mode": number(self.train_mode),
            "bitwise": self.bitwise,
            "reproduction": self.reproduction.to_json() if self.reproduction else None,
            "inconclusive": list(self.inconclusive),
            "reasons": list(self.reasons),
            "notes": list(self.notes),
            "inputs": [row.to_json() for row in self.rows],
        }


def number(value: float | None) -> float | None:
    """A figure for JSON, which has no infinity and no NaN: None, and the reasons say why."""
    return value if value is not None and isfinite(value) else None


def may_publish(exactness: Exactness, verdict: Verdict) -> bool:
    """Whether a grown checkpoint of that class may be published (``docs/language.md``, section 4).

    ``bitwise``, ``exact`` and ``eval-only``: only when the verification passed.  ``approximate``: when
    the error could be measured.  ``baseline``: always; shapes and old weights are checked elsewhere.
    Never when the old network does not give the outputs that a probe expects.
    """
    if verdict.reproduction is not None and not verdict.reproduction.passed:
        return False
    if exactness in PRESERVING:
        return verdict.passed
    return exactness == "baseline" or verdict.finite
