"""What was drawn by ``fptdsl filters``."""

from __future__ import annotations

from typing import Any

from . import words
from .page import Page

WORDS = {"old": "old", "copy": "copies", "pair": "in new pairs", "zero": "zero", "fresh": "fresh"}


def filters(document: dict[str, Any], page: Page) -> None:
    """``fptdsl filters``"""
    shape = document["shape"]
    page.line((f"{document['output']}", "bold"), f": {words.plural(shape[0], 'filter')} of {document['key']}")
    how = "as red, green and blue" if document["colours"] == "rgb" else "as their mean"
    page.line(
        f"{words.shape(shape)} ({document['dtype']}), {words.plural(shape[1], 'channel')} drawn {how}, "
        "each filter scaled to its own range",
        indent=2,
    )
    if document["drawn"] < shape[0]:
        page.line(f"the first {words.count(document['drawn'])} are drawn", indent=2)
    if document["filters"] is not None:
        found = [origin["how"] for origin in document["filters"]]
        counts = [f"{found.count(how)} {word}" for how, word in WORDS.items() if how in found]
        page.line(f"against the old checkpoint: {', '.join(counts)}", indent=2)
