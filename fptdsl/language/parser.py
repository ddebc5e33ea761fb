"""Text to syntax tree."""

from __future__ import annotations

from threading import Lock

from ..diagnostics import Diagnostics, Source
from . import syntax

_LOCK = Lock()


def parse(text: str, name: str = "<text>", diagnostics: Diagnostics | None = None) -> syntax.File:
    from .grammar import compiled

    source = Source(name, text)
    faults = Diagnostics()
    with _LOCK:
        lark, builder = compiled()
        builder.start(source, faults)
        file = lark.parse(text)
    faults.check()
    return file
