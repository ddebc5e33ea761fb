"""Tests on loop indices that tell some readings of a statement from the others."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from ...language import syntax
from .expressions import Expr
from .naming import Fresh, words_in
from .spots import Reading

INDICES = "ijklmnpqrst"


@dataclass(eq=False)
class Loop:
    """A ``repeat`` around a statement; ``name`` is its index, given when it is first needed.

    ``around`` are the loops outside of it and ``taken`` names that the index must not have.
    """

    name: str | None
    statement: syntax.Repeat
    around: tuple[Loop, ...]
    taken: frozenset[str]

    def index(self) -> Expr:
        if self.name is None:
            outermost = (*self.around, self)[0].statement
            # Each depth has its own letter, so that two loops named later cannot meet.
            wish = INDICES[min(len(self.around), len(INDICES) - 1)]
            self.name = Fresh(words_in(outermost) | self.taken)(wish)
        return syntax.Name(self.name)


@dataclass(frozen=True, eq=False)
class Occurrence:
    """One reading of a statement: the reading of its definition and the indices of the loops around."""

    reading: Reading
    indices: tuple[tuple[Loop, int], ...] = ()

    def names(self) -> dict[str, object]:
        """The names that an expression of the statement may use, with their values."""
        named = {loop.name: index for loop, index in self.indices if loop.name is not None}
        return {**self.reading.values(), **named} if named else self.reading.values()

    def inside(self, loop: Loop, index: int) -> Occurrence:
        return Occurrence(self.reading, (*self.indices, (loop, index)))


class Apart(Exception):
    """No test on indices tells the readings apart."""


class Selector:
    """A test for some of the readings; ``terms`` is how many comparisons of ``loops`` it takes."""

    def __init__(self, test: Callable[[], Expr], terms: int, loops: tuple[Loop, ...]) -> None:
        self.test, self.terms, self.loops = test, terms, loops


def select(chosen: Sequence[Occurrence], others: Sequence[Occurrence]) -> Selector:
    """A test that holds for ``chosen`` and not for ``others``; raises :class:`Apart` where there is none."""
    loops = [loop for loop, _ in chosen[0].indices]
    visible = [k for k, loop in enumerate(loops) if loop.name is None or loop.name not in _names(loops[k + 1 :])]
    inside = {tuple(occurrence.indices[k][1] for k in visible) for occurrence in chosen}
    outside = {tuple(occurrence.indices[k][1] for k in visible) for occurrence in others}
    if inside & outside:
        raise Apart
    return _several([loops[k] for k in visible], inside, outside)


def _several(loops: list[Loop], inside: set[tuple[int, ...]], outside: set[tuple[int, ...]]) -> Selector:
    best: Selector | None = None
    for k, loop in enumerate(loops):
        these, those = {item[k] for item in inside}, {item[k] for item in outside}
        if not these & those:
            found = _one(loop, these, those)
            if best is None or found.terms < best.terms:
                best = found
    if best is not None:
        return best
    pieces: list[Selector] = []
    for index in sorted({item[0] for item in inside}):
        first = _one(loops[0], {index}, {item[0] for item in inside | outside} - {index})
        rest_in = {item[1:] for item in inside if item[0] == index}
        rest_out = {item[1:] for item in outside if item[0] == index}
        pieces.append(_joined("and", first, _several(loops[1:], rest_in, rest_out)) if rest_out else first)
    result = pieces[0]
    for piece in pieces[1:]:
        result = _joined("or", result, piece)
    return result


def _names(loops: Sequence[Loop]) -> set[str | None]:
    return {loop.name for loop in loops}


def _joined(op: str, left: Selector, right: Selector) -> Selector:
    def test() -> Expr:
        return syntax.Binary(op, left.test(), right.test())

    return Selector(test, left.terms + right.terms, left.loops + right.loops)


def _compare(loop: Loop, op: str, number: int) -> Selector:
    return Selector(lambda: syntax.Binary(op, loop.index(), syntax.Literal_(number)), 1, (loop,))


def _remainder(loop: Loop, step: int, rest: int) -> Selector:
    def test() -> Expr:
        remainder = syntax.Binary("%", loop.index(), syntax.Literal_(step))
        return syntax.Binary("==", remainder, syntax.Literal_(rest))

    return Selector(test, 1, (loop,))


def _one(loop: Loop, these: set[int], those: set[int]) -> Selector:
    """A test on one index: a comparison, a remainder, or the runs one by one."""
    if len(these) == 1:
        return _compare(loop, "==", min(these))
    if len(those) == 1:
        return _compare(loop, "!=", min(those))
    if not those or max(these) < min(those):
        return _compare(loop, "<", max(these) + 1)
    if min(these) > max(those):
        return _compare(loop, ">=", min(these))
    for step in (2, 3, 4):
        left = {index % step for index in these}
        if len(left) == 1 and left.isdisjoint(index % step for index in those):
            return _remainder(loop, step, min(left))
    result: Selector | None = None
    for first, last in _runs(these, those):
        run = _compare(loop, "==", first)
        if first != last:
            run = _joined("and", _compare(loop, ">=", first), _compare(loop, "<=", last))
        result = run if result is None else _joined("or", result, run)
    assert result is not None
    return result


def _runs(these: set[int], those: set[int]) -> list[tuple[int, int]]:
    """The stretches of ``these`` with none of ``those`` in between."""
    runs: list[tuple[int, int]] = []
    start: int | None = None
    last = 0
    for index in sorted(these | those):
        if index in these:
            start = index if start is None else start
            last = index
        elif start is not None:
            runs.append((start, last))
            start = None
    if start is not None:
        runs.append((start, last))
    return runs


def grouped(items: Iterable[tuple[Occurrence, Hashable]]) -> list[tuple[Hashable, list[Occurrence]]]:
    """Readings by what they share, in the order of first appearance."""
    groups: dict[Hashable, list[Occurrence]] = {}
    for occurrence, token in items:
        groups.setdefault(token, []).append(occurrence)
    return list(groups.items())
