"""After a syntax fault: blank what cannot be read, keep everything else in its place, parse again."""

from __future__ import annotations

import re

from .brackets import blanked
from .statement_map import Statement, StatementMap

_ALTERNATIVE = re.compile(r"\s*(?:else(?:[ \t]+if\b[^{};\n]*)?|shortcut)[ \t]*(?=\{)")


def without_fault(text: str, offset: int) -> str:
    """The text with the statement around ``offset`` blanked, of the same length.

    Braces stay where their body may be read as a group, so that faults inside are found too.
    """
    boundaries = StatementMap(text)
    statement = boundaries.at(offset)
    if _only_separator_missing(text, statement, offset):
        return f"{text[: offset - 1]};{text[offset:]}"
    start, end = statement.start, statement.end
    if statement.right != "{":
        if not text[start:end].strip():
            end = min(end + 1, len(text))
        return blanked(text, start, end)
    close = boundaries.close(end)
    if statement.context != "body" or not text[start:end].strip():
        return _blank_alternatives(blanked(text, start, close + 1), boundaries, close + 1, whole=True)
    fixed = blanked(text, start, end)
    if statement.left == "}":
        fixed = f"{fixed[:start]};{fixed[start + 1 :]}"
    return _blank_alternatives(fixed, boundaries, close + 1, whole=False)


def _only_separator_missing(text: str, statement: Statement, offset: int) -> bool:
    """`} relu`: a statement right after a body, on its line."""
    word = re.match(r"[A-Za-z_]\w*", text[offset : offset + 64])
    alone = statement.left == "}" and not text[statement.start : offset].strip() and offset > statement.start
    return alone and word is not None and word[0] not in ("else", "shortcut")


def _blank_alternatives(text: str, boundaries: StatementMap, after: int, *, whole: bool) -> str:
    """Deal with `else {` and `shortcut {` that belong to a blanked statement: their words, or all of them."""
    while match := _ALTERNATIVE.match(text, after):
        close = boundaries.close(match.end())
        if whole:
            text = blanked(text, match.start(), close + 1)
        else:
            word = match.start() + len(match[0]) - len(match[0].lstrip())
            text = blanked(text, word, match.end())
            text = f"{text[:word]};{text[word + 1 :]}"
        after = close + 1
    return text
