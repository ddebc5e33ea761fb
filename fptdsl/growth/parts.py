"""Where the ranges of a changed tensor's axes come from, for the diff."""

from __future__ import annotations

from collections.abc import Mapping


from .axes import AxisMap, axis_map
from .plan import Part
from .recipe import Constant, Dirac, Fresh, IdentityNorm, Recipe, Source, Table

OLD, COPY, FRESH, ZERO, PAIR, DONOR = "old", "copy", "fresh", "zero", "pair", "copy of norm"


def parts_of(recipe: Recipe, tables: Mapping[str, Table]) -> tuple[Part, ...]:
    """Ranges of every axis that grows, and the start of an added tensor."""
    parts: list[Part] = []
    if not isinstance(recipe.start, Source):
        rows = axis_map(recipe.axes[0], tables).new if recipe.axes else 1
        parts.append(Part(0, 0, rows, _start(recipe)))
    for axis, term in enumerate(recipe.axes):
        here = axis_map(term, tables)
        if not here.plain:
            parts.extend(_ranges(axis, here, recipe.roles[axis], recipe.init))
    return tuple(parts)


def _start(recipe: Recipe) -> str:
    start = recipe.start
    if isinstance(start, Dirac):
        return "identity"
    if isinstance(start, Fresh):
        return "fresh"
    if isinstance(start, Constant):
        return "zero" if start.value == 0 else f"{start.value:g}"
    if isinstance(start, IdentityNorm):
        return "identity norm"
    return OLD


def _ranges(axis: int, here: AxisMap, role: str, init: str) -> list[Part]:
    seen: set[int] = set()
    words = []
    for position in range(here.new):
        source = int(here.source[position])
        if source >= 0:
            words.append(OLD if source not in seen else COPY)
            seen.add(source)
        else:
            words.append(_fresh(here, position, role, init))
    parts = []
    starts = [0, *(i for i in range(1, len(words)) if words[i] != words[i - 1]), len(words)]
    for first, last in zip(starts, starts[1:]):
        parts.append(Part(axis, first, last, words[first]))
    return parts


def _fresh(here: AxisMap, position: int, role: str, init: str) -> str:
    if role == "reads":
        return (ZERO, FRESH, PAIR)[int(here.reader[position])]
    zeroed = int(here.writer[position]) == 0
    if init == "kernel":
        return ZERO if zeroed and role == "writes" else FRESH
    if init == "shift" or (init == "mean" and zeroed):
        return ZERO
    return DONOR


