"""Numbers, strings and paths: from the text of a token to its value.

Each function raises :class:`LiteralFault` with a message in the user's terms; the builder adds the place.
"""

from __future__ import annotations

import math
import re

Segment = str | int | tuple[int | None, int | None, int | None]

MAX_DIGITS = 40

_INTEGER = re.compile(r"\d+(?:_\d+)*")
_FLOAT = re.compile(r"\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?(?:[eE][+-]?\d+)?")
_LIMIT = re.compile(r"(\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)([KMGBT]?)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", '"': '"', "'": "'", "\\": "\\"}
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9, "T": 10**12}


class LiteralFault(Exception):
    """A number, string or path that cannot be read."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def number(text: str) -> int | float:
    """An integer or float as in Python (``1_000``, ``1e-5``)."""
    if len(text) > MAX_DIGITS:
        raise LiteralFault(f"the number {text[:12]}... has more than {MAX_DIGITS} digits")
    if _INTEGER.fullmatch(text):
        return int(text)
    if not _FLOAT.fullmatch(text):
        raise LiteralFault(f"`{text}` is not a number", _number_hint(text))
    value = float(text)
    if math.isinf(value):
        raise LiteralFault(f"`{text}` is too large for a float")
    return value


def _number_hint(text: str) -> str | None:
    if re.fullmatch(r"[\d.]+x", text):
        return "a factor like `1.5x` stands only after `by` in `widen`"
    if re.fullmatch(r"\d+[A-Za-z_]\w*", text):
        return "a name cannot begin with a digit"
    return None


def count(text: str, what: str) -> int:
    """A whole number in a directive; ``what`` names it in the message."""
    value = number(text.lstrip("+-")) if not text.endswith("x") else None
    if text.startswith("-"):
        raise LiteralFault(f"{what} cannot be negative", "growth only adds; nothing is taken away")
    if not isinstance(value, int):
        raise LiteralFault(f"{what} must be a whole number, not `{text}`")
    return value


def factor(text: str) -> float:
    """``1.5x`` after ``by``."""
    body = text[:-1]
    if body.startswith("-"):
        raise LiteralFault("a factor cannot be negative", "write how many times as wide, for example `by 1.5x`")
    return float(number(body.lstrip("+")))


def limit(text: str) -> float:
    """The bound of a ``require``: a number with an optional K, M, G, B or T."""
    match = _LIMIT.fullmatch(text)
    if match is None or len(text) > MAX_DIGITS:
        raise LiteralFault(f"`{text}` is not a limit", "write a number such as `25M`, `1.5B` or `2.0`")
    value = number(match[1]) * _UNITS[match[2]]
    return float(value)


def string(text: str) -> str:
    """The value of a quoted string; escapes are those of JSON, and ``\\'``."""

    def replace(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] == "u" and len(code) == 5:
            return chr(int(code[1:], 16))
        if code not in _ESCAPES:
            raise LiteralFault(f"unknown escape `\\{code}` in a string", "write `\\\\` for a backslash, `/` in paths")
        return _ESCAPES[code]

    value = re.sub(r"\\(u[0-9a-fA-F]{4}|.)", replace, text[1:-1])
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise LiteralFault("a lone surrogate is not a character", "write the character itself")
    return value


_SEGMENT = re.compile(r"\*\*|[\w*]+")
_BRACKET = re.compile(r"\[\s*([+-]?\d{0,9})\s*(:)?\s*([+-]?\d{0,9})\s*(:)?\s*([+-]?\d{0,9})\s*\]")


def path(text: str) -> tuple[Segment, ...]:
    """The segments of a path: names with ``*``, ``**``, numbers as names, ``[i]`` and ``[a:b:c]``."""
    segments: list[Segment] = []
    at = 0
    while at < len(text):
        if text[at] == "[":
            segments.append(_bracket(text, at, bool(segments)))
            at = text.index("]", at) + 1
            continue
        if segments:
            if text[at] != ".":
                raise LiteralFault(f"`{text}` is not a path", _path_hint(text[at]))
            at += 1
        match = _SEGMENT.match(text, at)
        if match is None:
            raise LiteralFault(f"`{text}` is not a path", _path_hint(text[at : at + 1]))
        if "**" in match[0] and match[0] != "**":
            raise LiteralFault(f"`**` must be a segment of its own in the path `{text}`", "write `a.**.b`")
        segments.append(match[0])
        at = match.end()
    return tuple(segments)


def _bracket(text: str, at: int, after_name: bool) -> Segment:
    match = _BRACKET.match(text, at)
    if match is None:
        raise LiteralFault(f"`{text}` is not a path", "in brackets write `[2]`, `[-1]` or `[4:12:2]`")
    if not after_name:
        raise LiteralFault(f"the path `{text}` begins with a bracket", "name what is numbered first: `layer1[2]`")
    first, colon, last, _, step = match.groups()
    parts = [int(part) if part.strip("+-") else None for part in (first, last, step)]
    if colon is None:
        if parts[0] is None or parts[1] is not None or parts[2] is not None:
            raise LiteralFault(f"`{text}` is not a path", "in brackets write `[2]`, `[-1]` or `[4:12:2]`")
        return parts[0]
    if parts[2] is not None and parts[2] < 1:
        raise LiteralFault(f"the step in `{match[0]}` must be at least 1")
    return parts[0], parts[1], parts[2]


def _path_hint(char: str) -> str:
    if char in ("", "."):
        return "a dot stands between two names"
    return "a path is names and numbers joined by dots, for example `layer1.*.conv1` or `layer2[0]`"
