"""Lines of the user's text: where new statements go, with what indentation, and whether they fit."""

from __future__ import annotations

from collections.abc import Sequence

from ...diagnostics import Span
from ...language import syntax, unparse

WIDTH = 110
"""A statement that gets longer than this is printed anew, over several lines."""

Edit = tuple[Span, str]
"""A place of a text and what is to stand there."""


class Anew(Exception):
    """The node has to be printed anew."""


class TooLong(Anew):
    """The line has no room for the change."""


def require(condition: bool) -> None:
    if not condition:
        raise Anew


def put_after(old: syntax.Stmt, added: Sequence[syntax.Stmt]) -> Edit:
    """New statements after an old one: on lines of their own where that ends one, else behind ``;``."""
    span = old.span
    if span is None:
        raise Anew
    text = span.source.text
    end = text.find("\n", span.end)
    end = len(text) if end < 0 else end
    rest = text[span.end : end].strip()
    if rest and not rest.startswith("#"):
        inline = "".join(f"; {unparse(statement, level(span))}" for statement in added)
        require(line_length(span) + len(inline) <= WIDTH)
        return at(span, span.end), inline
    lines = lines_of(added, span, shared=bool(text[line_start(span) : span.start].strip()))
    return at(span, end), "".join(f"\n{indent(span)}{line}" for line in lines)


def put_before(old: syntax.Stmt, added: Sequence[syntax.Stmt]) -> Edit:
    span = old.span
    if span is None:
        raise Anew
    if span.source.text[line_start(span) : span.start].strip():
        inline = "".join(f"{unparse(statement, level(span))}; " for statement in added)
        require(line_length(span) + len(inline) <= WIDTH)
        return at(span, span.start), inline
    return at(span, span.start), "".join(f"{line}\n{indent(span)}" for line in lines_of(added, span, shared=False))


def lines_of(added: Sequence[syntax.Stmt], span: Span, shared: bool) -> list[str]:
    """A line for each statement; ``shared``: for each run of layers, as on the line around."""
    texts = [unparse(statement, level(span)) for statement in added]
    if not shared or any("\n" in text for text in texts):
        return texts
    lines: list[str] = []
    first = added[0]
    for statement, text in zip(added, texts):
        again = isinstance(statement, syntax.Apply) and isinstance(first, syntax.Apply) and statement.op == first.op
        if not lines or again or len(lines[-1]) + len(text) > WIDTH:
            lines.append(text)
        else:
            lines[-1] += f"; {text}"
    return lines


def line_length(span: Span) -> int:
    """How long the line is on which the span starts."""
    text = span.source.text
    end = text.find("\n", span.end)
    return (len(text) if end < 0 else end) - line_start(span)


def line_start(span: Span) -> int:
    return span.source.text.rfind("\n", 0, span.start) + 1


def at(span: Span, offset: int) -> Span:
    return Span(span.source, offset, offset)


def indent(span: Span) -> str:
    """The blanks at the start of the line on which the span starts."""
    line = span.source.text[line_start(span) : span.start]
    return line[: len(line) - len(line.lstrip())]


def level(span: Span) -> int:
    return len(indent(span).expandtabs(2)) // 2
