"""What a certificate says: what was checked step by step, and every place where the law does not hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal["passed", "failed", "declined", "inconclusive"]
"""``declined``: the plan claims no equality.  ``inconclusive``: what the units are could not be told."""

CHECKS: dict[str, str] = {
    "C1": "rows of one class are identical, and copies are the old rows",
    "C2": "columns of one class add up to the old column, those of a new class to zero",
    "C3": "every operation on grown units is one that keeps their classes apart",
    "C4": "every tensor is there in its new size, and what does not grow has not changed",
    "C5": "arguments and inputs of every layer are those of the old network",
    "N5": "what an RMSNorm reads has the mean square of the old units (M^T M = H/h), so eps counts as before",
    "N6": "what a layer norm reads is copies of all units alike and means, with the old variance",
    "S1": "shares add up without any rounding in the file's dtype",
    "D1": "an inserted kernel is the identity",
    "D4": "an inserted norm is the identity",
    "D5": "the largest piece of an inserted maxout is the value itself",
    "D9": "an inserted branch ends in zero",
    "D10": "the product of two factors is the old kernel, up to the rounding of the factors",
}
"""Identifiers of the checks (``docs/maths.md``, sections 2, 4, 4a and 7) in words."""


@dataclass(frozen=True)
class Finding:
    """One tensor, or place, that is not what the law asks for.

    ``deviation`` is relative to the largest value of the old tensor; None where there is no number.
    """

    tensor: str
    check: str
    message: str
    deviation: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "tensor": self.tensor,
            "check": self.check,
            "message": self.message,
            "deviation": finite(self.deviation),
        }


@dataclass(frozen=True)
class Checked:
    """What was checked for one step of the plan (or for all that no step touches)."""

    step: str
    tensors: int
    checks: tuple[str, ...]
    deviation: float
    """The largest, relative."""

    def to_json(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "tensors": self.tensors,
            "checks": list(self.checks),
            "deviation": finite(self.deviation),
        }


@dataclass(frozen=True)
class Certificate:
    """The outcome of the static check; no network was evaluated for it."""

    outcome: Outcome
    basis: Literal["plan", "checkpoints"]
    """Where the classes of units come from: a plan, or the two checkpoints alone."""
    steps: tuple[Checked, ...] = ()
    findings: tuple[Finding, ...] = ()
    reasons: tuple[str, ...] = ()
    """Why it was declined or inconclusive."""

    @property
    def passed(self) -> bool:
        return self.outcome == "passed"

    @property
    def deviation(self) -> float:
        return max((step.deviation for step in self.steps), default=0.0)

    @property
    def tensors(self) -> int:
        return sum(step.tensors for step in self.steps)

    @property
    def wording(self) -> str:
        """One sentence."""
        if self.outcome == "passed":
            return f"Certified: the law holds for all {self.tensors} tensors (largest deviation {self.deviation:.1e})"
        if self.outcome == "failed":
            first = self.findings[0]
            more = f", and {len(self.findings) - 1} more" if len(self.findings) > 1 else ""
            return f"Not certified: {first.tensor}: {first.message}{more}"
        if self.outcome == "inconclusive":
            return f"Certificate inconclusive: {'; '.join(self.reasons)}"
        return f"No certificate: {'; '.join(self.reasons)}"

    def to_json(self) -> dict[str, Any]:
        """The ``certificate`` part of documents and receipts."""
        return {
            "outcome": self.outcome,
            "passed": self.passed,
            "verdict": self.wording,
            "basis": self.basis,
            "deviation": finite(self.deviation),
            "steps": [step.to_json() for step in self.steps],
            "findings": [finding.to_json() for finding in self.findings],
            "reasons": list(self.reasons),
        }


def finite(value: float | None) -> float | str | None:
    """A figure for JSON, which has no infinity."""
    if value is None or abs(value) < float("inf"):
        return value
    return "inf" if value == value else "nan"
