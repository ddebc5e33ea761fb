"""After a syntax fault: blank what cannot be read, keep everything else in its place, parse again."""

from __future__ import annotations

import re
from difflib import get_close_matches

from .brackets import HEADER, blanked, blanked_before_body
from .statement_map import Statement, StatementMap

_SECTION = re.compile(r"\s*(?:grow|checkpoint)\b")
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
    if statement.context == "top":
        sound = _sound_header(text, start, end)
        if sound != text:
            return sound
    if statement.context != "body" or not text[start:end].strip() or _SECTION.match(text, start, end):
        return _blank_alternatives(blanked(text, start, close + 1), boundaries, close + 1, whole=True)
    fixed = blanked(text, start, end)
    if statement.left == "}":
        fixed = f"{fixed[:start]};{fixed[start + 1 :]}"
    return _blank_alternatives(fixed, boundaries, close + 1, whole=False)


def _sound_header(text: str, start: int, end: int) -> str:
    """The text with the header of a definition or section cut down to what is surely right."""
    words: list[str] = re.findall(r"[A-Za-z_]\w*", text[start:end])
    near = get_close_matches(words[0], ("model", "block", "grow", "checkpoint"), n=1) if words else []
    if near and words[0] != near[0]:
        name = f" {words[1]}" if near[0] in ("model", "block") and len(words) > 1 else ""
        header = near[0] + name
        if len(header) <= end - start and (name or near[0] in ("grow", "checkpoint")):
            blank: str = blanked(text, start, end)
            return blank[:start] + header + blank[start + len(header) :]
    return blanked_before_body(text, start, end) if HEADER.match(text, start, end) else text


def _only_separator_missing(text: str, statement: Statement, offset: int) -> bool:
    """`} relu`: a statement right after a body, on its line."""
    word = re.match(r"[A-Za-z_]\w*", text[offset : offset + 64])
    alone = statement.left == "}" and not text[statement.start : offset].strip() and offset > statement.start
    return alone and word is not None and not text[offset + len(word[0]) :].lstrip(" \t").startswith("{")


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
