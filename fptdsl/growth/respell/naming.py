"""Names that respelling gives: parameters, loop indices, variants of blocks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from ...language import syntax

WORDS = {
    "true", "false", "none", "not", "and", "or", "if", "else", "let", "input", "output", "reuse", "sequential",
    "residual", "shortcut", "parallel", "repeat", "from", "as", "min", "max", "ceil", "floor", "round", "at",
}  # fmt: skip

_SIZES = {"out_channels": "width", "out_features": "width"}


class Fresh:
    """Gives out names that are not used yet."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = {*taken, *WORDS}

    def __call__(self, *wishes: str) -> str:
        """The first free wish, or the last one with a number."""
        for wish in wishes:
            if wish not in self._taken:
                self._taken.add(wish)
                return wish
        number = 2
        while f"{wishes[-1]}_{number}" in self._taken:
            number += 1
        return self(f"{wishes[-1]}_{number}")


def words_in(node: Any) -> set[str]:
    """Every string of a syntax tree: no new name may be one of them."""
    if isinstance(node, str):
        return {node}
    if isinstance(node, tuple):
        return set().union(*map(words_in, node)) if node else set()
    if isinstance(node, syntax.Node):
        parts = (getattr(node, field.name) for field in fields(node) if not field.name.endswith("span"))
        return set().union(*map(words_in, parts))
    return set()


def argument_label(place: str | None, op: str, argument: str) -> str:
    """What a block parameter for an argument is called: ``conv2_width``, ``pad``, ``bn1_num_groups``."""
    if op == "pad_channels" and place is None:
        return "pad"
    return f"{place or op.lower()}_{_SIZES.get(argument, argument)}"
