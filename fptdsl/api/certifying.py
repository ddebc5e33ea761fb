"""The certificate of a growth, before anything is evaluated, and of two files that are at hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..diagnostics import Diagnostic, FptError
from .folders import RECEIPT, is_configured
from .reading import Spec, read_spec
from .results import PlanResult, VerificationFailed

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint
    from ..growth.plan import Plan
    from ..proof.certificate import Certificate
    from ..proof.gradient_report import GradientReport


def certified(made: PlanResult, grown: Spec, source: Checkpoint, result: Checkpoint) -> Certificate:
    """The written file, read by the written spec, held against the law.

    Raises :class:`FptError` (F520) where the written spec is not the planned network.
    """
    from ..architecture.digest import same
    from ..proof.certificate import certify

    difference = same(grown.network, made.plan.network)
    if difference is not None:
        raise FptError(Diagnostic("F520", f"the grown spec does not describe the grown network: {difference}"))
    return certify(replace(made.plan, new=grown.graph), source, result)


def require_certificate(certificate: Certificate, document: Mapping[str, Any]) -> None:
    """A finding forbids publishing; that nothing is claimed or known does not."""
    if certificate.outcome == "failed":
        raise VerificationFailed(
            Diagnostic("F521", f"nothing was published. {certificate.wording}", hint="this is a fault of fptdsl"),
            document,
        )


def certify_files(old_spec: str | Path, old: Spec, before: Checkpoint, new: Spec, after: Checkpoint) -> Certificate:
    """The certificate of two checkpoints, by the plan that the receipt beside the new one describes.

    Without one the units are told by what they look like, which a widening allows; else it is inconclusive.
    """
    from ..proof.certificate import certify, certify_checkpoints

    plan, reason = _remade(old_spec, old, new, receipt_beside(after.path))
    if plan is not None:
        return certify(plan, before, after)
    found = certify_checkpoints(old.graph, before, new.graph, after)
    return found if found.passed else replace(found, reasons=(reason, *found.reasons))


def receipt_beside(checkpoint: Path) -> Path:
    """``NAME.receipt.json`` of ``NAME.pt``, or the one in a folder, as ``apply`` names it."""
    if checkpoint.is_dir():
        return checkpoint / RECEIPT
    return checkpoint.with_name(checkpoint.stem + ".receipt.json")


def _remade(old_spec: str | Path, old: Spec, new: Spec, path: Path) -> tuple[Plan | None, str]:
    """The plan of a receipt, made again from the old spec; None and the reason where that is not possible."""
    from ..architecture.digest import same
    from ..growth import make_plan

    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        given, seed, digest = found["given"], found["seed"], found["spec"]["digest"]
        folder = None if old.config is None else old.config.path.parent
        read = read_spec(
            old_spec, model=given["model"], grow=given["grow"], settings=given["settings"], checkpoint=folder
        )
        configured = is_configured(read, folder=path.name == RECEIPT)
        plan = make_plan(read.network, read.graph, read.document.grows, seed=seed, configured=configured)
    except FileNotFoundError:
        return None, f"no plan beside the file (no receipt {path.name})"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return None, f"{path.name} is not a receipt ({type(error).__name__})"
    except FptError as error:
        return None, f"the growth of {path.name} cannot be planned again: {error.diagnostics[0].message}"
    if plan.spec != digest or same(plan.network, new.network) is not None or same(plan.old.network, old.network):
        return None, f"{path.name} describes another growth than that from the old spec to the new one"
    return replace(plan, new=new.graph, old=old.graph), ""


def learning(plan: Plan, grown: Spec, result: Checkpoint) -> dict[str, Any]:
    """The gradient probe of what was written; only for networks that are small enough to hold at once."""
    from ..proof.gradient_report import GradientReport, too_large

    reason = too_large(grown.graph)
    if reason is not None:
        return GradientReport(skipped=reason).to_json()

    from ..proof.gradients import gradient_probe

    return gradient_probe(grown.graph, result, plan).to_json()


def probe_gradients(old_spec: str | Path, old: Spec, new: Spec, after: Checkpoint) -> GradientReport:
    """The gradient probe of a network, by the plan of its receipt where there is one."""
    from ..proof.gradients import gradient_probe

    plan, _ = _remade(old_spec, old, new, receipt_beside(after.path))
    return gradient_probe(new.graph, after, plan)
