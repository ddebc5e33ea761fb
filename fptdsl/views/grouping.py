"""Like tensors on one line: ``layer2.{0..17}.conv1.weight ×18``.

Names are alike when they differ in numbers only; tensors are alike when their names are, and what
happens to them is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def pattern(name: str) -> tuple[str, ...]:
    """The name's parts with every number replaced by ``#``."""
    return tuple("#" if _is_number(part) else part for part in name.split("."))


def _is_number(part: str) -> bool:
    return part.isascii() and part.isdecimal() and len(part) < 10 and str(int(part)) == part


def group(items: Iterable[T], name: Callable[[T], str], alike: Callable[[T], Hashable]) -> list[list[T]]:
    """Items with like names and equal ``alike``, in the order of their first member."""
    groups: dict[Hashable, list[T]] = {}
    for item in items:
        groups.setdefault((pattern(name(item)), alike(item)), []).append(item)
    return list(groups.values())


def spell(names: Sequence[str]) -> str:
    """One spelling for names that differ in numbers only.

    The numbers that occur are listed where the names are all their combinations, else ``*`` stands
    for them.
    """
    if len(names) == 1:
        return names[0]
    parts = [name.split(".") for name in names]
    columns = list(zip(*parts, strict=True))
    varied = [i for i, column in enumerate(columns) if len(set(column)) > 1]
    combinations = 1
    for i in varied:
        combinations *= len(set(columns[i]))
    complete = combinations == len(set(names))
    return ".".join(
        (_numbers(columns[i]) if complete else "*") if i in varied else columns[i][0] for i in range(len(columns))
    )


def _numbers(column: Sequence[str]) -> str:
    values = sorted(set(map(int, column)))
    if len(values) > 2 and values == list(range(values[0], values[-1] + 1)):
        return f"{{{values[0]}..{values[-1]}}}"
    if len(values) > 6:
        return "*"
    return "{" + ",".join(map(str, values)) + "}"


def top(name: str, depth: int = 1) -> str:
    """The first ``depth`` parts of a name."""
    return ".".join(name.split(".")[:depth])


def by_prefix(modules: Iterable[dict[str, Any]], depth: int, keys: Sequence[str]) -> list[dict[str, Any]]:
    """Modules summed (over ``keys``) by the first ``depth`` parts of their names, in order."""
    sums: dict[str, dict[str, Any]] = {}
    for module in modules:
        name = top(module["name"], depth)
        entry = sums.setdefault(name, {"name": name, **dict.fromkeys(keys, 0)})
        for key in keys:
            entry[key] += module[key]
    return list(sums.values())
