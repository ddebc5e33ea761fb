"""Where statements begin and end in a text, without parsing it: for reporting a fault and going on after it."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property

from .limits import TOKEN

_FIRST_WORD = re.compile(r"[ \t\r\n]*(?:[A-Za-z_]\w*[ \t]*:)?[ \t]*([A-Za-z_]\w*)?")


@dataclass(frozen=True)
class Statement:
    """Characters ``start`` to ``end`` between two boundaries.

    ``context`` is what encloses it: ``top``, ``body`` (of a model or block, however deep), ``grow``,
    ``checkpoint`` or ``unknown``.  ``left`` and ``right`` are the boundary characters (empty at the ends).
    """

    start: int
    end: int
    left: str
    right: str
    context: str


@dataclass(frozen=True)
class StatementMap:
    """The boundaries of a text whose brackets match."""

    text: str

    @cached_property
    def _marks(self) -> tuple[list[int], list[str], dict[int, int]]:
        """Boundaries with the context after each, and for each ``{`` its ``}``."""
        places: list[int] = []
        contexts: list[str] = []
        pairs: dict[int, int] = {}
        stack: list[tuple[int, str]] = []
        context, depth, start = "top", 0, 0
        for match in TOKEN.finditer(self.text):
            char, at = match[0], match.start()
            if match.lastgroup in ("text", "quote"):
                continue
            if char in "([":
                depth += 1
            elif char in ")]":
                depth -= 1
            elif depth > 0 and char in "\n;":
                continue
            else:
                if char == "{":
                    stack.append((at, context))
                    context = self._inside(start, at, context)
                elif char == "}" and stack:
                    opened, context = stack.pop()
                    pairs[opened] = at
                places.append(at)
                contexts.append(context)
                start = at + 1
        return places, contexts, pairs

    def _inside(self, start: int, at: int, context: str) -> str:
        if context != "top":
            return context
        match = _FIRST_WORD.match(self.text, start, at)
        word = match[1] if match else None
        return {"model": "body", "block": "body", "grow": "grow", "checkpoint": "checkpoint"}.get(word or "", "unknown")

    def at(self, offset: int) -> Statement:
        """The statement that holds ``offset``, or ends there."""
        places, contexts, _ = self._marks
        after = bisect_left(places, offset)
        start = places[after - 1] + 1 if after else 0
        end = places[after] if after < len(places) else len(self.text)
        left = self.text[start - 1] if after else ""
        right = self.text[end : end + 1]
        return Statement(start, end, left, right, contexts[after - 1] if after else "top")

    def close(self, brace: int) -> int:
        """The place of the ``}`` that closes the ``{`` at ``brace``."""
        return self._marks[2].get(brace, len(self.text) - 1)
