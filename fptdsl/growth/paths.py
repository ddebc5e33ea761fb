"""Paths of directives: patterns matched against the names of the network before growth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from ..language.syntax import Path

Segment = "str | int | tuple[int | None, int | None, int | None]"


def match(path: Path, names: Iterable[str]) -> list[str]:
    """The names that ``path`` points at, in their order.

    ``*`` matches within one segment, ``**`` any number of segments, a number or slice in brackets picks
    numbered children.
    """
    names = list(names)
    counts = _children(names)
    wanted = _flat(path)
    return [name for name in names if name and _matches(wanted, name.split("."), 0, counts)]


def is_whole_model(path: Path) -> bool:
    return path.segments == ("*",)


def is_pattern(path: Path) -> bool:
    """Whether a path picks by pattern, so that what cannot grow is passed over and listed."""
    return any(not isinstance(s, int) and (not isinstance(s, str) or "*" in s) for s in _flat(path))


def specificity(path: Path, name: str) -> tuple[int, int]:
    """How specific a path is for a name that it matched: depth first, then literal segments."""
    if is_whole_model(path):
        return 0, 0
    literal = sum(isinstance(s, int) or (isinstance(s, str) and "*" not in s) for s in _flat(path))
    return name.count(".") + 1, literal


def _flat(path: Path) -> list[object]:
    """Segments with dotted text split, so that ``layer1.0`` and ``layer1[0]`` are alike."""
    flat: list[object] = []
    for segment in path.segments:
        if isinstance(segment, str):
            flat.extend(segment.split("."))
        else:
            flat.append(segment)
    return flat


def _children(names: Sequence[str]) -> dict[str, int]:
    """How many numbered children each name has."""
    counts: dict[str, int] = {}
    for name in names:
        parent, _, last = name.rpartition(".")
        if last.isdigit():
            counts[parent] = max(counts.get(parent, 0), int(last) + 1)
    return counts


def _matches(wanted: list[object], parts: list[str], position: int, counts: dict[str, int]) -> bool:
    if not wanted:
        return position == len(parts)
    head, rest = wanted[0], wanted[1:]
    if head == "**":
        return any(_matches(rest, parts, later, counts) for later in range(position, len(parts) + 1))
    if position == len(parts):
        return False
    part = parts[position]
    if isinstance(head, str):
        fits = head == part or ("*" in head and fnmatchcase(part, head.replace("[", "[[]")))
    else:
        count = counts.get(".".join(parts[:position]), 0)
        fits = part.isdigit() and _picked(head, int(part), count)
    return fits and _matches(rest, parts, position + 1, counts)


def _picked(segment: object, number: int, count: int) -> bool:
    if isinstance(segment, int):
        return number == (segment + count if segment < 0 else segment)
    assert isinstance(segment, tuple)
    return number in range(count)[slice(*segment)]
