"""Text to syntax tree, with all the faults of a text in one run."""

from __future__ import annotations

from collections.abc import Set
from threading import Lock
from typing import TYPE_CHECKING

from ..diagnostics import Diagnostics, Source, Span
from . import syntax
from .limits import check_limits, without_forbidden

if TYPE_CHECKING:
    from lark import UnexpectedInput

    from .brackets import Repaired

MAX_FAULTS = 50
MAX_REPARSED = 8 << 20
"""Characters that may be parsed again after faults: bounds the time for a large text full of them."""

_LOCK = Lock()


def parse(text: str, name: str = "<text>", diagnostics: Diagnostics | None = None) -> syntax.File:
    """The tree of a text; ``name`` is what its places are reported under.

    Raises FptError with all the faults of the text.  Given ``diagnostics`` they are collected there
    instead, and the tree is that of what could be read: statements with faults are left out.
    """
    source = Source(name, text)
    faults = Diagnostics()
    file = _parse(source, faults)
    if diagnostics is None:
        faults.check()
    else:
        diagnostics.items.extend(item for item in faults.items if item not in diagnostics.items)
    return file


def _parse(source: Source, faults: Diagnostics) -> syntax.File:
    nothing = syntax.File((), span=Span(source, 0, len(source.text)))
    if not check_limits(source, faults):
        return nothing
    from .brackets import repair

    repaired = repair(source, without_forbidden(source.text), faults)
    with _LOCK:
        return _parse_repaired(source, repaired, faults) or nothing


def _parse_repaired(source: Source, repaired: Repaired, faults: Diagnostics) -> syntax.File | None:
    from lark import UnexpectedInput

    from .grammar import compiled
    from .recovery import without_fault

    lark, builder = compiled()
    text, read, found = repaired.text, 0, 0
    while True:
        inner = Diagnostics()
        builder.start(source, inner, repaired.original)
        try:
            file: syntax.File = lark.parse(text)  # type: ignore[assignment]
        except UnexpectedInput as error:
            offset = _offset(error, text)
            _report(source, repaired, text, offset, error, faults)
            read, found = read + len(text), found + 1
            fixed = without_fault(text, offset)
            if found == MAX_FAULTS or read > MAX_REPARSED or fixed == text:
                message = f"no more faults are looked for after {found} in `{source.name}`"
                faults.add("F115", message, None, hint="correct these first")
                return None
            text = fixed
            continue
        for item in inner.items:
            if item not in faults.items:
                faults.items.append(item)
        # A tree that nests too deep is no use to what walks it.
        return None if any(item.code == "F109" for item in inner.items) else file


def _offset(error: UnexpectedInput, text: str) -> int:
    """The place where the parser stopped; for a line end that of its first character."""
    offset = error.pos_in_stream
    token = getattr(error, "token", None)
    if offset is None or (token is not None and token.type == "$END"):
        return len(text)
    return offset


def _report(
    source: Source, repaired: Repaired, text: str, offset: int, error: UnexpectedInput, faults: Diagnostics
) -> None:
    from .explain import Stop, explain
    from .statement_map import StatementMap

    accepts: Set[str] = error.interactive_parser.accepts()  # type: ignore[no-untyped-call]
    found = explain(Stop(text, offset, accepts, StatementMap(text).at(offset)))
    start = min(repaired.original(found.start), len(source.text))
    end = min(max(repaired.original(found.end), start), len(source.text))
    faults.add(found.code, found.message, Span(source, start, end), hint=found.hint)
