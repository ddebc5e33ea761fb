"""Breaking a styled line into lines of at most a given width."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text


def wrap(text: Text, width: int, hang: int) -> list[Text]:
    """Break a line at spaces (a longer word where it must), continuing at column ``hang``."""
    text.rstrip()
    lines: list[Text] = []
    while text.cell_len > width:
        indent = hang if lines else len(text.plain) - len(text.plain.lstrip(" "))
        head, rest = text.divide([_break(text.plain, width, indent)])
        head.rstrip()
        lines.append(head)
        rest = rest[len(rest.plain) - len(rest.plain.lstrip(" ")) :]
        text = Text(" " * hang).append_text(rest)
    return [*lines, text] if text.plain.strip() or not lines else lines


def _break(plain: str, width: int, indent: int) -> int:
    """Where to break: after the last space that fits, else at the last character that fits."""
    used = 0
    fits = len(plain)
    for position, char in enumerate(plain):
        used += cell_len(char)
        if used > width:
            fits = position
            break
    space = plain.rfind(" ", indent + 1, fits + 1)
    return space if space > indent else max(fits, indent + 1)
