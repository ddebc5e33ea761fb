"""Limits on the text of a spec, checked in one linear pass before anything heavier is imported."""

from __future__ import annotations

import re

from ..diagnostics import Diagnostics, Source, Span

MAX_BYTES = 1 << 20
MAX_NESTING = 64
MAX_CHARACTER_FAULTS = 20

TOKEN = re.compile(
    r"""(?P<text>"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*'|\#[^\n]*)|(?P<bracket>[(){}\[\]])|(?P<quote>["'])|(?P<newline>\n)|(?P<semicolon>;)"""
)
"""Strings and comments (skipped), brackets, a quote that opens no whole string, ends of statements."""

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_BRACKET_OR_TEXT = re.compile(r"""[(){}\[\]]|"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*'|\#[^\n]*""")


def check_limits(source: Source, faults: Diagnostics) -> bool:
    """Report a text that is too large, too deep or holds control characters.

    False where the text should not be parsed at all.
    """
    text = source.text
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        message = f"the spec has {size:,} bytes; at most {MAX_BYTES:,} (1 MiB) are read"
        faults.add("F108", message, Span(source, 0, 0), hint="move blocks to another file and bring them in with `use`")
        return False
    for number, match in enumerate(_FORBIDDEN.finditer(text)):
        if number == MAX_CHARACTER_FAULTS:
            break
        faults.add("F105", _forbidden(match[0]), Span(source, *match.span()))
    return _check_nesting(source, faults)


def _forbidden(char: str) -> str:
    if char == "\0":
        return "the spec holds a NUL character (U+0000)"
    if "\u202a" <= char <= "\u2069":
        return f"the spec holds U+{ord(char):04X}, which makes text look different from what it is"
    return f"the spec holds the control character U+{ord(char):04X}"


def without_forbidden(text: str) -> str:
    """The text with each such character as a blank, for what comes after."""
    return _FORBIDDEN.sub(" ", text)


def _check_nesting(source: Source, faults: Diagnostics) -> bool:
    depth = 0
    for match in _BRACKET_OR_TEXT.finditer(source.text):
        char = match[0]
        if char in "({[":
            depth += 1
            if depth > MAX_NESTING:
                message = f"brackets and braces are nested more than {MAX_NESTING} deep"
                hint = "give inner parts a name with `block`"
                faults.add("F109", message, Span(source, *match.span()), hint=hint)
                return False
        elif char in ")}]" and depth:
            depth -= 1
    return True
