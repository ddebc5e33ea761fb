"""Changing values in a JSON text and leaving the rest of it as it is written: order, indent, numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Place = tuple[str, ...]
"""The keys that lead to a value, from the top."""

_BLANK = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class _Member:
    """One ``"key": value`` of a table, by the positions of its parts in the text."""

    key: str
    start: int
    value: int
    end: int


def edit_json(text: str, changes: Mapping[Place, Any]) -> str:
    """The text of a JSON table with ``changes`` made.

    A new key comes where the order of keys wants it if they are in order, else at the end of its table.
    Tables on the way to a place must be there.
    """
    for place, value in changes.items():
        text = _set(text, _after_blanks(text, 0), place, value)
    return text


def _set(text: str, start: int, place: Place, value: Any) -> str:
    members = _members(text, start)
    member = next((m for m in reversed(members) if m.key == place[0]), None)
    if len(place) > 1:
        if member is None or text[member.value] != "{":
            raise KeyError(place)
        return _set(text, member.value, place[1:], value)
    if member is not None:
        new = _spelt(value, text[member.value : member.end], _indent(text, member.start))
        return text[: member.value] + new + text[member.end :]
    return _inserted(text, start, members, place[0], value)


def _inserted(text: str, start: int, members: list[_Member], key: str, value: Any) -> str:
    """The text with a new member in the table at ``start``."""
    item = f"{json.dumps(key)}: {json.dumps(value)}"
    if not members:
        return text[: start + 1] + item + text[start + 1 :]
    keys = [member.key for member in members]
    at = next((n for n, other in enumerate(keys) if other > key), None) if keys == sorted(keys) else None
    if at is not None:
        before = members[at].start
        return f"{text[:before]}{item},{_gap(text, members[at].start)}{text[before:]}"
    last = members[-1]
    return f"{text[: last.end]},{_gap(text, last.start)}{item}{text[last.end :]}"


def _gap(text: str, start: int) -> str:
    """The blanks before a member, to be put before another one."""
    before = text[:start]
    blanks = before[len(before.rstrip(" \t\n\r")) :]
    return blanks or " "


def _indent(text: str, start: int) -> str:
    line = text[text.rfind("\n", 0, start) + 1 : start]
    return line if not line.strip() else ""


def _spelt(value: Any, old: str, indent: str) -> str:
    """A value as the old one was written: a list over several lines where that was."""
    if isinstance(value, list) and "\n" in old:
        step = re.match(r"\[\s*\n([ \t]*)", old)
        inner = step.group(1) if step is not None else indent
        items = ",\n".join(inner + json.dumps(item) for item in value)
        return f"[\n{items}\n{indent}]"
    return json.dumps(value)


def _members(text: str, start: int) -> list[_Member]:
    """The members of the table whose brace is at ``start``."""
    members: list[_Member] = []
    at = _after_blanks(text, start + 1)
    while text[at] != "}":
        key, end = _DECODER.raw_decode(text, at)
        value = _after_blanks(text, _after_blanks(text, end) + 1)
        _, end = _DECODER.raw_decode(text, value)
        members.append(_Member(key, at, value, end))
        at = _after_blanks(text, end)
        if text[at] == ",":
            at = _after_blanks(text, at + 1)
    return members


def _after_blanks(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match is not None else at
