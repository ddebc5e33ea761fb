"""The units of a head over which queries and keys are multiplied and summed (T-6): which weights make which side.

No parameter stands between the two, so that new units are right only where one side is zero; the scores of the old
units are divided by ``sqrt(head_dim)`` where the operation does that, and it takes the new size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

from ..architecture.graph import Graph, Node, Value
from ..architecture.ops import OPERATIONS
from ..architecture.ops.shapes import axis_of
from ..architecture.terms import Cat, Space, Term, resolve, size, spaces

NORMS = ("layernorm", "rmsnorm")
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
    """``keys`` and ``queries``: the parts of tensors that make each side; ``divided``: by the root of their number.

    ``last``: those of them behind which nothing takes the size of the units away, by side: what makes them, or the
    gains and shifts of their norm; none where that has no gains.
    """

    keys: frozenset[Place]
    queries: frozenset[Place]
    divided: bool
    last: Mapping[str, frozenset[Place]]

    def factor(self, old: int, new: int) -> float:
        """What queries are multiplied by, so that the scores of old units stay what they are."""
        return sqrt(new / old) if self.divided else 1.0


def analyse(graph: Graph, space: Space) -> Dot:
    """The sides of the products over ``space``.  Raises NoDot where something else is done with the units."""
    return _Analysis(graph, space).run()


@dataclass(frozen=True)
class _Made:
    """Where a value comes from: the layer, where in its units the value begins, the norms since."""

    layer: Node
    begin: int
    norms: tuple[Node, ...] = ()


class _Analysis:
    def __init__(self, graph: Graph, space: Space) -> None:
        self.graph, self.space = graph, space
        self.made: dict[Value, _Made] = {}
        self.sides: dict[Place, str] = {}
        self.last: dict[str, frozenset[Place]] = {}
        self.divided: set[bool] = set()

    def run(self) -> Dot:
        for node in self.graph.nodes:
            if any(self._holds(value) for value in node.inputs) and node.op not in SIZES_ONLY:
                self._use(node)
            elif self._holds(node.output):
                if OPERATIONS[node.op].affine != "map":
                    raise NoDot(f"`{node.name}` ({node.op}) makes these units")
                self.made[node.output] = _Made(node, 0)
        for tensor in self.graph.tensors.values():
            for axis in tensor.axes:
                for place in _places(axis, self.space):
                    if (tensor.name, place) not in self.sides:
                        raise NoDot(f"`{tensor.name}` holds these units, and not as queries or keys alone")
        if len(self.divided) > 1:
            raise NoDot("some scores are divided by the root of the number of these units, and others are not")
        keys = frozenset(place for place, side in self.sides.items() if side == "keys")
        return Dot(keys, frozenset(self.sides) - keys, self.divided == {True}, self.last)

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
        norm = node.op in NORMS and self._normalised(node)
        if node.inputs[0] not in self.made or not (norm or (node.op in PASSING and not node.tensors)):
            raise NoDot(f"`{node.name}` ({node.op}) works on these units before queries meet keys")
        made = self.made[node.inputs[0]]
        if norm:
            made = replace(made, norms=(*made.norms, node))
        if node.op == "narrow" and axis_of(OPERATIONS["narrow"], args.dim, node.inputs[0]) == len(node.output.axes) - 1:
            made = replace(made, begin=made.begin + args.start)
        if self._holds(node.output):
            self.made[node.output] = made

    def _normalised(self, node: Node) -> bool:
        args: Any = node.args
        return self.space in spaces(node.inputs[0].axes[axis_of(OPERATIONS[node.op], args.dim, node.inputs[0])])

    def _side(self, node: Node, value: Value, side: str) -> None:
        if side in ("values", "bias") or value not in self.made:
            raise NoDot(f"`{node.name}` takes these units as {side} too")
        made = self.made[value]
        places = [[(tensor.name, made.begin) for tensor in made.layer.tensors.values()]]
        places += [[(tensor.name, 0) for tensor in norm.tensors.values()] for norm in made.norms]
        for place in (place for of_one in places for place in of_one):
            if self.sides.setdefault(place, side) != side:
                raise NoDot(f"`{place[0]}` makes both queries and keys")
        before = self.last.get(side)
        if before is not None and bool(before) != bool(places[-1]):
            raise NoDot(f"some {side} are normalised without gains, and others are not")
        self.last[side] = (before or frozenset()) | frozenset(places[-1])


def _places(axis: Term, space: Space) -> Iterator[int]:
    """Where parts that hold the units begin in an axis."""
    begin = 0
    axis = resolve(axis)
    for part in axis.parts if isinstance(axis, Cat) else (axis,):
        if any(leaf is space for leaf in spaces(part)):
            yield begin
        begin += int(size(part))
