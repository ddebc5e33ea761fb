"""A residual stream as it is written, normalised and read: what its rescaling asks of every tensor (T-7 to T-9).

The stream grows from ``h`` to ``H`` units and is ``k = sqrt(H/h)`` times the old one on the old units, so that
norms over it see the mean square that they saw, with eps unchanged.  New units are zero under RMSNorm (N-5) and
``k`` times the mean of the old ones under LayerNorm (N-6), which both normalise to zero.  What follows from it for
the tensors is a factor for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..architecture.graph import Graph, Node, Tensor, Value
from ..architecture.ops import OPERATIONS
from ..architecture.ops.shapes import axis_of
from ..architecture.terms import Space, resolve, spaces

NORMS = ("layernorm", "rmsnorm")
PASSING = frozenset({
    "identity", "dropout", "dropout2d", "stochastic_depth", "select", "permute", "transpose", "flatten", "narrow",
})  # fmt: skip
"""Operations that hand the units on as they are."""


class NoRescale(Exception):
    """Why the stream cannot be rescaled, in words for the user."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(eq=False)
class Flow:
    """A value that holds the units: the stream, a branch on its way into it, or what a norm gave.

    ``power``: factors of the width to this power (halved: of ``k`` to twice it) were multiplied in.  ``writers``
    are tensors whose factor is still open, ``norm`` the norm that the value comes from.
    """

    power: float = 0.0
    writers: tuple[Tensor, ...] = ()
    norm: Node | None = None


@dataclass(eq=False)
class Uses:
    """What reads the result of one norm: ordinary layers, tied heads, sums into the stream."""

    readers: list[tuple[Tensor, float]] = field(default_factory=list)
    tied: list[tuple[Tensor, float]] = field(default_factory=list)
    written: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Stream:
    """``powers``: for every tensor that holds the units the power of ``k`` that it is multiplied by."""

    kind: Literal["zero", "mean"]
    powers: dict[str, float]
    norms: frozenset[str]
    """Tensors of norms over the stream: their new entries are not those of a writer."""


def analyse(graph: Graph, space: Space) -> Stream:
    """The factors of every tensor that holds ``space``.  Raises NoRescale where the construction does not apply."""
    return _Analysis(graph, space).run()


class _Analysis:
    def __init__(self, graph: Graph, space: Space) -> None:
        self.graph, self.space = graph, space
        self.flows: dict[Value, Flow] = {}
        self.powers: dict[str, float] = {}
        self.uses: dict[Node, Uses] = {}
        self.raw: list[tuple[Tensor, str]] = []
        """Layers that read the stream itself, with no norm between."""

    def run(self) -> Stream:
        for node in self.graph.nodes:
            held = any(self._holds(value) for value in (*node.inputs, node.output))
            if held or any(self._axis(tensor) is not None for tensor in node.tensors.values()):
                self._node(node)
        kinds = {node.op for node in self.uses}
        if not kinds:
            raise NoRescale("no layer norm or RMSNorm stands over these units")
        if len(kinds) > 1:
            raise NoRescale("layer norms and RMSNorms over the same units need different new units")
        zero = kinds == {"rmsnorm"}
        for tensor, where in self.raw:
            if not zero:
                raise NoRescale(f"`{where}` reads the stream with no norm before it")
            self._set(tensor, -1.0, where)
        for node, uses in self.uses.items():
            self._norm(node, uses)
        norms = frozenset(t.name for node in self.uses for t in node.tensors.values())
        return Stream("zero" if zero else "mean", self.powers, norms)

    # --- nodes -------------------------------------------------------------------------------------

    def _node(self, node: Node) -> None:
        flows = [self.flows.get(value) for value in node.inputs]
        given = next((flow for flow in flows if flow is not None), None)
        roles = {role for tensor in node.tensors.values() for role in self._roles(tensor)}
        if node.op == "tied_linear":
            self._tied(node, given)
        elif node.op in NORMS and given is not None:
            if not normalised_over(node, self.space):
                raise NoRescale(f"`{node.name}` normalises over another axis")
            self._settle(node, given)
            self.uses.setdefault(node, Uses())
            if given.norm is not None:
                raise NoRescale(f"`{node.name}` normalises what a norm gave")
            self.flows[node.output] = Flow(norm=node)
        elif node.op == "add" or node.op == "concat":
            for flow in flows:
                if flow is not None:
                    self._settle(node, flow)
            if any(flow is None for flow in flows):
                raise NoRescale(f"`{node.name}` adds something that does not come from the stream's writers")
            self.flows[node.output] = Flow()
        elif node.op in ("class_token", "position_table", "shift") and given is not None:
            self._settle(node, given)
            self._set(node.tensors[""], 1.0, node.name)
            self.flows[node.output] = Flow()
        elif node.op == "multiply" and given is not None:
            power: float = node.args.width_power  # type: ignore[attr-defined]
            if power and not given.writers and given.norm is None:
                raise NoRescale(f"`{node.name}` multiplies the stream by a factor of its width")
            self.flows[node.output] = Flow(given.power + power, given.writers, given.norm)
        elif node.op in PASSING and given is not None:
            self.flows[node.output] = given
        elif roles and roles <= {"reads", "writes", "follows"} and OPERATIONS[node.op].has_parameters:
            self._layer(node, given)
        elif given is not None and given.norm is not None and not roles:
            raise NoRescale(
                f"`{node.name}` ({node.op}) computes with what `{given.norm.name}` gives for each unit, and makes of a "
                "new unit something that does not belong in the stream",
                f"widen to a multiple of {self.space.size}",
            )
        else:
            raise NoRescale(f"`{node.name}` ({node.op}) computes with these units before a norm does")

    def _layer(self, node: Node, given: Flow | None) -> None:
        """A layer that reads the units, writes them, or both."""
        reading = [t for t in node.tensors.values() if "reads" in self._roles(t)]
        writing = [t for t in node.tensors.values() if {"writes", "follows"} & set(self._roles(t))]
        for tensor in reading:
            if "writes" in self._roles(tensor):
                raise NoRescale(f"`{node.name}` reads and writes the same units")
            if given is None or given.norm is None:
                if given is not None:
                    self._settle(node, given)
                self.raw.append((tensor, node.name))
            else:
                self.uses[given.norm].readers.append((tensor, given.power))
        if writing:
            if not any("writes" in self._roles(t) for t in writing) or reading:
                raise NoRescale(
                    f"`{node.name}` ({node.op}) has values for each of these units alone, and what it makes of a new "
                    "unit does not belong in the stream"
                )
            self.flows[node.output] = Flow(writers=tuple(writing))

    def _tied(self, node: Node, given: Flow | None) -> None:
        if given is None or given.norm is None:
            raise NoRescale(
                f"the tied head `{node.name}` reads the stream without a final norm",
                "give the head a weight of its own, and copy the embedding into it",
            )
        self.uses[given.norm].tied.append((node.tensors["weight"], given.power))

    def _settle(self, node: Node, flow: Flow) -> None:
        """The value must be the stream's ``k`` times: what is open before it gets its factor."""
        if flow.norm is not None:
            if node.op in NORMS:
                raise NoRescale(f"`{node.name}` normalises what a norm gave")
            if flow.norm.op == "layernorm":
                raise NoRescale(
                    f"`{flow.norm.name}` is a post-norm LayerNorm, whose result is the stream: only integer multiples "
                    "of its units are exact",
                    f"widen to a multiple of {self.space.size}",
                )
            self.uses[flow.norm].written.append(node.name)
        for tensor in flow.writers:
            self._set(tensor, 1.0 - 2.0 * flow.power, node.name)

    # --- norms -------------------------------------------------------------------------------------

    def _norm(self, node: Node, uses: Uses) -> None:
        """The scale of what a norm gives, from what uses it, and with it its own tensors' and its readers'."""
        wanted = {1.0} if uses.written else set()
        wanted |= {-self.powers[tensor.name] - 2.0 * power for tensor, power in uses.tied}
        if len(wanted) > 1:
            raise NoRescale(f"the result of `{node.name}` is used in ways that need different scales")
        scaled = [t for t in node.tensors.values() if t.init in ("scale", "offset scale")]
        given = next(iter(wanted)) if wanted else (0.0 if scaled else 1.0)
        if not scaled and given != 1.0:
            raise NoRescale(f"`{node.name}` has no scale that could make up for the tied head")
        for tensor in node.tensors.values():
            self._set(tensor, given - 1.0 if tensor in scaled else given, node.name)
        for tensor, power in uses.readers:
            self._set(tensor, -given - 2.0 * power, node.name)

    # --- small things --------------------------------------------------------------------------------

    def _set(self, tensor: Tensor, power: float, where: str) -> None:
        if self.powers.setdefault(tensor.name, power) != power:
            raise NoRescale(f"`{tensor.name}` would have to be scaled in two ways (at `{where}`)")

    def _holds(self, value: Value) -> bool:
        found = [axis for axis in value.axes if self.space in set(spaces(axis))]
        if any(resolve(axis) is not self.space for axis in found):
            raise NoRescale(f"these units are split or joined with others at `{value.name}`")
        return bool(found)

    def _axis(self, tensor: Tensor) -> int | None:
        return next((place for place, axis in enumerate(tensor.axes) if self.space in set(spaces(axis))), None)

    def _roles(self, tensor: Tensor) -> Sequence[str]:
        return [role for axis, role in zip(tensor.axes, tensor.roles) if self.space in set(spaces(axis))]


def normalised_over(node: Node, space: Space) -> bool:
    """Whether a norm's axis is these units."""
    args: Any = node.args
    return resolve(node.inputs[0].axes[axis_of(OPERATIONS[node.op], args.dim, node.inputs[0])]) is space


def tied_norms(graph: Graph, space: Space) -> tuple[str, ...] | None:
    """The tensors of the norms and linear layers that only tied heads read; None where one reads anything else (T-8).

    Dividing them by the number of copies makes up for a head that sums over all copies with the embedding's weight.
    """
    readers: dict[Value, list[Node]] = {}
    for node in graph.nodes:
        for value in node.inputs:
            readers.setdefault(value, []).append(node)
    found: dict[str, None] = {}
    for head in graph.nodes:
        if head.op != "tied_linear" or resolve(head.inputs[0].axes[-1]) is not space:
            continue
        norm = head.inputs[0].producer
        alone = len(readers[head.inputs[0]]) == 1 and head.inputs[0] not in graph.outputs.values()
        known = norm is not None and (norm.op in NORMS or norm.op == "linear") and norm.reused is None
        if norm is None or not known or not norm.tensors or not alone:
            return None
        found.update((tensor.name, None) for tensor in norm.tensors.values())
    return tuple(found)
