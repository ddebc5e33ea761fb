"""What the functions of the API return: frozen objects around one JSON document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..diagnostics import Diagnostic, FptError

if TYPE_CHECKING:
    from ..growth.plan import Exactness, Plan, Step, TensorPlan


@dataclass(frozen=True, eq=False)
class Result:
    """``document`` holds everything that ``--json`` prints and the terminal shows."""

    document: Mapping[str, Any] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """The document (``schema`` 1)."""
        return dict(self.document)


@dataclass(frozen=True, eq=False)
class ValidateResult(Result):
    """A spec without a fault."""


@dataclass(frozen=True, eq=False)
class ShowResult(Result):
    """An architecture: ``document["tree"]``, ``document["groups"]``."""


@dataclass(frozen=True, eq=False)
class PlanResult(Result):
    """A plan, and the document that can be saved and applied later."""

    plan: Plan = field(repr=False)

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.plan.steps

    @property
    def tensors(self) -> tuple[TensorPlan, ...]:
        return self.plan.tensors

    @property
    def exactness(self) -> Exactness:
        return self.plan.exactness


@dataclass(frozen=True, eq=False)
class DiffResult(Result):
    """What changes, or differs, tensor by tensor: ``document["tensors"]``."""


@dataclass(frozen=True, eq=False)
class FiltersResult(Result):
    """A picture of filters: ``document["output"]``; ``document["filters"]`` says what each was before a growth."""


@dataclass(frozen=True, eq=False)
class VerifyResult(Result):
    """The verdict on two checkpoints."""

    @property
    def passed(self) -> bool:
        """Both networks compute the same; a certificate, where one was asked for, found nothing."""
        certificate = self.document.get("certificate")
        sound = certificate is None or certificate["outcome"] != "failed"
        return sound and bool(self.document["verification"]["passed"])

    @property
    def max_relative_error(self) -> float:
        """Of the new file against the old one, both evaluated in float64."""
        return float(self.document["verification"]["max_relative_error"])


@dataclass(frozen=True, eq=False)
class ApplyResult(VerifyResult):
    """A finished growth.  ``outputs`` is empty when there was nothing to do."""

    @property
    def outputs(self) -> dict[str, Path]:
        """The files written: ``checkpoint``, ``spec`` and ``receipt``."""
        return {name: Path(path) for name, path in self.document["outputs"].items()}

    @property
    def passed(self) -> bool:
        return self.document["verification"] is None or super().passed


class VerificationFailed(FptError):
    """The grown network differs from what was promised; nothing was published.

    ``document`` holds the figures.
    """

    exit_status = 5

    def __init__(self, diagnostic: Diagnostic, document: Mapping[str, Any]) -> None:
        super().__init__(diagnostic)
        self.document = document


class StalePlan(FptError):
    """A saved plan no longer fits the spec or the checkpoint."""

    exit_status = 4
