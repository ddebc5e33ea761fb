"""The file's keys for the tensors of a grown network: rules that were applied on reading are undone."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence

from .keys import KeyName


class Namer:
    """File keys for the spec keys of a grown network, by the old keys that they are like."""

    def __init__(self, names: Mapping[str, KeyName]) -> None:
        self.names = names
        self.nearest = Nearest(list(names))

    def __call__(self, name: str, source: str | None, like: str | None = None) -> KeyName:
        """How the tensor ``name`` is called in the file; ``source`` is the old one that it continues.

        It is under the prefix of what has its place, or lies nearest.  How its key ends is another matter (a norm's
        ``gamma`` lies beside a kernel's ``weight``): that of the old tensor that it continues, or is ``like``, counts.
        """
        if source == name:
            return self.names[name]
        near = name if name in self.names else source if source is not None else self.nearest(name)
        place = self.names[near] if near is not None else KeyName("", "")
        model = self.names.get(source or like or (name if near == name else ""))
        rules = [model.rename] if model is not None and model.rename is not None else []
        if place.rename is not None and "*" not in place.rename[0]:
            rules.append(place.rename)
        return place.another(name, rules)


def alike(name: str, candidates: Iterable[str]) -> str | None:
    """The old tensor that a new one is modelled on, of those that are the same tensor of the same kind of layer.

    That at the same place of another block of its list if there is one, else the one with the most in common.
    """
    parts = name.split(".")
    found = [(_likeness(parts, other.split(".")), other) for other in candidates]
    return max(found, key=lambda item: item[0])[1] if found else None


def _likeness(parts: Sequence[str], others: Sequence[str]) -> tuple[bool, int, int]:
    same_place = len(parts) == len(others) and all(
        a == b or (a.isdigit() and b.isdigit()) for a, b in zip(parts, others, strict=True)
    )
    return same_place, common(parts, others), common(parts[::-1], others[::-1])


class Nearest:
    """Finds among dotted names the one with the longest beginning in common."""

    def __init__(self, names: Sequence[str]) -> None:
        self.sorted = sorted((name.split("."), name) for name in names)

    def __call__(self, name: str) -> str | None:
        parts = name.split(".")
        at = bisect_left(self.sorted, (parts, name))
        near = self.sorted[max(at - 1, 0) : at + 1]
        return max(near, key=lambda item: common(item[0], parts))[1] if near else None


def common(left: Sequence[str], right: Sequence[str]) -> int:
    """How many segments two names begin with in common."""
    count = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        count += 1
    return count
