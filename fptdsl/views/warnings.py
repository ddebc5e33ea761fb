"""The warnings of a result, which go to standard error."""

from __future__ import annotations

from typing import Any

from .page import Page


def warnings(document: dict[str, Any], page: Page) -> None:
    """Each warning on a line, except those that stand with the steps as advice."""
    steps = document.get("steps")
    told = {line for step in steps for line in step["advice"]} if isinstance(steps, list) else set()
    page.section("warnings")
    for warning in document.get("warnings", []):
        if warning not in told:
            page.line(("warning: ", "yellow"), warning)
