"""What the gradient probe found: warnings, and the ratio of gradients."""

from __future__ import annotations

from typing import Any

from . import words
from .page import Page


def gradients(found: dict[str, Any] | None, page: Page) -> None:
    """Warnings only; nothing where nothing was probed or found."""
    if found is None or not found["warnings"]:
        return
    page.section("warnings", ("Gradients", "bold yellow"))
    for warning in found["warnings"]:
        page.line(warning, indent=2)
    if found["ratio"] is not None:
        page.line(
            f"largest gradient of a new parameter over that of an old one: {words.figure(found['ratio'])}", indent=2
        )
