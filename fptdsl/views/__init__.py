"""Drawing the documents of the API in a terminal.

A view takes a JSON document and nothing else, so that what a person reads and what ``--json`` prints
cannot disagree.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TextIO

from rich.console import Console

from .apply import apply
from .diagnostics import diagnostics
from .diff import diff
from .filters import filters
from .page import Page
from .plan import plan
from .show import show
from .validate import validate
from .verify import verify
from .warnings import warnings

__all__ = ["VIEWS", "console_for", "render", "render_warnings"]

VIEWS = {
    "plan": plan,
    "show": show,
    "diff": diff,
    "filters": filters,
    "validate": validate,
    "apply": apply,
    "verify": verify,
    "diagnostics": diagnostics,
}
"""By the document's ``kind``."""


def render(document: dict[str, Any], file: TextIO, *, full: bool = False) -> None:
    """Draw a document; ``full`` leaves nothing out."""
    _draw(VIEWS[document["kind"]], document, file, full=full or document["kind"] == "diagnostics")


def render_warnings(document: dict[str, Any], file: TextIO) -> None:
    """Draw the warnings of a document, if there are any."""
    _draw(warnings, document, file, full=False)


def _draw(view: Callable[[dict[str, Any], Page], None], document: dict[str, Any], file: TextIO, *, full: bool) -> None:
    console = console_for(file)
    page = Page(console.width, encoding=console.encoding, full=full)
    view(document, page)
    page.print(console)


def console_for(file: TextIO) -> Console:
    """A console as wide as the terminal or ``COLUMNS`` says; plain text with ``NO_COLOR`` or in a pipe."""
    plain = bool(os.environ.get("NO_COLOR"))
    return _Console(
        file=file, highlight=False, markup=False, emoji=False, soft_wrap=True, color_system=None if plain else "auto"
    )


class _Console(Console):
    """rich ends the program itself when nobody reads the output; the caller decides that here."""

    def on_broken_pipe(self) -> None:
        raise  # rich calls this while it handles BrokenPipeError
