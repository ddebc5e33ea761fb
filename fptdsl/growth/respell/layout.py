"""The grown spec in the user's own layout: comments, blank lines and alignment where nothing changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...diagnostics import FptError, Source, Span
from ...language import parse, syntax, unparse
from ...language.document import Document
from ...language.edit import replace_spans
from .retouch import Anew, retouch


@dataclass(frozen=True)
class _Passage:
    """An item's text: comments above it, the item, a comment behind it on its last line."""

    above: str
    text: str
    behind: str


def laid_out(document: Document, file: syntax.File) -> str:
    """The text of ``file``, made from the texts of the document's items."""
    texts = _Texts(document)
    passages = [texts.passage(item) for item in file.items]
    chunks = [f"{passage.above}{passage.text}{passage.behind}" for passage in passages]
    header = texts.header()
    text = "\n\n".join([header, *chunks] if header else chunks)
    return f"{text.rstrip()}\n"


class _Texts:
    """Finds the text of the items of the grown spec in the user's files."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._old: dict[tuple[type[syntax.Item], str], syntax.Item] = {}
        for item in (*document.file.items, *document.blocks.values(), document.model, document.checkpoint):
            if isinstance(item, (syntax.Block, syntax.Model)):
                self._old.setdefault((type(item), item.name), item)
            elif isinstance(item, syntax.Checkpoint):
                self._old.setdefault((syntax.Checkpoint, ""), item)

    def passage(self, item: syntax.Item) -> _Passage:
        name = item.name if isinstance(item, (syntax.Block, syntax.Model)) else ""
        old = self._old.get((type(item), name))
        if old is None or old.span is None:
            return _Passage("", self._variant(item) or unparse(item), "")
        try:
            edits = retouch(old, item)
        except Anew:
            return _Passage(_above(old.span), unparse(item), "")
        return _Passage(_above(old.span), _applied(old.span, edits), _behind(old.span))

    def _variant(self, item: syntax.Item) -> str | None:
        """The text of a variant of a block, made from that of the block."""
        for old in self.document.blocks.values():
            if isinstance(item, syntax.Block) and old.span is not None and item.span is old.span:
                try:
                    text = _applied(old.span, retouch(old, replace(item, name=old.name)))
                except Anew:
                    return None
                return re.sub(rf"^block\s+{re.escape(old.name)}\b", f"block {item.name}", text)
        return None

    def header(self) -> str:
        """The comment at the top of the spec, where it does not belong to the first item."""
        source = self.document.file.span.source if self.document.file.span is not None else None
        if source is None:
            return ""
        lines = list(_comments(source))
        first = self.document.file.items[0] if self.document.file.items else None
        attached = _above(first.span) if first is not None and first.span is not None else ""
        own = isinstance(first, (syntax.Block, syntax.Model, syntax.Checkpoint))
        text = "\n".join(lines).strip("\n")
        if attached and own:
            text = text.removesuffix(attached.rstrip("\n")).strip("\n")
        return text


def _comments(source: Source) -> Iterator[str]:
    """The lines before the first that is neither blank nor a comment."""
    for line in source.text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            return
        yield line.rstrip()


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


def _applied(span: Span, edits: list[tuple[Span, str]]) -> str:
    """The text of a span with edits inside it."""
    moved = [(Span(s.source, s.start - span.start, s.end - span.start), text) for s, text in edits]
    return replace_spans(span.text, moved)


def reads_as(text: str, file: syntax.File) -> bool:
    """Whether ``text`` is a spelling of ``file``."""
    try:
        return parse(text, "grown.fpt") == file
    except FptError:
        return False
