"""The fields of a ``config.json`` that a growth changes."""

from __future__ import annotations

import json
from typing import Any

from .page import Page, Piece

WIDEST = 24
"""Most characters of a value."""


def configuration(config: dict[str, Any] | None, page: Page) -> None:
    """Old and new value of each field; nothing for a checkpoint without a configuration."""
    if config is None or not config["fields"]:
        return
    page.section("fields", ("config.json", "bold"))
    rows: list[list[Piece]] = [
        [item["field"], _spelt(item["old"]), "→", (_spelt(item["new"]), "bold")] for item in config["fields"]
    ]
    page.table(rows, right=(1, 3))


def _spelt(value: Any) -> str:
    if value is None:
        return "default"
    text = json.dumps(value)
    if isinstance(value, list) and len(text) > WIDEST:
        return f"{len(value)} entries"
    return text if len(text) <= WIDEST else text[: WIDEST - 3] + "..."
