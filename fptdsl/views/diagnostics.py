"""Diagnostics with colour: the place underlined, what is wrong, why, and what to do.

The layout is that of ``fptdsl/diagnostics/render.py``; this is the version for a terminal, drawn from
the document of ``--json``.
"""

from __future__ import annotations

from typing import Any

from ..diagnostics.render import MAX_SHOWN, clip
from .page import Page
from .words import plural

SEVERITY = {"error": "bold red", "warning": "bold yellow"}


def diagnostics(document: dict[str, Any], page: Page) -> None:
    """The faults of one run, and how many there are."""
    items = document["diagnostics"]
    for item in items[:MAX_SHOWN]:
        diagnostic(item, page)
    counts = [(severity, sum(item["severity"] == severity for item in items)) for severity in SEVERITY]
    page.section("lines")
    page.line(
        ", ".join(plural(count, severity) for severity, count in counts if count),
        f" (the first {MAX_SHOWN} are shown)" if len(items) > MAX_SHOWN else "",
    )


def diagnostic(item: dict[str, Any], page: Page) -> None:
    """One fault; never shortened."""
    page.section("lines")
    page.line((f"{item['severity']}[{item['code']}]", SEVERITY[item["severity"]]), (f": {item['message']}", "bold"))
    style = "red" if item["severity"] == "error" else "yellow"
    if item["span"]:
        _excerpt(item["span"], page, style)
    elif item.get("path"):
        page.line(("--> ", "blue"), item["path"], indent=2)
    for note in item["notes"]:
        page.line(("note: ", "cyan"), note["message"], indent=2)
        if note.get("span"):
            _excerpt(note["span"], page, "cyan")
    if item["hint"]:
        page.line(("hint: ", "green"), item["hint"], indent=2)


def _excerpt(span: dict[str, Any], page: Page, style: str) -> None:
    """The source line with the place underlined; a long line is cut to the part around the place."""
    page.line(("--> ", "blue"), f"{span['source']}:{span['line']}:{span['column']}", indent=2)
    margin = f"{span['line']:>5} | "
    shown, offset, length = clip(span["text"], span["column"] - 1, span["length"], max(page.width - len(margin), 20))
    page.line((margin, "blue"), shown)
    page.line((f"{' ' * (len(margin) - 2)}| ", "blue"), " " * offset, ("^" * length, style))
