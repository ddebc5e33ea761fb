"""Places of the grown tree, and the readings of definitions that made them.

Growth may put one node at several places (the elements that it adds share their parts), so identity is
that of the place, not of the node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...architecture.tree import Network, Origin, Scope, Tree, walk
from ...language import syntax
from .expressions import UNKNOWN, Expr, alike, value


@dataclass(eq=False)
class Spot:
    """One place of the grown tree.

    ``origin`` says where the node was read; for a node that growth made without one, where the node that it
    is modelled on was.
    """

    node: Tree
    origin: Origin | None = None
    children: list[Spot] = field(default_factory=list)
    shortcut: list[Spot] = field(default_factory=list)

    @property
    def statement(self) -> syntax.Stmt | None:
        """The statement that the node was read from."""
        return self.origin.statement if self.origin is not None else None


def spots(nodes: tuple[Tree, ...], models: Mapping[str, Tree]) -> list[Spot]:
    """The places of ``nodes`` and of all that is inside them; ``models`` are the old nodes by name."""
    found = []
    for node in nodes:
        model = models.get(node.like) if node.origin is None and node.like is not None else None
        origin = model.origin if model is not None else node.origin
        if isinstance(node, Scope):
            if node.kind == "block" and origin is None and node.sources is None:
                # Not a call that anyone wrote: its content is written in braces.
                node = replace(node, kind="group", block_name=None)
            found.append(Spot(node, origin, spots(node.children, models), spots(node.shortcut, models)))
        else:
            found.append(Spot(node, origin))
    return found


def old_nodes(old: Network) -> dict[str, Tree]:
    """The nodes of the network before growth, by the names that ``like`` uses."""
    return {node.old or name: node for name, node in walk(old)}


def below(places: list[Spot]) -> Iterator[Spot]:
    """All places, in the order of the text."""
    for spot in places:
        yield spot
        yield from below(spot.children)
        yield from below(spot.shortcut)


Definition = syntax.Block | syntax.Model


@dataclass(eq=False)
class Reading:
    """One reading of a definition's body: a call of a block, or the model.

    ``before`` holds the parameters' values before growth; ``given`` names those that do not come from a
    default.  ``chosen`` holds the values that growth gives to parameters, old and new.
    """

    definition: Definition
    body: list[Spot]
    before: dict[str, Any]
    given: frozenset[str]
    call: syntax.Apply | None = None
    chosen: dict[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Values after growth that are known beforehand: lists with an entry per layer."""
    wanted: dict[str, Any] = field(default_factory=dict)
    """The values of the parameters that the rewritten body depends on."""
    _values: dict[str, Any] | None = None

    def choose(self, name: str, chosen: Any) -> None:
        self.chosen[name] = chosen
        self._values = None

    def reset(self) -> None:
        """Forget what was decided."""
        self.chosen, self.wanted, self._values = dict(self.fixed), {}, None

    def rewritten(self, definition: Definition) -> None:
        """Go on with the definition as it is written now."""
        self.definition, self._values = definition, None

    def was_special(self, param: syntax.Param) -> bool:
        """Whether the parameter had, before growth, another value than its default."""
        default = UNKNOWN if param.default is None else value(param.default, self.before)
        return default is UNKNOWN or not alike(default, self.before.get(param.name, UNKNOWN))

    def holds(self, param: syntax.Param) -> bool:
        """Whether the parameter may be left out of the call: its default has the wanted value, or any will do."""
        if param.name not in self.wanted:
            return param.default is not None
        default = UNKNOWN if param.default is None else value(param.default, self.values())
        return default is not UNKNOWN and alike(default, self.wanted[param.name])

    def values(self) -> dict[str, Any]:
        """The parameters' values after growth, as far as they are decided."""
        if self._values is None:
            self._values = {}
            for param in self.definition.params:
                self._values[param.name] = self._value(param, self._values)
        return self._values

    def _value(self, param: syntax.Param, earlier: dict[str, Any]) -> Any:
        if param.name in self.chosen:
            return self.chosen[param.name]
        if param.name not in self.given and param.default is not None:
            found = value(param.default, earlier)
            if found is not UNKNOWN:
                return found
        return self.before.get(param.name, UNKNOWN)


def written(argument: syntax.Argument) -> Expr:
    """The expression of an argument of a layer or block."""
    if isinstance(argument.value, syntax.Using):
        raise TypeError("a growth method is not an argument of a layer")
    return argument.value


def given_names(params: tuple[syntax.Param, ...], args: tuple[syntax.Argument, ...]) -> dict[str, syntax.Argument]:
    """The argument of a call for each parameter that it passes."""
    positional = [arg for arg in args if arg.name is None]
    found = {param.name: arg for param, arg in zip(params, positional)}
    found.update((arg.name, arg) for arg in args if arg.name is not None)
    return found


def model_reading(model: syntax.Model, network: Network, body: list[Spot]) -> Reading:
    """The reading of the model in ``network``, the one before growth, for a body of the one after.

    Parameters that differ from their defaults count as given.
    """
    before = dict(network.frame.values) or dict(network.parameters)
    given = set()
    for param in model.params:
        default = UNKNOWN if param.default is None else value(param.default, before)
        if default is UNKNOWN or not alike(default, before.get(param.name, default)):
            given.add(param.name)
    return Reading(model, body, before, frozenset(given))


def block_reading(block: syntax.Block, spot: Spot) -> Reading:
    """The reading of a block at a place where it is called."""
    call = spot.statement if isinstance(spot.statement, syntax.Apply) else None
    before = _frame_values(block, spot.children)
    if before is None:
        before = _call_values(block, spot, call)
    given = given_names(block.params, call.args) if call is not None else {param.name: None for param in block.params}
    return Reading(block, spot.children, before, frozenset(given), call)


def _frame_values(block: syntax.Block, places: list[Spot]) -> dict[str, Any] | None:
    """The values with which the body was read: those of a statement written directly in it."""
    for spot in places:
        origin = spot.origin
        if origin is not None and origin.environment.frame.definition is block:
            return dict(origin.environment.frame.values)
    return None


def _call_values(block: syntax.Block, spot: Spot, call: syntax.Apply | None) -> dict[str, Any]:
    """The values that the call gives, for a body that growth rewrote altogether."""
    values: dict[str, Any] = {}
    if call is None or spot.origin is None:
        return values
    names = spot.origin.environment.lookup()
    given = given_names(block.params, call.args)
    for param in block.params:
        if param.name in given:
            values[param.name] = value(written(given[param.name]), names)
        elif param.default is not None:
            values[param.name] = value(param.default, values)
    return values
