"""Changing a text in places, so that comments and layout outside them stay as the user wrote them."""

from __future__ import annotations

from collections.abc import Iterable

from ..diagnostics import Span


def replace_spans(text: str, edits: Iterable[tuple[Span, str]]) -> str:
    """The text with each span replaced; an empty span inserts before its place.

    Edits may come in any order; those of the same empty place are put in one after another.  Raises
    ValueError where two edits overlap or a span lies outside of the text.
    """
    pieces: list[str] = []
    done = 0
    for span, new in sorted(edits, key=lambda edit: (edit[0].start, edit[0].end)):
        if span.start < done:
            raise ValueError(f"two edits overlap at character {span.start}")
        if span.end > len(text):
            raise ValueError(f"an edit ends at character {span.end} of {len(text)}")
        pieces += (text[done : span.start], new)
        done = span.end
    return "".join((*pieces, text[done:]))


def whole_lines(text: str, span: Span) -> Span:
    """The span grown to whole lines, line end included, where nothing else stands on them.

    What a removed statement leaves behind: with it go its indentation, a comment after it and the
    line end.  A statement that shares its line with others takes only the ``;`` and blanks after it.
    """
    start = text.rfind("\n", 0, span.start) + 1
    end = text.find("\n", span.end)
    end = len(text) if end < 0 else end + 1
    rest = text[span.end : end].strip()
    if not text[start : span.start].strip() and (not rest or rest.startswith("#")):
        return Span(span.source, start, end)
    tail = text[span.end : end]
    if tail.lstrip(" \t").startswith(";"):
        after = span.end + tail.index(";") + 1
        return Span(span.source, span.start, after + len(text[after:end]) - len(text[after:end].lstrip(" \t")))
    return span
