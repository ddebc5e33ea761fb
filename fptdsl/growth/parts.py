"""Where the ranges of a changed tensor's axes come from, for the diff."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np

from ..architecture.graph import Init
from .along import multiplies
from .axes import MEAN as AVERAGE
from .axes import AxisMap, Maps
from .plan import Part
from .recipe import (
    Constant,
    Cycle,
    Dirac,
    Embed,
    Extended,
    Fresh,
    Gathered,
    IdentityNorm,
    IdentityShare,
    Recipe,
    Share,
    Solve,
    SolveGroups,
    Source,
)

OLD, COPY, FRESH, ZERO, PAIR, DONOR = "old", "copy", "fresh", "zero", "pair", "copy of norm"
MEAN = "mean of the old"
MULTIPLIED = ", multiplied"
"""Behind ``old`` and ``copy``: by a factor (scaled law, T-6 to T-9)."""


def parts_of(recipe: Recipe, maps: Maps) -> tuple[Part, ...]:
    """Ranges of every axis that grows, and the start of an added tensor."""
    parts: list[Part] = []
    if isinstance(recipe.start, Gathered) and maps(recipe.axes[recipe.start.axis]).plain:
        parts.extend(_gathered(recipe.start))
    elif not isinstance(recipe.start, Source):
        rows = maps(recipe.axes[0]).new if recipe.axes else 1
        parts.append(Part(0, 0, rows, _start(recipe)))
    for axis, term in enumerate(recipe.axes):
        here = maps(term)
        if not here.plain:
            parts.extend(_ranges(axis, here, recipe.roles[axis], recipe))
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
    if isinstance(start, Extended):
        return "old, fresh rows behind"
    if isinstance(start, Gathered):
        return "old and copies"
    if isinstance(start, Embed):
        return "old, zeros around"
    if isinstance(start, Cycle):
        return "steps"
    if isinstance(start, (Solve, SolveGroups)):
        return "fresh factor" if start.part == start.drawn else "solved factor"
    if isinstance(start, IdentityShare):
        return f"identity, share {start.index + 1} of {start.count}"
    if isinstance(start, Share):
        return f"share {start.index + 1} of {start.count}"
    return OLD


def _gathered(start: Gathered) -> list[Part]:
    """What comes for the first time is old, the rest copies."""
    places = np.concatenate([np.arange(first, behind) for first, behind in start.ranges])
    again = np.ones(len(places), dtype=bool)
    again[np.unique(places, return_index=True)[1]] = False
    edges = [0, *(np.flatnonzero(np.diff(again)) + 1).tolist(), len(places)]
    return [Part(start.axis, first, behind, COPY if again[first] else OLD) for first, behind in pairwise(edges)]


def _ranges(axis: int, here: AxisMap, role: str, recipe: Recipe) -> list[Part]:
    words = {0: OLD, 1: COPY}
    found = []
    for start, stop, code in _runs(here):
        how = words.get(code) or _fresh(here, start, role, recipe.init)
        if code in words and (recipe.factor != 1.0 or _multiplied(here, start, stop, role, recipe.init)):
            how += MULTIPLIED
        found.append(Part(axis, start, stop, how))
    return found


def _multiplied(here: AxisMap, start: int, stop: int, role: str, init: Init) -> bool:
    """Whether what a tensor holds of units of a range is a multiple of what it held of the old ones."""
    return multiplies(init, role) and here.sign is not None and bool((here.sign[start:stop] != 1.0).any())


@lru_cache(maxsize=64)
def _runs(here: AxisMap) -> list[tuple[int, int, int]]:
    """``(start, stop, code)`` of the ranges alike: 0 for what was there, 1 for copies, more for new classes.

    The tensors of a Space share one map, so each map is looked at once.
    """
    copies = here.source >= 0
    first = np.full(here.old, -1)
    first[here.source[copies][::-1]] = np.flatnonzero(copies)[::-1]  # of several, the last that is written stays
    codes = np.where(copies, 1, 2 + here.writer + 3 * here.reader)
    codes[first[first >= 0]] = 0
    edges = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), here.new]
    return [(start, stop, int(codes[start])) for start, stop in pairwise(edges)]


def _fresh(here: AxisMap, position: int, role: str, init: str) -> str:
    if role == "reads":
        return (ZERO, FRESH, PAIR)[int(here.reader[position])]
    zeroed = int(here.writer[position]) == 0
    if int(here.writer[position]) == AVERAGE and role == "writes":
        return MEAN
    if init == "kernel":
        return ZERO if zeroed and role == "writes" else FRESH
    if init == "shift" or (init == "mean" and zeroed):
        return ZERO
    return DONOR
