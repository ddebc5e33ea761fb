"""The figures of a verification, with both gates."""

from __future__ import annotations

from typing import Any

from . import words
from .page import Page, Piece


def verify(document: dict[str, Any], page: Page) -> None:
    """``fptdsl verify``"""
    verification(document["verification"], page)


def verification(found: dict[str, Any], page: Page) -> None:
    """Verdict, the figures of both gates, and what the verdict is relative to."""
    style = "bold green" if found["passed"] else "bold red"
    page.section("figures", (found.get("verdict") or ("Verified" if found["passed"] else "Different"), style))
    rows: list[list[Piece]] = []
    for gate in found.get("gates", []):
        mark: Piece = ("passed", "green") if gate["passed"] else ("failed", "red")
        rows.append([gate["name"], words.figure(gate["error"]), f"limit {words.figure(gate['limit'])}", mark])
    if rows:
        page.table(rows, right=(1,))
    else:
        page.line(f"largest relative error {words.figure(found['max_relative_error'])}", indent=2)
    if found.get("storage_drift") is not None:
        page.line(f"storage drift ({found['dtype']}): {words.figure(found['storage_drift'])}", indent=2)
    for line in found.get("notes", []):
        page.line(line, indent=2)
