"""Diagnostics: what went wrong, where, why, and the way out.

Every fault that a user can cause is a :class:`Diagnostic` with a code of the catalogue
(``fptdsl/diagnostics/codes/``).  ``FptError`` is the one root of the exceptions of this package; it
carries all the diagnostics of a run, not only the first.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from .codes import CODES

__all__ = ["CODES", "Diagnostic", "Diagnostics", "FptError", "Note", "Source", "Span", "did_you_mean"]

Severity = Literal["error", "warning"]

FEW = 2
"""So many faults that are like a first one are told each for itself."""


@dataclass(frozen=True)
class Source:
    """A text that spans point into: a file, or ``--grow`` on the command line."""

    name: str
    text: str

    @cached_property
    def line_starts(self) -> list[int]:
        starts = [0]
        starts.extend(index + 1 for index, char in enumerate(self.text) if char == "\n")
        return starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column (both from 1) of a character offset."""
        line = bisect_right(self.line_starts, offset) - 1
        return line + 1, offset - self.line_starts[line] + 1

    def line(self, number: int) -> str:
        """The text of line ``number`` (from 1), without its line end."""
        start = self.line_starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start : end if end >= 0 else len(self.text)].rstrip("\r")


@dataclass(frozen=True)
class Span:
    """Characters ``start`` (included) to ``end`` (excluded) of a source."""

    source: Source = field(repr=False)
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    @property
    def line(self) -> int:
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        return self.source.position(self.start)[1]

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of the other."""
        return Span(self.source, self.start, max(self.end, other.end))


@dataclass(frozen=True)
class Note:
    """A second place that explains the first ("also set here")."""

    message: str
    span: Span | None = None


@dataclass(frozen=True)
class Diagnostic:
    """One fault: stable code, what is wrong, the place, why, and what to do."""

    code: str
    message: str
    span: Span | None = None
    hint: str | None = None
    notes: tuple[Note, ...] = ()
    severity: Severity = "error"
    path: str | None = None
    """A file that the fault is about when there is no place in a text (a checkpoint)."""

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise KeyError(f"diagnostic code {self.code} is not in the catalogue")


class FptError(Exception):
    """The root of all errors of this package; carries one or more diagnostics.

    ``exit_status`` is what the command line exits with (``docs/language.md``, exit status).
    """

    exit_status = 1

    def __init__(self, *diagnostics: Diagnostic, exit_status: int | None = None) -> None:
        super().__init__("\n".join(f"{d.code}: {d.message}" for d in diagnostics))
        self.diagnostics = diagnostics
        if exit_status is not None:
            self.exit_status = exit_status


class Diagnostics:
    """Collects the faults of one run; ``check()`` raises them together."""

    def __init__(self) -> None:
        self.items: list[Diagnostic] = []

    def add(
        self,
        code: str,
        message: str,
        span: Span | None = None,
        *,
        hint: str | None = None,
        notes: tuple[Note, ...] = (),
        severity: Severity = "error",
        path: str | None = None,
    ) -> None:
        item = Diagnostic(code, message, span, hint, notes, severity, path)
        if item not in self.items:
            self.items.append(item)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(item for item in self.items if item.severity == "error")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return tuple(item for item in self.items if item.severity == "warning")

    def check(self) -> None:
        """Raise ``FptError`` with all the errors collected so far, in the order of their places."""
        if self.errors:
            raise FptError(*sorted(_joined(self.errors), key=_place))


def _joined(items: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Faults of one directive that differ only in the layers they name, told once: a path may match a hundred."""
    alike: dict[object, list[Diagnostic]] = {}
    for item in items:
        of_growth = item.code.startswith("F3") and item.span is not None
        words = re.sub(r"`[^`]*`", "``", item.message) if of_growth else item
        alike.setdefault((item.code, item.span, item.hint, item.notes, words), []).append(item)
    for first, *more in alike.values():
        if len(more) < FEW:
            yield from (first, *more)
        else:
            yield replace(first, message=f"{first.message}; {len(more)} more are like it")


def _place(item: Diagnostic) -> tuple[str, int]:
    return (item.span.source.name, item.span.start) if item.span else ("", -1)


def did_you_mean(name: str, known: object, limit: int = 1) -> str | None:
    """``did you mean `x`?`` for the nearest known name, or None when nothing is near."""
    from difflib import get_close_matches

    near = get_close_matches(name, [str(k) for k in known], n=limit, cutoff=0.6)  # type: ignore[attr-defined]
    return "did you mean " + " or ".join(f"`{n}`" for n in near) + "?" if near else None
