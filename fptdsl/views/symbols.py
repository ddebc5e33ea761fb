"""The signs and colours of actions and classes, in one place."""

from __future__ import annotations

from collections.abc import Iterable

ACTIONS: dict[str, tuple[str, str, str]] = {
    "grow": ("~", "yellow", "grows"),
    "add": ("+", "green", "is new"),
    "rename": (">", "cyan", "moves to another name"),
    "change": ("!", "magenta", "has other values"),
    "remove": ("-", "red", "is gone"),
    "keep": ("=", "dim", "stays"),
}
"""Action -> sign, style, words of the legend; in the order in which they are listed."""

CLASSES: dict[str, tuple[str, str]] = {
    "bitwise": ("green", "the old operations run unchanged; only exact zeros or copies are added"),
    "exact": ("green", "equal in real arithmetic; differs by rounding"),
    "eval-only": ("yellow", "exact in eval mode; outputs in training mode differ"),
    "approximate": ("yellow", "differs by a controlled amount, which is measured"),
    "baseline": ("red", "the function is not preserved (a baseline)"),
}
"""Exactness class -> style, meaning."""

PRESERVING = ("bitwise", "exact", "eval-only")


def sign(action: str) -> tuple[str, str]:
    """The sign of an action and its style."""
    mark, style, _ = ACTIONS[action]
    return mark, style


def legend(used: Iterable[str]) -> list[tuple[str, str] | str]:
    """Pieces of the legend's line: only the signs that are in use."""
    present = set(used)
    pieces: list[tuple[str, str] | str] = []
    for action, (mark, style, words) in ACTIONS.items():
        if action in present:
            pieces += ["   " if pieces else "", (mark, style), f" {words}"]
    return pieces
