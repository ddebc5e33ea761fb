"""Groups: the axis terms that layers write, whose units can only grow together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..architecture.graph import Graph, Node, Region
from ..architecture.terms import Cat, Prod, Space, Term, cat, resolve, spaces


@dataclass
class Group:
    """An axis term that layers write: units that can only grow together with all its Spaces."""

    term: Term
    writers: list[Node] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.writers[0].name

    @property
    def frozen(self) -> str | None:
        """The reason why no unit can be added anywhere in the term."""
        leaves = list(spaces(self.term))
        return leaves[0].frozen if leaves and all(leaf.frozen for leaf in leaves) else None


def signature(term: Term) -> tuple[object, ...]:
    """Equal for terms made of the same Spaces in the same way."""
    term = resolve(term)
    if isinstance(term, Space):
        return (term.number,)
    children = term.factors if isinstance(term, Prod) else term.parts
    return (type(term).__name__, *map(signature, children))


def written(node: Node) -> Term | None:
    """The axis of units that a layer produces, None for one that writes no kernel.

    Of a recurrent layer the units of one gate: all gates hold the same.
    """
    for tensor in node.tensors.values():
        for axis, role in zip(tensor.axes, tensor.roles):
            if role == "writes":
                return _once(resolve(axis), node)
    return None


def _once(term: Term, node: Node) -> Term:
    """The stated size of which ``term`` is a repetition, else ``term``."""
    parts = top_parts(term)
    for stated in map(top_parts, node.sizes.values()):
        if len(stated) < len(parts) and stated * (len(parts) // len(stated)) == parts:
            return cat(stated)
    return term


def groups(nodes: Iterable[Node]) -> dict[tuple[object, ...], Group]:
    """The groups that the nodes write, by signature, in the order of the graph."""
    found: dict[tuple[object, ...], Group] = {}
    for node in nodes:
        term = written(node)
        if term is not None and node.reused is None:
            found.setdefault(signature(term), Group(term)).writers.append(node)
    return found


def inside(graph: Graph, region: Region | None) -> list[Node]:
    return graph.nodes if region is None else graph.nodes[region.first : region.last]


def top_parts(term: Term) -> tuple[Term, ...]:
    """The parts of a concatenation, or the term alone."""
    term = resolve(term)
    return term.parts if isinstance(term, Cat) else (term,)
