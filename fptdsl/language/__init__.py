"""The ``.fpt`` language: text to a checked syntax tree, and back to text.

The parser is imported on first use, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .document import Document as Document
    from .edit import replace_spans as replace_spans
    from .loading import load as load
    from .parser import parse as parse
    from .printer import unparse as unparse

_HOME = {
    "Document": "document",
    "load": "loading",
    "parse": "parser",
    "replace_spans": "edit",
    "unparse": "printer",
}

__all__ = ["Document", "load", "parse", "replace_spans", "unparse"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOME[name]}", __name__), name)
