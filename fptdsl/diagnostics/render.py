"""Diagnostics as plain text: the place underlined, what is wrong, why, and what to do.

```
error[F101]: a comma is missing before `3`
  --> net.fpt:3:20
    3 |   conv2: conv2d(16 3)
      |                    ^
  hint: ...
```
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from . import Diagnostic, Span

WIDTH = 80
_LONG_NAME = 60
_ELLIPSIS = "..."
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
MAX_SHOWN = 100


def render(diagnostics: Iterable[Diagnostic], width: int = WIDTH) -> str:
    """All diagnostics in the order given, and a line that counts them.  Empty when there are none."""
    items = list(diagnostics)
    if not items:
        return ""
    parts = [render_one(item, width) for item in items[:MAX_SHOWN]]
    return "\n\n".join((*parts, count_line(items))) + "\n"


def count_line(items: Sequence[Diagnostic]) -> str:
    """``3 errors, 1 warning``."""
    counts = []
    for severity in ("error", "warning"):
        count = sum(item.severity == severity for item in items)
        if count:
            counts.append(f"{count} {severity}{'s' if count > 1 else ''}")
    left_out = f" (the first {MAX_SHOWN} are shown)" if len(items) > MAX_SHOWN else ""
    return ", ".join(counts) + left_out


def render_one(item: Diagnostic, width: int = WIDTH) -> str:
    """One diagnostic, without a line end."""
    lines = [f"{item.severity}[{item.code}]: {visible(item.message)}"]
    if item.span is not None:
        lines += excerpt(item.span, width)
    elif item.path is not None:
        lines.append(f"  --> {visible(item.path)}")
    for note in item.notes:
        lines.append(f"  note: {visible(note.message)}")
        if note.span is not None:
            lines += excerpt(note.span, width)
    if item.hint:
        lines.append(f"  hint: {visible(item.hint)}")
    return "\n".join(lines)


def excerpt(span: Span, width: int = WIDTH) -> list[str]:
    """Where it is, the line (the first, of several), and the marks under the place."""
    number, column = span.source.position(span.start)
    line = span.source.line(number)
    margin = f"{number:>5} | "
    shown, offset, length = clip(line, column - 1, span.end - span.start, max(width - len(margin), 20))
    return [
        f"  --> {visible(span.source.name)}:{number}:{column}",
        (margin + shown).rstrip(),
        f"{' ' * (len(margin) - 2)}| {' ' * offset}{'^' * length}",
    ]


def clip(line: str, start: int, length: int, room: int) -> tuple[str, int, int]:
    """The part of a source line around a place that fits in ``room`` columns, and the place in it.

    ``start`` (from 0) and ``length`` are characters of the line; what is returned counts columns.
    """
    start = min(start, len(line))
    stop = max(start + 1, min(start + length, len(line)))
    cells = [visible(char, tab=True) for char in line]
    return _clip(cells[:start], cells[start:stop] or [" "], cells[stop:], room)


def _clip(before: list[str], marked: list[str], after: list[str], room: int) -> tuple[str, int, int]:
    """The text that fits in ``room`` columns, with the column and length of the marks in it."""
    used = sum(map(columns, marked))
    while used > room - 2 * len(_ELLIPSIS) and len(marked) > 1:
        used -= columns(marked.pop())
        after = [_ELLIPSIS]
    left, right = "", ""
    free = room - used
    tail = sum(map(columns, after))
    lead = sum(map(columns, before))
    if lead + tail > free:
        # A third of the room shows what stands before the place, unless less stands after it.
        left_room = max(free - tail, free // 3) if lead > free // 3 else lead
        before, left = _keep_end(before, left_room)
        free -= columns(left) + sum(map(columns, before))
        after, right = _keep_start(after, free)
    offset = columns(left) + sum(map(columns, before))
    return left + "".join((*before, *marked, *after)) + right, offset, max(used, 1)


def _keep_end(cells: list[str], room: int) -> tuple[list[str], str]:
    if sum(map(columns, cells)) <= room:
        return cells, ""
    kept: list[str] = []
    room -= len(_ELLIPSIS)
    for cell in reversed(cells):
        room -= columns(cell)
        if room < 0:
            break
        kept.append(cell)
    return kept[::-1], _ELLIPSIS


def _keep_start(cells: list[str], room: int) -> tuple[list[str], str]:
    kept, left = _keep_end(cells[::-1], room)
    return kept[::-1], left


def visible(text: str, tab: bool = False) -> str:
    """The text with characters that a terminal would act on, or not show, written out.

    With ``tab`` a tab is four blanks (source lines), else it is written out too.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(char, tab) for char in text)


def _visible(char: str, tab: bool) -> str:
    if char == "\t" and tab:
        return "    "
    if unicodedata.category(char) in _INVISIBLE:
        return (
            f"\\x{ord(char):02x}"
            if ord(char) < 256
            else f"\\u{ord(char):04x}"
            if ord(char) < 65536
            else f"\\U{ord(char):08x}"
        )
    return char


def columns(text: str) -> int:
    """How many columns a terminal gives the text: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    total = 0
    for char in text:
        if not unicodedata.combining(char):
            total += 2 if unicodedata.east_asian_width(char) in "WF" else 1
    return total
