"""The answer of ``fptdsl validate`` where nothing is at fault."""

from __future__ import annotations

from typing import Any

from . import words
from .page import Page
from .plan import notes


def validate(document: dict[str, Any], page: Page) -> None:
    """``fptdsl validate``"""
    page.line(("Valid.", "bold green"), f" {document['model']}: {words.plural(document['params'], 'parameter')}")
    if document["steps"]:
        page.line(f"growth: {words.plural(document['steps'], 'step')}, class {document['exactness']}", indent=2)
    found = document["checkpoint"]
    if found is not None:
        page.line(
            f"checkpoint: {words.plural(found['tensors'], 'tensor')} ({found['dtype']}), all as the spec says", indent=2
        )
        for line in found["found"]:
            page.line(line, indent=2)
    if document["plan_fits"]:
        page.line("the saved plan still fits", indent=2)
    notes(document, page)
