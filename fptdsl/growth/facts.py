"""What is known of a Space that decides which methods are legal: its events and its tensors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from ..architecture.graph import Event, Graph, Role, Tensor
from ..architecture.terms import Prod, Space, Term, resolve, spaces
from .distribute import Sizes
from .leaks import leaks, products
from .normed import Normed
from .normed import analyse as analyse_norms
from .stream import NoRescale, Stream
from .stream import analyse as analyse_stream


@dataclass
class Facts:
    """Of one Space: the events on it, and the tensors that hold it with the role of the axis."""

    space: Space
    events: list[Event] = field(default_factory=list)
    tensors: list[tuple[Tensor, Role]] = field(default_factory=list)
    ops: set[str] = field(default_factory=set)
    """Operations that the units go through, by name."""
    grouped: bool = False
    """It counts the groups of a grouped convolution: each group reads its own units."""
    graph: Graph | None = None
    """Where the units are, for what is only known of the whole way that they take (``stream.py``)."""
    leak: Event | None = None
    """What makes something of units that start at zero before they are read (``leaks.py``)."""
    product: str | None = None
    """Where units that start at zero are multiplied with one another (``leaks.py``)."""
    sizes: Sizes | None = None
    """The new sizes of all Spaces, once they are settled."""

    def kinds(self) -> set[str]:
        return {event.kind for event in self.events}

    def first(self, *kinds: str) -> Event | None:
        return next((event for event in self.events if event.kind in kinds), None)

    def every(self, *kinds: str) -> list[Event]:
        return [event for event in self.events if event.kind in kinds]

    def first_pointwise(self, names: frozenset[str]) -> Event | None:
        """The first activation of one of these names that the units go through."""
        return next((event for event in self.events if event.kind == "pointwise" and event.detail in names), None)

    @cached_property
    def stream(self) -> Stream | NoRescale:
        """The residual stream that the units are, or why they are none that can be rescaled."""
        try:
            return analyse_stream(self._graph, self.space)
        except NoRescale as reason:
            return reason.with_traceback(None)

    @cached_property
    def normed(self) -> Normed | NoRescale:
        """The norms that see the units together while they are used one by one, or why there are none."""
        try:
            return analyse_norms(self._graph, self.space)
        except NoRescale as reason:
            return reason.with_traceback(None)

    @property
    def _graph(self) -> Graph:
        if self.graph is None:
            raise NoRescale("nothing is known of the way that these units take")
        return self.graph

    @property
    def readers(self) -> bool:
        return any(role == "reads" for _, role in self.tensors)


def gather(graph: Graph) -> dict[Space, Facts]:
    """The facts of every Space of the graph that can grow."""
    facts: dict[Space, Facts] = {}

    def of(term: Term) -> Iterable[Facts]:
        for leaf in dict.fromkeys(spaces(term)):
            yield facts.setdefault(leaf, Facts(leaf, graph=graph))

    counted = {space for node in graph.nodes if "groups" in node.sizes for space in spaces(node.sizes["groups"])}
    for event in graph.events:
        for fact in of(event.term):
            fact.events.append(event)
    for node in graph.nodes:
        for value in (*node.inputs, node.output):
            for axis in value.axes:
                for fact in of(axis):
                    fact.ops.add(node.op)
    for tensor in graph.tensors.values():
        for axis, role in zip(tensor.axes, tensor.roles):
            term = resolve(axis)
            for fact in of(term):
                fact.tensors.append((tensor, role))
                outer = set(spaces(term.factors[0])) if isinstance(term, Prod) else set()
                if role == "writes" and fact.space in outer & counted:
                    fact.grouped = True
    for space, event in leaks(graph).items():
        if space in facts:
            facts[space].leak = event
    for space, name in products(graph).items():
        if space in facts:
            facts[space].product = name
    return {space: fact for space, fact in facts.items() if space.frozen is None}
