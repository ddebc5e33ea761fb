"""Lowering: from an elaborated network to the graph with an axis term on every axis.

Each step of the wiring is handed to its operation's declaration; residual sums and joined branches are
steps like any other.  This is the remapping inference of Net2Net (arXiv 1511.05641, section 2.3), as one
pass in the order of the text (``docs/maths.md`` section 3).
"""

from __future__ import annotations

from collections.abc import Mapping

from ..diagnostics import Span
from .collector import paused
from .faults import Faults
from .free import FreeSizes
from .graph import Event, Graph, Node, Region, Value
from .ops import OPERATIONS, OpFault
from .shapes import sum_fault
from .site import SharedSite, Site
from .state_order import state_order
from .terms import UNIT, Mismatch, Space, Term, freeze
from .tree import Input, Network, Scope
from .wiring import Step, Wiring, wire


def lower(network: Network, lengths: Mapping[str, int] | None = None) -> Graph:
    """The graph of a network.  Raises :class:`FptError` with every operation whose shapes do not fit.

    ``lengths`` are samples for free sizes, by name; the others are large enough for most networks.
    """
    faults = Faults()
    with paused():
        graph = lower_into(network, faults, lengths)
    faults.check()
    return graph


def lower_into(network: Network, faults: Faults, lengths: Mapping[str, int] | None = None) -> Graph:
    """Lower what can be lowered; faults are reported, and what depends on them is left out."""
    wiring = wire(network, faults)
    lowerer = _Lowerer(faults, FreeSizes(lengths))
    for name, (number, declared) in wiring.inputs.items():
        lowerer.values[number] = lowerer.input(name, declared)
    for order, step in enumerate(wiring.steps):
        lowerer.order.append(len(lowerer.nodes))
        lowerer.step(step, order)
    lowerer.order.append(len(lowerer.nodes))
    return lowerer.graph(network, wiring)


class _Lowerer:
    def __init__(self, faults: Faults, free: FreeSizes) -> None:
        self.faults = faults
        self.free = free
        self.values: dict[int, Value] = {}
        """By the wiring's number; what is at fault is missing."""
        self.nodes: list[Node] = []
        self.by_name: dict[str, Node] = {}
        self.events: list[Event] = []
        self.order: list[int] = []
        """For each step the number of nodes before it (a step at fault makes none)."""

    def input(self, name: str, declared: Input) -> Value:
        axes: list[Term] = []
        for position, dim in enumerate(declared.dims):
            size = self.free[dim] if isinstance(dim, str) else dim
            # The first axis holds channels or features, which stay units even when there is one.
            axes.append(UNIT if size == 1 and position > 0 else Space(size, name, -1, "model input"))
        return Value(tuple(axes), declared.dtype, name=name)

    def step(self, step: Step, order: int) -> None:
        if any(number not in self.values for number in step.inputs):
            return
        inputs = tuple(self.values[number] for number in step.inputs)
        unset = Value(())
        node = Node(step.name, step.op, step.args, inputs, unset, step.tree, step.keyed, order, reused=step.reused)
        try:
            output = self.run(node, step)
        except OpFault as fault:
            self.report(fault, node)
            return
        if any(output is value for value in inputs):
            output = Value(output.axes, output.dtype)
        output.producer, output.name = node, node.name
        node.output = output
        node.order = len(self.nodes)
        self.nodes.append(node)
        self.by_name[node.name] = node
        self.values[step.output] = output

    def run(self, node: Node, step: Step) -> Value:
        operation = OPERATIONS[step.op]
        if isinstance(step.tree, Scope) and step.tree.kind == "residual":
            sum_fault(node)
        site = Site(node, self.events, self.free)
        if step.reused is not None:
            first = self.by_name.get(step.reused)
            if first is None:
                # The first use is at fault and reported.
                raise OpFault("", "")
            site = SharedSite(node, first, self.events, self.free)
        try:
            return operation.lower(site, step.args, node.inputs)
        except Mismatch as clash:
            message = f"`{node.name}` joins an axis of {clash.left} with one of {clash.right}"
            raise OpFault("F241", message) from None

    def report(self, fault: OpFault, node: Node) -> None:
        if not fault.code:
            return
        span: Span | None = node.tree.origin.span if node.tree and node.tree.origin else None
        # The span shows the statement; the place says which of its copies it is.
        message = fault.message if fault.code in ("F240", "F241", "F242") else f"{fault.message} (at `{node.name}`)"
        self.faults.add(fault.code, message, span, hint=fault.hint)

    def graph(self, network: Network, wiring: Wiring) -> Graph:
        outputs: dict[str, Value] = {}
        for name, number in wiring.outputs.items():
            if number in self.values:
                outputs[name] = self.values[number]
                for axis in outputs[name].axes:
                    freeze(axis, "model output")
        regions: dict[str, Region] = {}
        for extent in wiring.extents:
            first, last = self.order[extent.first], self.order[extent.last]
            ends = self.values.get(extent.input), self.values.get(extent.output)
            regions.setdefault(extent.name, Region(extent.name, extent.tree, first, last, *ends))
        inputs = {name: self.values[number] for name, (number, _) in wiring.inputs.items()}
        return Graph(network, self.nodes, inputs, outputs, state_order(self.nodes), self.events, regions)
