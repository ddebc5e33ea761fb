"""An excerpt of two networks: a few of their blocks, for models that are too large to be evaluated whole.

The certificate looks at every tensor of both files; beside it the numerical check needs no more than each kind
of block once.  A block leaves the networks when what enters and leaves it is one and the same stream, by leaving
its place to what goes round it.  That holds in both networks alike: a growth that keeps the function of every
block keeps that of the excerpt, and the excerpts are evaluated from the same two files.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..architecture.graph import Graph, Node, Region, Value
from ..architecture.terms import resolve
from ..growth.plan import Plan
from ..growth.recipe import Constant, Cycle, Dirac, Fresh, IdentityNorm, Source
from .verdict import Scope

OF_ITSELF = (Constant, Cycle, Dirac, Fresh, IdentityNorm, Source)
"""Starts of tensors that take the place of no old tensor."""


@dataclass(frozen=True)
class Excerpt:
    """The two networks without most of their blocks; all tensors are still declared."""

    old: Graph
    new: Graph
    scope: Scope


def excerpt(plan: Plan) -> Excerpt | None:
    """Both networks with one block of every kind; None where no block can be left out.

    A kind: the operations and the shapes of the tensors, old and new.  Blocks that the growth inserted
    are kinds of their own.
    """
    old, new = _blocks(plan.old), _blocks(plan.new)
    pairs = _pairs(plan, old, new)
    kept: dict[Hashable, str] = {}
    for name, before in pairs.items():
        kind = _kind(plan.new, new[name]), None if before is None else _kind(plan.old, old[before])
        kept.setdefault(kind, name)
    gone = [name for name in pairs if name not in kept.values()]
    if not gone:
        return None
    left = [old[before] for before in map(pairs.__getitem__, gone) if before is not None]
    scope = Scope(tuple(name for name in new if name not in gone), len(new))
    return Excerpt(without(plan.old, left), without(plan.new, [new[name] for name in gone]), scope)


def without(graph: Graph, blocks: Sequence[Region]) -> Graph:
    """The graph with each block replaced by what enters it."""
    gone = {order for block in blocks for order in range(block.first, block.last)}
    round_it = {block.output: block.input for block in blocks}

    def past(value: Value) -> Value:
        while (before := round_it.get(value)) is not None:
            value = before
        return value

    nodes = [
        replace(node, inputs=tuple(map(past, node.inputs))) if any(v in round_it for v in node.inputs) else node
        for order, node in enumerate(graph.nodes)
        if order not in gone
    ]
    outputs = {name: past(value) for name, value in graph.outputs.items()}
    return replace(graph, nodes=nodes, outputs=outputs)


def _blocks(graph: Graph) -> dict[str, Region]:
    """The numbered elements that a network can do without, the outermost only."""
    readers: dict[Value, list[int]] = {}
    users: dict[str, list[int]] = {}
    for order, node in enumerate(graph.nodes):
        for value in node.inputs:
            readers.setdefault(value, []).append(order)
        for tensor in node.tensors.values():
            users.setdefault(tensor.name, []).append(order)
    leaving = set(graph.outputs.values())
    found: dict[str, Region] = {}
    inside = range(0)
    for region in sorted(graph.regions.values(), key=lambda region: (region.first, -region.last)):
        numbered = region.name.rpartition(".")[2].isdigit() and region.first not in inside
        if numbered and _passes(region) and _closed(graph, region, readers, users, leaving):
            found[region.name] = region
            inside = range(region.first, region.last)
    return found


def _passes(region: Region) -> bool:
    """Whether what leaves is of the same units as what enters."""
    given, made = region.input, region.output
    if given is None or made is None or given is made or given.dtype != made.dtype:
        return False
    return [resolve(axis) for axis in given.axes] == [resolve(axis) for axis in made.axes]


def _closed(
    graph: Graph,
    region: Region,
    readers: Mapping[Value, Sequence[int]],
    users: Mapping[str, Sequence[int]],
    leaving: Iterable[Value],
) -> bool:
    """Whether the rest of the network uses nothing of the block but what leaves it."""
    own = range(region.first, region.last)

    def elsewhere(orders: Sequence[int]) -> bool:
        return any(order not in own for order in orders)

    for node in graph.nodes[region.first : region.last]:
        if any(elsewhere(users[tensor.name]) for tensor in node.tensors.values()):
            return False
        inner = node.output is not region.output
        if inner and (node.output in leaving or elsewhere(readers.get(node.output, ()))):
            return False
    return True


def _pairs(plan: Plan, old: Mapping[str, Region], new: Mapping[str, Region]) -> dict[str, str | None]:
    """Each block of the grown network that can be left out -> the old one that goes with it, None for a new one."""
    home = {
        tensor.name: name
        for name, region in old.items()
        for node in plan.old.nodes[region.first : region.last]
        for tensor in node.tensors.values()
    }
    planned = {tensor.name: tensor for tensor in plan.tensors}
    found: dict[str, str | None] = {}
    for name, region in new.items():
        inside = [t.name for node in plan.new.nodes[region.first : region.last] for t in node.tensors.values()]
        sources = {source for t in inside if (source := planned[t].source) is not None}
        homes = {home.get(source) for source in sources}
        if len(homes) == 1 and None not in homes:
            found[name] = homes.pop()
        elif inside and not sources and all(_of_itself(planned[t].recipe) for t in inside):
            found[name] = None
    used = [before for before in found.values() if before is not None]
    return {name: before for name, before in found.items() if before is None or used.count(before) == 1}


def _of_itself(recipe: object) -> bool:
    return isinstance(getattr(recipe, "start", None), OF_ITSELF)


def _kind(graph: Graph, region: Region) -> Hashable:
    return tuple(map(_signature, graph.nodes[region.first : region.last]))


def _signature(node: Node) -> Hashable:
    shapes = tuple(tensor.shape for tensor in node.tensors.values())
    return node.op, repr(node.args), shapes
