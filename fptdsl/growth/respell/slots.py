"""Slots: the expressions of a statement, each with the values that the grown network wants of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .expressions import UNKNOWN, Expr, alike, value
from .selectors import Loop, Occurrence
from .spots import Reading


@dataclass(frozen=True, eq=False)
class Demand:
    """In this reading the expression must have the value ``wanted``."""

    occurrence: Occurrence
    wanted: Any

    def met(self, expr: Expr | None) -> bool:
        """Whether ``expr`` has the wanted value here."""
        if expr is None:
            return False
        found = value(expr, self.occurrence.names())
        return found is not UNKNOWN and alike(found, self.wanted)


@dataclass(eq=False)
class Slot:
    """An expression and what is wanted of it.

    ``expr`` is as the user wrote it, None for an argument that growth adds.  ``label`` is what a block
    parameter for it would be called; None where a parameter would not help.  ``loops`` are the repeats
    around it.
    """

    expr: Expr | None
    demands: list[Demand]
    label: str | None
    loops: tuple[Loop, ...] = ()
    _by_reading: dict[Reading, list[Demand]] | None = field(default=None, repr=False)

    def by_reading(self) -> dict[Reading, list[Demand]]:
        """The demands of each reading of the definition."""
        if self._by_reading is None:
            self._by_reading = {}
            for demand in self.demands:
                self._by_reading.setdefault(demand.occurrence.reading, []).append(demand)
        return self._by_reading

    def unmet(self, reading: Reading) -> list[Demand]:
        """The demands of one reading that the expression as written does not meet."""
        return [demand for demand in self.by_reading().get(reading, ()) if not demand.met(self.expr)]


class Split(Exception):
    """The readings of a definition need different texts; ``classes`` gives each reading its class."""

    def __init__(self, classes: dict[Reading, object]) -> None:
        self.classes = classes


class Unroll(Exception):
    """The elements of a ``repeat`` are too different to be one text."""

    def __init__(self, statement: object) -> None:
        self.statement = statement


class Unspellable(Exception):
    """The grown tree cannot be written by editing the user's definitions."""
