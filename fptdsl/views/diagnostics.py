"""Diagnostics with colour: the place underlined, what is wrong, why, and what to do.

The layout is that of ``fptdsl/diagnostics/render.py``; this is the version for a terminal, drawn from
the document of ``--json``.
"""

from __future__ import annotations

from typing import Any

from rich.cells import cell_len

from .page import Page

SEVERITY = {"error": "bold red", "warning": "bold yellow"}


def diagnostics(document: dict[str, Any], page: Page) -> None:
    """The faults of one run."""
    for item in document["diagnostics"]:
        diagnostic(item, page)


def diagnostic(item: dict[str, Any], page: Page) -> None:
    """One fault; never shortened."""
    page.section("lines")
    page.line((f"{item['severity']}[{item['code']}]", SEVERITY[item["severity"]]), (f": {item['message']}", "bold"))
    if item.get("span"):
        _excerpt(item["span"], page, "red" if item["severity"] == "error" else "yellow")
    elif item.get("path"):
        page.line(("--> ", "blue"), item["path"], indent=2)
    for note in item["notes"]:
        page.line(("note: ", "cyan"), note["message"], indent=2)
        if note.get("span"):
            _excerpt(note["span"], page, "cyan")
    if item.get("hint"):
        page.line(("help: ", "green"), item["hint"], indent=2)


def _excerpt(span: dict[str, Any], page: Page, style: str) -> None:
    """The source line with the place underlined; a long line is cut to the part around the place."""
    page.line(("--> ", "blue"), f"{span['source']}:{span['line']}:{span['column']}", indent=2)
    number = str(span["line"])
    margin = len(number) + 5
    line = span["text"].replace("\t", " ")
    room = max(page.width - margin - 1, 10)
    start = span["column"] - 1
    end = max(start + 1, min(start + span["length"], len(line)))
    left = max(0, min(start - room // 3, len(line) - room))
    shown = line[left : left + room]
    before = page.safe(line[left:start])
    marked = page.safe(line[start : min(end, left + room)])
    page.line((f"  {number} | ", "blue"), shown)
    page.line(" " * (margin + cell_len(before)), ("^" * max(1, cell_len(marked)), style))
