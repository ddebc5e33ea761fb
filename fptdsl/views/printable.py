"""Text from files made safe for a terminal: nothing in a tensor's name can move the cursor.

Control characters, invisible format characters (which reverse or hide text) and lone surrogates are
shown as escapes.  Where the output's encoding is not a Unicode one, the few signs of our own are spelt
in ASCII and everything else is escaped.
"""

from __future__ import annotations

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}

ASCII = {
    "→": "->", "×": "x", "·": "-", "…": "...", "–": "-", "—": "-", "−": "-", "≤": "<=", "≥": ">=", "≈": "~",
    "├": "|", "└": "`", "│": "|", "─": "-", "✓": "ok", "✗": "x", "⏎": "\\n", "’": "'", "“": '"', "”": '"',
}  # fmt: skip


def printable(text: str, *, encoding: str = "utf-8") -> str:
    """``text`` on one line, every hidden character visible, all of it writable in ``encoding``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(char, encoding) for char in text)


def _visible(char: str, encoding: str) -> str:
    code = ord(char)
    if unicodedata.category(char) in _HIDDEN:
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    try:
        char.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII.get(char) or char.encode("ascii", "backslashreplace").decode("ascii")
    return char
