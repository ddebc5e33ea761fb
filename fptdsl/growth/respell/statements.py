"""Taking statements apart: layers, inputs and calls of blocks, with a slot for each expression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic_core import PydanticUndefined

from ...architecture.ops import OPERATIONS
from ...architecture.tree import Input, Layer
from ...language import syntax
from .expressions import UNKNOWN, Expr, alike, literal, names_in, substitute
from .naming import argument_label
from .pieces import Applied, Declared, Drop, Passed, Piece
from .selectors import Loop, Occurrence
from .slots import Demand, Slot, Unspellable
from .spots import Reading, Spot, given_names, written

Single = list[tuple[Occurrence, Spot]]


class StatementBuilder:
    """Builds the pieces of single statements and collects their slots.

    ``calls`` has the reading of every block call of the tree, already written.  ``loops`` are the repeats
    around the statement at hand, ``keys`` the keys of the composites around it, and ``bound`` the indices
    of repeats that are written element by element.
    """

    def __init__(self, calls: Mapping[Spot, Reading]) -> None:
        self.calls = calls
        self.slots: list[Slot] = []
        self.loops: tuple[Loop, ...] = ()
        self.keys: tuple[str, ...] = ()
        self.bound: dict[str, Expr] = {}

    def slot(self, expr: Expr | None, demands: list[Demand], label: str | None) -> Slot:
        written = substitute(expr, self.bound) if expr is not None else None
        slot = Slot(written, demands, label, self.loops)
        self.slots.append(slot)
        return slot

    def layer(self, statement: syntax.Apply, present: Single, inserted: bool) -> Piece:
        fields = OPERATIONS[statement.op].Args.model_fields
        wanted = [(o, spot.node.args) for o, spot in present if isinstance(spot.node, Layer)]
        place = statement.key or (self.keys[-1] if self.keys else None)
        passed: list[Passed] = []
        given: set[str] = set()
        for argument, name in zip(statement.args, _positions(statement, tuple(fields))):
            given.add(name)
            demands = [Demand(o, getattr(args, name)) for o, args in wanted]
            default = all(alike(demand.wanted, fields[name].default) for demand in demands)
            drop = inserted and default and argument.name is not None
            slot = None if drop else self.slot(written(argument), demands, argument_label(place, statement.op, name))
            passed.append(Passed(argument, slot, "always" if drop else "never"))
        for name, field in fields.items():
            if name in given or all(alike(getattr(args, name), field.default) for _, args in wanted):
                continue
            usual = None if field.default is PydanticUndefined else literal(field.default)
            demands = [Demand(o, getattr(args, name)) for o, args in wanted]
            slot = self.slot(usual, demands, argument_label(place, statement.op, name))
            passed.append(Passed(syntax.Argument(name, syntax.Literal_(None)), slot))
        return Applied(statement, tuple(passed))

    def input(self, statement: syntax.Input, present: Single) -> Piece:
        dims: list[Expr | Slot] = []
        for k, expr in enumerate(statement.dims):
            sizes = [(o, spot.node.dims[k]) for o, spot in present if isinstance(spot.node, Input)]
            free = any(type(size) is not int for _, size in sizes)
            dims.append(expr if free else self.slot(expr, [Demand(o, size) for o, size in sizes], None))
        return Declared(statement, tuple(dims))

    def call(self, statement: syntax.Apply, present: Single) -> Piece:
        """A call of a block that is already written: its parameters' values are wanted of the arguments."""
        called = [(o, self.calls[spot]) for o, spot in present]
        block = called[0][1].definition
        arguments = given_names(block.params, statement.args)
        place = statement.key or (self.keys[-1] if self.keys else None)
        mapping: dict[str, Expr] = {name: written(argument) for name, argument in arguments.items()}
        extra: list[Passed] = []
        slots: dict[int, tuple[Slot, Drop]] = {}
        for param in block.params:
            demands = [Demand(o, reading.wanted[param.name]) for o, reading in called if param.name in reading.wanted]
            default = substitute(param.default, mapping) if param.default is not None else None
            holds = all(reading.holds(param) for _, reading in called)
            label = argument_label(place, block.name, param.name)
            if not demands and self._missing(param, arguments.get(param.name), present[0][0]):
                demands = [Demand(o, self._any(param, reading)) for o, reading in called]
            if param.name in arguments:
                argument = arguments[param.name]
                if demands:
                    drop: Drop = "never" if not holds or argument.name is None else "unmet"
                    if drop == "unmet" and all(reading.was_special(param) for _, reading in called):
                        drop = "always"  # it said something special, and now the default says the same
                    slots[id(argument)] = self.slot(written(argument), demands, label), drop
            elif demands and not holds:
                slot = self.slot(default, demands, label)
                extra.append(Passed(syntax.Argument(param.name, syntax.Literal_(None)), slot))
            if default is not None:
                mapping.setdefault(param.name, default)
        passed = [Passed(argument, *slots.get(id(argument), (None, "never"))) for argument in statement.args]
        renamed = statement if statement.op == block.name else replace(statement, op=block.name)
        return Applied(renamed, (*passed, *extra))

    def _any(self, param: syntax.Param, reading: Reading) -> Any:
        """A value for a parameter that nothing depends on: the one before growth, or that of another call."""
        for each in (reading, *(other for other in self.calls.values() if other.definition is reading.definition)):
            found = each.values().get(param.name, UNKNOWN)
            if found is not UNKNOWN:
                return found
        raise Unspellable

    def _missing(self, param: syntax.Param, argument: syntax.Argument | None, at: Occurrence) -> bool:
        """Whether a call lacks an argument, or has one modelled on a call in another loop."""
        if argument is None:
            return param.default is None
        return not names_in(written(argument)) <= at.names().keys()


def _positions(statement: syntax.Apply, fields: Sequence[str]) -> list[str]:
    return [argument.name or fields[k] for k, argument in enumerate(statement.args)]
