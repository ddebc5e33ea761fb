"""What a certificate checked, one row a step, and what it found."""

from __future__ import annotations

from typing import Any

from . import words
from .page import Page, Piece

STYLES = {"passed": "bold green", "failed": "bold red", "declined": "bold yellow", "inconclusive": "bold yellow"}


def certificate(found: dict[str, Any] | None, page: Page) -> None:
    """Nothing where there is none."""
    if found is None:
        return
    page.section("steps", (found["verdict"], STYLES[found["outcome"]]))
    rows: list[list[Piece]] = [
        [
            step["step"],
            words.plural(step["tensors"], "tensor"),
            " ".join(step["checks"]),
            words.figure(step["deviation"]),
        ]
        for step in found["steps"]
    ]
    page.table(rows, right=(1, 3))
    if found["findings"]:
        page.section("findings", ("Found", "bold red"))
    for finding in found["findings"]:
        off = "" if finding["deviation"] is None else f" (by {words.figure(finding['deviation'])})"
        page.line((finding["tensor"], "bold"), f"  {finding['check']}  {finding['message']}{off}", indent=2)
