"""Choosing new values for the parameters that are already there.

A parameter takes another value where that meets more of what is wanted than its old value does.
A parameter that some statement uses directly, and whose old value is still wanted there, keeps it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...language import syntax
from .expressions import UNKNOWN, names_in, solve
from .slots import Slot
from .spots import Definition, Reading

CANDIDATES = 16
"""At most so many changes of a parameter are tried at a time."""


def settle(definition: Definition, readings: Sequence[Reading], slots: Sequence[Slot]) -> None:
    """Give the parameters of each reading their values after growth."""
    params = {param.name for param in definition.params}
    if not params:
        return
    mine: dict[Reading, list[Slot]] = {reading: [] for reading in readings}
    for slot in slots:
        if slot.expr is not None and names_in(slot.expr):
            for reading in slot.by_reading():
                mine[reading].append(slot)
    calls: dict[int, list[Reading]] = {}
    for reading in readings:
        calls.setdefault(id(reading.call), []).append(reading)
    for group in calls.values():
        # The readings of one call together first, so that like elements of a repeat are spelt alike.
        _improve(group, mine, params)
        if len(group) > 1:
            for reading in group:
                _improve([reading], mine, params)


def _improve(group: Sequence[Reading], mine: dict[Reading, list[Slot]], params: set[str]) -> None:
    """Change one parameter at a time, as long as that meets more demands."""
    while True:
        score = _score(group, mine)
        if not score:
            return
        best: tuple[int, str, Any] | None = None
        for name, candidate in _candidates(group, mine, params):
            tried = _score_with(group, mine, name, candidate)
            if tried < (best[0] if best is not None else score):
                best = (tried, name, candidate)
        if best is None:
            return
        for reading in group:
            if not _pinned(reading, mine[reading], best[1]):
                reading.choose(best[1], best[2])


def _score(group: Sequence[Reading], mine: dict[Reading, list[Slot]]) -> int:
    """How many expressions, over all readings, do not have the values that are wanted."""
    return sum(bool(slot.unmet(reading)) for reading in group for slot in mine[reading])


def _score_with(group: Sequence[Reading], mine: dict[Reading, list[Slot]], name: str, candidate: Any) -> int:
    before = {reading: dict(reading.chosen) for reading in group}
    for reading in group:
        if not _pinned(reading, mine[reading], name):
            reading.choose(name, candidate)
    score = _score(group, mine)
    for reading, chosen in before.items():
        reading.reset()
        for param, given in chosen.items():
            reading.choose(param, given)
    return score


def _pinned(reading: Reading, slots: Sequence[Slot], name: str) -> bool:
    """Whether some statement that uses the parameter directly wants the value that it has."""
    return any(isinstance(s.expr, syntax.Name) and s.expr.name == name and not s.unmet(reading) for s in slots)


def _candidates(group: Sequence[Reading], mine: dict[Reading, list[Slot]], params: set[str]) -> list[tuple[str, Any]]:
    """Values of one parameter that would meet one of the demands; direct uses first."""
    found: dict[tuple[str, str], tuple[str, Any]] = {}
    for direct in (True, False):
        for reading in group:
            for slot in mine[reading]:
                if slot.expr is None or isinstance(slot.expr, syntax.Name) != direct:
                    continue
                for demand in slot.unmet(reading)[:2]:
                    for name in sorted(names_in(slot.expr) & params):
                        wanted = solve(slot.expr, _is_name(name), demand.occurrence.names(), demand.wanted)
                        if wanted is not UNKNOWN:
                            found.setdefault((name, repr(wanted)), (name, wanted))
                if len(found) >= CANDIDATES:
                    return list(found.values())
    return list(found.values())


def _is_name(name: str) -> Any:
    return lambda expr: isinstance(expr, syntax.Name) and expr.name == name
