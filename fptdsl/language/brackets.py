"""Brackets, braces and strings that do not match: reported, and repaired so that the rest can be parsed.

Works on the text alone.  A repair blanks characters, or inserts closing braces; :class:`Repaired` maps
places of the repaired text back to the original.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field

from ..diagnostics import Diagnostics, Note, Source, Span
from .limits import TOKEN

CLOSER = {"(": ")", "[": "]", "{": "}"}
_SECTION = re.compile(r"[ \t]*(?:(?:model|block)[ \t]+\w+[ \t]*[({f]|(?:checkpoint|grow)[ \t]*[({])")
_KEY_LINE = re.compile(r"[ \t]*[A-Za-z_]\w*[ \t]*:")
_STATEMENT_END = re.compile(r"[{}\n;]|$")
_MAX_FAULTS = 50


@dataclass
class Repaired:
    """A text and the places (in the original) before which closing braces were inserted."""

    text: str
    insertions: list[tuple[int, str]] = field(default_factory=list)
    _ends: list[int] = field(default_factory=list)

    def finish(self) -> None:
        """Carry out the insertions."""
        pieces, done = [], 0
        for offset, closers in sorted(self.insertions):
            pieces += [self.text[done:offset], closers]
            done = offset
        self.text = "".join((*pieces, self.text[done:]))
        shift = 0
        for offset, closers in sorted(self.insertions):
            self._ends.extend(offset + shift + step for step in range(1, len(closers) + 1))
            shift += len(closers)

    def original(self, offset: int) -> int:
        """The place in the original text of a place in the repaired one."""
        return offset - bisect_right(self._ends, offset) if self._ends else offset


@dataclass
class _Open:
    char: str
    at: int
    indent: int


def blanked(text: str, start: int, end: int) -> str:
    """The text with all but line ends replaced by blanks from ``start`` to ``end``."""
    return text[:start] + re.sub(r"[^\r\n]", " ", text[start:end]) + text[end:]


HEADER = re.compile(r"\s*(?:(model|block)[ \t]+([A-Za-z_]\w*)|(grow|checkpoint)\b)")


def blanked_before_body(text: str, start: int, brace: int) -> str:
    """The text with the header before the ``{`` at ``brace`` blanked, but for what makes its body readable.

    Of a definition the word and the name stay, of a section the word: their bodies have faults of
    their own.  Another header leaves a group.
    """
    match = HEADER.match(text, start, brace)
    if match is None:
        return blanked(text, start, brace)
    return blanked(text, match.end(), brace)


def repair(source: Source, text: str, faults: Diagnostics) -> Repaired:
    """Report and repair what does not match.  ``text`` is the source's, or that with characters blanked."""
    for _ in range(_MAX_FAULTS):
        fixed = _repair_inner(source, text, faults)
        if fixed is None:
            break
        text = fixed
    repaired = Repaired(text)
    _balance(source, repaired, faults)
    repaired.finish()
    return repaired


def _repair_inner(source: Source, text: str, faults: Diagnostics) -> str | None:
    """Report and blank the first statement with an open string, ``(`` or ``[``; None when there is none."""
    stack: list[_Open] = []
    start = 0
    """Where the statement of the innermost ``(`` or ``[`` begins."""
    braces = 0
    for match in TOKEN.finditer(text):
        kind, char, at = match.lastgroup, match[0], match.start()
        if kind == "text":
            continue
        if kind == "quote":
            end = _line_end(text, at)
            message, hint = "the string that begins here is not closed", f"strings end on the same line with {char}"
            faults.add("F104", message, Span(source, at, end), hint=hint)
            stop = end
            while stop > at and stack == [] and text[stop - 1] in "{} \t\r":
                stop -= 1
            return blanked(text, start, max(stop, at + 1))
        if not stack and (kind in ("newline", "semicolon") or char in "{}"):
            start = at + 1
            braces += {"{": 1, "}": -1}.get(char, 0)
        elif kind == "newline":
            if _KEY_LINE.match(text, at + 1):
                return _unclosed(source, text, start, at, stack, faults)
        elif char in "([":
            stack.append(_Open(char, at, 0))
        elif char in "{}":
            return _unclosed(source, text, start, at, stack, faults)
        elif char in ")]":
            if not stack:
                message = f"this `{char}` closes nothing"
                faults.add(
                    "F103", message, Span(source, at, at + 1), hint=f"remove it, or add the missing `{_opener(char)}`"
                )
                return blanked(text, at, at + 1)
            if CLOSER[stack[-1].char] != char:
                opened = stack[-1]
                note = Note(f"`{opened.char}` is opened here", Span(source, opened.at, opened.at + 1))
                message = f"`{char}` where `{CLOSER[opened.char]}` should close what is open"
                faults.add("F103", message, Span(source, at, at + 1), notes=(note,))
                return blanked(text, start, _STATEMENT_END.search(text, at).start())  # type: ignore[union-attr]
            stack.pop()
    return _unclosed(source, text, start, len(text), stack, faults) if stack else None


def _opener(closer: str) -> str:
    return next(opener for opener, char in CLOSER.items() if char == closer)


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _unclosed(source: Source, text: str, start: int, stop: int, stack: list[_Open], faults: Diagnostics) -> str:
    opened = stack[-1]
    closer = CLOSER[opened.char]
    faults.add(
        "F102",
        f"this `{opened.char}` is never closed",
        Span(source, opened.at, opened.at + 1),
        hint=f"add `{closer}` at the end of the arguments" if opened.char == "(" else f"add `{closer}`",
    )
    return blanked_before_body(text, start, stop) if text[stop : stop + 1] == "{" else blanked(text, start, stop)


# --- braces --------------------------------------------------------------------------------------


def _balance(source: Source, repaired: Repaired, faults: Diagnostics) -> None:
    """Blank stray ``}``; insert those that are missing where indentation and sections show the place."""
    text = repaired.text
    stack: list[_Open] = []
    stray: list[int] = []
    for match in TOKEN.finditer(text):
        if match[0] == "{":
            stack.append(_Open("{", match.start(), 0))
        elif match[0] == "}":
            if stack:
                stack.pop()
            else:
                stray.append(match.start())
    for at in stray[:_MAX_FAULTS]:
        faults.add(
            "F103", "this `}` closes nothing", Span(source, at, at + 1), hint="remove it, or add the missing `{`"
        )
    if stray:
        chars = list(text)
        for at in stray:
            chars[at] = " "
        repaired.text = "".join(chars)
    if stack:
        _close(source, repaired, faults)


def _close(source: Source, repaired: Repaired, faults: Diagnostics) -> None:
    text = repaired.text
    stack: list[_Open] = []

    def missing(opened: _Open, before: int, closers: str) -> None:
        hint = "add `}` where the body ends"
        faults.add("F102", "this `{` is never closed", Span(source, opened.at, opened.at + 1), hint=hint)
        repaired.insertions.append((before, closers))

    line = 0
    for match in TOKEN.finditer(text):
        char, at = match[0], match.start()
        if match.lastgroup == "newline":
            line = at + 1
            if stack and _SECTION.match(text, line):
                indent = _indent(text, line)
                while stack and stack[-1].indent >= indent:
                    missing(stack.pop(), line, "}\n")
        elif char == "{":
            stack.append(_Open("{", at, _indent(text, line)))
        elif char == "}" and stack:
            indent = _indent(text, line)
            first = not text[line:at].strip()
            if first and any(opened.indent == indent for opened in stack):
                while stack[-1].indent > indent:
                    missing(stack.pop(), line, "}\n")
            stack.pop()
    while stack:
        missing(stack.pop(), len(text), "}")


def _indent(text: str, line: int) -> int:
    stop = line
    while stop < len(text) and text[stop] in " \t":
        stop += 1
    return len(text[line:stop].expandtabs(8))
