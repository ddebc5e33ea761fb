"""The units of a head over which queries and keys are multiplied and summed (T-6): which weights make which side.

No parameter stands between the two, so that new units are right only where one side is zero; the scores of the old
units are divided by ``sqrt(head_dim)`` where the operation does that, and it takes the new size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Any

from ..architecture.graph import Graph, Node, Value
from ..architecture.ops import OPERATIONS
from ..architecture.ops.shapes import axis_of
from ..architecture.terms import Cat, Space, Term, resolve, size, spaces

PASSING = ("identity", "dropout", "split_heads", "narrow")
"""Operations that hand the units on as they are."""
SIZES_ONLY = ("relative_position_bias",)
"""Operations that read how many positions there are, not the units."""

Place = tuple[str, int]
"""A tensor by name, and where in its axis of units a part begins: of queries, keys and values in one kernel."""


class NoDot(Exception):
    """Why the units cannot grow, in words for the user."""


@dataclass(frozen=True)
class Dot:
    """``keys`` and ``queries``: the parts of tensors that make each side; ``divided``: by the root of their number."""

    keys: frozenset[Place]
    queries: frozenset[Place]
    divided: bool

    def factor(self, old: int, new: int) -> float:
        """What queries are multiplied by, so that the scores of old units stay what they are."""
        return sqrt(new / old) if self.divided else 1.0


def analyse(graph: Graph, space: Space) -> Dot:
    """The sides of the products over ``space``.  Raises NoDot where something else is done with the units."""
    return _Analysis(graph, space).run()


class _Analysis:
    def __init__(self, graph: Graph, space: Space) -> None:
        self.graph, self.space = graph, space
        self.made: dict[Value, tuple[Node, int]] = {}
        """The layer that a value comes from, and where in its units the value begins."""
        self.sides: dict[Place, str] = {}
        self.divided: set[bool] = set()

    def run(self) -> Dot:
        for node in self.graph.nodes:
            if any(self._holds(value) for value in node.inputs) and node.op not in SIZES_ONLY:
                self._use(node)
            elif self._holds(node.output):
                if OPERATIONS[node.op].affine != "map":
                    raise NoDot(f"`{node.name}` ({node.op}) makes these units")
                self.made[node.output] = node, 0
        for tensor in self.graph.tensors.values():
            for axis in tensor.axes:
                for place in _places(axis, self.space):
                    if (tensor.name, place) not in self.sides:
                        raise NoDot(f"`{tensor.name}` holds these units, and not as queries or keys alone")
        if len(self.divided) > 1:
            raise NoDot("some scores are divided by the root of the number of these units, and others are not")
        keys = frozenset(place for place, side in self.sides.items() if side == "keys")
        return Dot(keys, frozenset(self.sides) - keys, self.divided == {True})

    def _holds(self, value: Value) -> bool:
        return any(leaf is self.space for axis in value.axes for leaf in spaces(axis))

    def _use(self, node: Node) -> None:
        args: Any = node.args
        if node.op == "attention":
            for side, value in zip(("queries", "keys", "values", "bias"), node.inputs):
                if self._holds(value):
                    self._side(node, value, side)
            self.divided.add(args.scale is None and args.scale_dim is None)
            return
        if node.op not in PASSING or self._read_by(node):
            raise NoDot(f"`{node.name}` ({node.op}) works on these units before queries meet keys")
        layer, begin = self.made[node.inputs[0]]
        if node.op == "narrow" and axis_of(OPERATIONS["narrow"], args.dim, node.inputs[0]) == len(node.output.axes) - 1:
            begin += args.start
        if self._holds(node.output):
            self.made[node.output] = layer, begin

    def _read_by(self, node: Node) -> bool:
        return bool(node.tensors) or node.inputs[0] not in self.made

    def _side(self, node: Node, value: Value, side: str) -> None:
        if side in ("values", "bias") or value not in self.made:
            raise NoDot(f"`{node.name}` takes these units as {side} too")
        layer, begin = self.made[value]
        for tensor in layer.tensors.values():
            if self.sides.setdefault((tensor.name, begin), side) != side:
                raise NoDot(f"`{tensor.name}` makes both queries and keys")


def _places(axis: Term, space: Space) -> Iterator[int]:
    """Where parts that hold the units begin in an axis."""
    begin = 0
    axis = resolve(axis)
    for part in axis.parts if isinstance(axis, Cat) else (axis,):
        if any(leaf is space for leaf in spaces(part)):
            yield begin
        begin += int(size(part))
