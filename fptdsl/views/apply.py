"""What ``fptdsl apply`` did: growth, figures, files, and what to do next."""

from __future__ import annotations

from typing import Any

from . import words
from .certificate import certificate
from .configuration import configuration
from .gradients import gradients
from .page import Page
from .plan import advice, arrows, no_changes, notes, totals
from .verify import verification


def apply(document: dict[str, Any], page: Page) -> None:
    """``fptdsl apply``"""
    if not document["steps"]:
        no_changes(document, page)
        return
    total = document["totals"]
    page.line(
        ("Grown", "bold"),
        f" {document['model']}: {words.count(total['params_before'])} → {words.count(total['params_after'])} parameters"
        f" ({words.ratio(total['params_before'], total['params_after'])})",
    )
    for line in (document.get("checkpoint") or {}).get("found", []):
        page.line(f"from a {line.rstrip('.')}", indent=2)
    page.section("steps")
    for step in document["steps"]:
        page.line(f"{step['directive']}: {arrows(step['summary'])} · {step['method']} · {step['exactness']}", indent=2)
    notes(document, page)
    certificate(document.get("certificate"), page)
    if document["verification"] is not None:
        verification(document["verification"], page)
    else:
        page.section("figures", ("Nothing was evaluated: the certificate alone vouches for the function", "bold"))
    _calibration(document.get("calibration"), page)
    gradients(document.get("gradients"), page)
    configuration(document.get("config"), page)
    totals(total, page)
    _files(document, page)
    advice(document["steps"], page)


def _calibration(found: dict[str, Any] | None, page: Page) -> None:
    if found is not None and found["train_mode"] is not None:
        page.line(
            f"in training, on {found['rows']} rows of the calibration data: largest relative difference "
            f"{words.figure(found['train_mode'])}",
            indent=2,
        )


def _files(document: dict[str, Any], page: Page) -> None:
    outputs = document["outputs"]
    page.section("files", ("Written", "bold"))
    page.table([[label, path] for label, path in outputs.items()])
    seconds = ", ".join(f"{phase} {words.seconds(value)}" for phase, value in document["seconds"].items())
    page.line((seconds, "dim"), indent=2)
    page.section("lines", ("Next", "bold"))
    page.line(f'model = fptdsl.load("{outputs["spec"]}", "{outputs["checkpoint"]}")', indent=2)
