"""The grown spec in the user's own layout: comments, blank lines and alignment where nothing changed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ...diagnostics import FptError, Source, Span
from ...language import parse, syntax, unparse
from ...language.document import Document
from ...language.edit import replace_spans
from .lines import Anew, Edit
from .retouch import retouch


@dataclass(frozen=True)
class _Passage:
    """An item's text, and the place of the item that it was made from."""

    text: str
    place: Span | None


def laid_out(document: Document, file: syntax.File) -> str:
    """The text of ``file``, made from the texts of the document's items.

    Between two items that stood next to one another stands what stood there; an item from elsewhere
    brings the comment lines directly above it.
    """
    own = document.file.span.source if document.file.span is not None else None
    text = ""
    last: Span | None = None
    for item in file.items:
        passage = _passage(document, item)
        place = passage.place
        if not text:
            text = _top(own, place)
        elif last is not None and place is not None and _adjacent(last, place):
            text += place.source.text[last.end : place.start]
        else:
            text += (_behind(last) if last is not None else "") + "\n\n" + (_above(place) if place is not None else "")
        text += passage.text
        last = place
    if last is not None:
        rest = last.source.text[last.end :]
        text += rest if _only_comments(rest) else _behind(last)
    return f"{text.strip()}\n"


def reads_as(text: str, file: syntax.File) -> bool:
    """Whether ``text`` is a spelling of ``file``."""
    try:
        return parse(text, "grown.fpt") == file
    except FptError:
        return False


def _passage(document: Document, item: syntax.Item) -> _Passage:
    """The text of an item: that of the definition it was made from, changed where that changed."""
    candidates = (*document.file.items, *document.blocks.values(), document.model, document.checkpoint)
    for old in candidates:
        # A changed item keeps the place of the one that it was made from; a block's variants have it too.
        if old is not None and old.span is not None and old.span is item.span:
            break
    else:
        return _Passage(unparse(item), None)
    if not isinstance(old, syntax.Block) or not isinstance(item, syntax.Block) or old.name == item.name:
        return _Passage(_changed(old, item), old.span)
    variant = _changed(old, replace(item, name=old.name))
    return _Passage(re.sub(rf"^block\s+{re.escape(old.name)}\b", f"block {item.name}", variant), None)


def _changed(old: syntax.Item, new: syntax.Item) -> str:
    try:
        edits = retouch(old, new)
    except Anew:
        return unparse(new)
    return _applied(old.span, edits) if old.span is not None else unparse(new)


def _applied(span: Span, edits: list[Edit]) -> str:
    """The text of a span with edits inside it."""
    moved = [(Span(s.source, s.start - span.start, s.end - span.start), text) for s, text in edits]
    return replace_spans(span.text, moved)


def _top(own: Source | None, place: Span | None) -> str:
    """What stands above the first item: the comments at the top of the spec, and those of the item."""
    if place is not None and place.source is own:
        before = place.source.text[: place.start]
        if _only_comments(before):
            return before
    lines: list[str] = []
    for line in own.text.splitlines() if own is not None else ():
        if line.strip() and not line.lstrip().startswith("#"):
            break
        lines.append(line.rstrip())
    top = "\n".join(lines).strip("\n")
    return (f"{top}\n\n" if top else "") + (_above(place) if place is not None else "")


def _adjacent(first: Span, second: Span) -> bool:
    """Whether nothing but comments stands between two items of one file."""
    if first.source is not second.source or second.start < first.end:
        return False
    between = first.source.text[first.end : second.start]
    return "\n" in between and _only_comments(between)


def _only_comments(text: str) -> bool:
    return all(not line.strip() or line.lstrip().startswith("#") for line in text.splitlines())


def _above(span: Span) -> str:
    """The comment lines directly above an item, line ends included."""
    before = span.source.text[: span.source.text.rfind("\n", 0, span.start) + 1]
    lines: list[str] = []
    for line in reversed(before.splitlines()):
        if not line.lstrip().startswith("#"):
            break
        lines.append(f"{line.rstrip()}\n")
    return "".join(reversed(lines))


def _behind(span: Span) -> str:
    """A comment after an item on its last line, with the blanks before it."""
    end = span.source.text.find("\n", span.end)
    rest = span.source.text[span.end : end if end >= 0 else len(span.source.text)].rstrip()
    return rest if rest.lstrip().startswith("#") else ""
