"""Units that RMSNorms normalise together and that are used one by one behind them (N-5): which weights make them.

``m`` copies of a unit, each ``s = sqrt(H / (h m))`` times it, keep the mean square that the norms see, and gains
divided by ``s`` give the unit itself again: what comes behind reads copies.  So it is where one norm stands over all
queries and one over all keys of a layer, whose heads are used one by one; the values of these heads are no multiples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..architecture.graph import Graph, Node, Value
from ..architecture.ops import OPERATIONS
from ..architecture.ops.shapes import axis_of
from ..architecture.terms import Cat, Space, resolve, size, spaces
from .dots import Place
from .stream import NORMS, NoRescale

PASSING = ("identity", "dropout", "narrow")
"""Operations between a layer and its norm that hand the units on as they are."""


@dataclass(frozen=True)
class Normed:
    """``made``: the parts of tensors that make what the norms read; ``gains``: the tensors of the norms."""

    made: frozenset[Place]
    gains: frozenset[str]


def analyse(graph: Graph, space: Space) -> Normed:
    """What makes and normalises ``space``.  Raises NoRescale where scaled copies of its units are not right."""
    return _Analysis(graph, space).run()


class _Analysis:
    def __init__(self, graph: Graph, space: Space) -> None:
        self.graph, self.space = graph, space
        self.layers: dict[Value, tuple[Node, int]] = {}
        """What a layer made, with nothing but passing operations since: the layer, and where the value begins."""
        self.normed: list[Place] = []
        self.plain: list[tuple[Place, int, str]] = []
        """Parts that something else than a norm reads, to which unit, and where."""
        self.gains: set[str] = set()
        self.norms: set[str] = set()

    def run(self) -> Normed:
        for node in self.graph.nodes:
            if any(self._holds(value) for value in node.inputs):
                self._use(node)
            elif self._holds(node.output) and OPERATIONS[node.op].affine == "map":
                self.layers[node.output] = node, 0
        for value in self.graph.outputs.values():
            self._read(value, "the output")
        if not self.normed:
            raise NoRescale("no RMSNorm stands over these units")
        for tensor, begin in self.normed:
            for (other, start), stop, where in self.plain:
                if other == tensor and start <= begin < stop:
                    raise NoRescale(f"`{tensor}` makes what a norm reads and what {where} reads without one")
        for event in self.graph.events:
            if event.kind == "mean" and self.space in spaces(event.term) and event.where not in self.norms:
                raise NoRescale(f"`{event.where}` takes a mean over these units themselves")
        return Normed(frozenset(self.normed), frozenset(self.gains))

    def _use(self, node: Node) -> None:
        if node.op in NORMS and self._over(node):
            self._norm(node)
            return
        passing = node.op in PASSING and not node.tensors and node.inputs[0] in self.layers
        if not passing:
            for value in node.inputs:
                self._read(value, f"`{node.name}`")
            return
        layer, begin = self.layers[node.inputs[0]]
        args: Any = node.args
        if node.op == "narrow":
            cut = node.inputs[0].axes[axis_of(OPERATIONS["narrow"], args.dim, node.inputs[0])]
            begin += args.start if self.space in spaces(cut) else 0
        if self._holds(node.output):
            self.layers[node.output] = layer, begin

    def _norm(self, node: Node) -> None:
        value = node.inputs[0]
        if node.op == "layernorm":
            raise NoRescale(
                f"`{node.name}` is a layer norm, and multiples of its units that differ move its mean",
                f"widen to a multiple of {self.space.size}",
            )
        if isinstance(self._axis(node), Cat):
            raise NoRescale(f"`{node.name}` normalises these units together with others")
        if value not in self.layers:
            raise NoRescale(
                f"`{node.name}` normalises what is computed of these units, not what a layer makes of others"
            )
        if not node.tensors:
            raise NoRescale(f"`{node.name}` has no scale that could undo the multiples of the units")
        layer, begin = self.layers[value]
        self.normed.extend((tensor.name, begin) for tensor in layer.tensors.values())
        self.norms.add(node.name)
        self.gains.update(tensor.name for tensor in node.tensors.values())

    def _read(self, value: Value, where: str) -> None:
        """Note that something else than a norm reads what a layer made."""
        if value in self.layers:
            layer, begin = self.layers[value]
            units = next(axis for axis in value.axes if self.space in spaces(axis))
            self.plain.extend(((t.name, begin), begin + size(units), where) for t in layer.tensors.values())

    def _over(self, node: Node) -> bool:
        return self.space in spaces(self._axis(node))

    def _axis(self, node: Node) -> Any:
        """The axis that a norm takes its mean over."""
        args: Any = node.args
        return resolve(node.inputs[0].axes[axis_of(OPERATIONS[node.op], args.dim, node.inputs[0])])

    def _holds(self, value: Value) -> bool:
        return any(self.space in spaces(axis) for axis in value.axes)
