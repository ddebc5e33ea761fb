"""Faults of one elaboration: each place is reported once per code, however often it is unrolled."""

from __future__ import annotations

from ..diagnostics import Diagnostics, Note, Span

SHOWN = 100
"""More faults than this are not collected: nobody reads them."""


class Faults:
    """Collects diagnostics; a statement inside ``repeat`` or a block called twice is reported once."""

    def __init__(self, diagnostics: Diagnostics | None = None) -> None:
        self.diagnostics = diagnostics if diagnostics is not None else Diagnostics()
        self._seen: set[tuple[str, str, int, int]] = set()

    def __bool__(self) -> bool:
        return bool(self.diagnostics.errors)

    def add(
        self, code: str, message: str, span: Span | None, *, hint: str | None = None, notes: tuple[Note, ...] = ()
    ) -> None:
        if span is not None:
            place = (code, span.source.name, span.start, span.end)
            if place in self._seen:
                return
            self._seen.add(place)
        if len(self.diagnostics.items) < SHOWN:
            self.diagnostics.add(code, message, span, hint=hint, notes=notes)

    def check(self) -> None:
        self.diagnostics.check()
