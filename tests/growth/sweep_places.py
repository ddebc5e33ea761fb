"""What the sweep asks of a network: every transform at every place, structurally identical places once.

Two nodes are alike when their operations, arguments and tensors are the same but for the numbers of units,
which only compare alike (fewer, as many or more than come in; one or several; all, some or one to a group),
and so is everything within :data:`STEPS` step of them along the values (Weisfeiler-Lehman refinement).
Two places are alike when the lists of their nodes are, and what holds them: one of them stands for all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass

from fptdsl.architecture.graph import Graph, Node, Region
from fptdsl.architecture.ops import OPERATIONS
from fptdsl.architecture.ops.fields import per_axis
from fptdsl.architecture.terms import Cat, Prod, Space, Term, resolve, spaces
from fptdsl.architecture.tree import Layer, Scope, Tree, walk
from fptdsl.growth.groups import Group, groups

STEPS = 1

WIDENING = (
    "", "netmorph(zero=out)", "netmorph(zero=in)", "net2net", "net2net(split=scalar)", "net2net(split=equal)",
    "net2net(split=projection)", "r2r", "r2r(transfer=true)",
)  # fmt: skip
DEEPENING = (
    "", "net2net", "zero", "netmorph", "netmorph(activation=paired)", "netmorph(factor=true)", "r2r",
)  # fmt: skip
WIDER = ("net2net", "netmorph", "r2r")
"""Methods of an inserted layer that is wider than what it reads (D-6)."""
CONTROL = "random_pad"
"""Does not keep the function: where its error is large, what grows there matters to the output."""


@dataclass(frozen=True)
class Ask:
    """One cell of the matrix: a directive, the transform that it is of, and how many places it stands for."""

    directive: str
    transform: str
    places: int


def asks(graph: Graph, every: bool = False) -> Iterator[Ask]:
    """All cells of a network; with ``every`` each place stands for itself alone."""
    labels: dict[Node, Hashable] = {node: node.name for node in graph.nodes} if every else _labels(graph)
    yield from _widening(graph, labels)
    yield from _deepening(graph, labels)
    yield from _new_forms(graph, labels)


def _widening(graph: Graph, labels: dict[Node, Hashable]) -> Iterator[Ask]:
    """One layer of every group of units, by five (two pairs or a triple and a pair) and to twice as many.

    The control doubles them: five units with random weights may all be dead behind a ReLU.
    """
    means = {space for event in graph.events if event.kind in ("mean", "groups") for space in spaces(event.term)}

    def alike(group: Group) -> Hashable:
        inside = set(spaces(group.term))
        holders = (
            (str(labels[node]), suffix, axis)
            for node in graph.nodes
            for suffix, tensor in node.tensors.items()
            for axis, term in enumerate(tensor.axes)
            if not inside.isdisjoint(spaces(term))
        )
        return _form(group.term), group.frozen, tuple(sorted(holders))

    for group, places in _distinct(groups(graph.nodes).values(), alike):
        free = isinstance(group.term, (Space, Cat)) and means.isdisjoint(spaces(group.term))
        for amount in ("5",) if free else ("5", "2x"):
            for using in WIDENING:
                text = f"widen {group.name} by {amount}" + _using(using)
                yield Ask(text, f"widen, {using or 'automatic'}", places)
        yield Ask(f"widen {group.name} by 2x{_using(CONTROL)}", f"widen, {CONTROL}", places)


def _deepening(graph: Graph, labels: dict[Node, Hashable]) -> Iterator[Ask]:
    holders = {name: name.rpartition(".")[0] for name in graph.regions}

    def alike(region: Region) -> Hashable:
        inside = tuple(labels[node] for node in graph.nodes[region.first : region.last])
        around = graph.regions.get(holders[region.name])
        tree = region.tree
        kind = (tree.kind, tree.block_name, len(tree.children)) if isinstance(tree, Scope) else tree.op  # type: ignore[union-attr]
        place = around.tree.kind if around is not None and isinstance(around.tree, Scope) else None
        return inside, kind, place, tree.key is None

    for region, places in _distinct(graph.regions.values(), alike):
        # What is no layer with a kernel is refused before a method is looked at.
        for using in (*DEEPENING, CONTROL) if isinstance(region.tree, Scope) or _is_map(region.tree) else ("",):
            yield Ask(f"deepen {region.name} by 1{_using(using)}", f"deepen, {using or 'automatic'}", places)
        if isinstance(region.tree, Layer) and _is_map(region.tree) and region.output is not None:
            # `to` counts the units of the new layer: those of a linear layer are on the last axis.
            shape = region.output.shape
            units = shape[-1] if region.tree.op == "linear" else shape[0]
            width = 2 * units if getattr(region.tree.args, "groups", 1) > 1 else units + 5
            for using in WIDER:
                yield Ask(f"deepen {region.name} by 1 to {width}{_using(using)}", f"deepen wider, {using}", places)


def _new_forms(graph: Graph, labels: dict[Node, Hashable]) -> Iterator[Ask]:
    """``enlarge`` at every convolution, ``branch`` at every layer with a kernel and at every identity skip."""
    maps = [n for n in graph.nodes if OPERATIONS[n.op].affine == "map" and n.keyed and n.reused is None]
    for node, places in _distinct(maps, labels.__getitem__):
        args = node.args
        if hasattr(args, "kernel_size"):
            old = per_axis(args.kernel_size, getattr(type(args), "dims", 2))
            for more in (2, 4):
                new = ", ".join(str(k + more) for k in old)
                size = f"({new})" if len(old) > 1 else new
                yield Ask(f"enlarge {node.name} kernel_size to {size}", f"enlarge by {more}", places)
        for count in (2, 3):
            yield Ask(f"branch {node.name} into {count}", f"branch into {count}", places)
    sums = {node.tree: node for node in graph.nodes if node.op == "add"}
    skips = {name: sums[tree] for name, tree in walk(graph.network) if _skips(tree) and name}
    for name, places in _distinct(skips, lambda name: labels[skips[name]]):
        for count in (2, 3):
            yield Ask(f"branch {name} into {count}", f"branch a skip into {count}", places)


def _skips(tree: Tree) -> bool:
    return isinstance(tree, Scope) and tree.kind == "residual" and not tree.shortcut


def _is_map(tree: Tree) -> bool:
    return isinstance(tree, Layer) and OPERATIONS[tree.op].affine == "map"


def _using(using: str) -> str:
    return f" using {using}" if using else ""


# --- which places are alike ------------------------------------------------------------------------


def _distinct(places: object, alike: Callable[..., Hashable]) -> Iterator[tuple]:  # type: ignore[type-arg]
    """The first of every kind of place, with how many there are."""
    found: dict[Hashable, list[object]] = defaultdict(list)
    for place in places:  # type: ignore[attr-defined]
        found[alike(place)].append(place)
    for same in found.values():
        yield same[0], len(same)


def _labels(graph: Graph) -> dict[Node, Hashable]:
    """A number for every node, equal for nodes that are alike."""
    readers: dict[int, list[Node]] = defaultdict(list)
    for node in graph.nodes:
        for value in node.inputs:
            readers[id(value)].append(node)
    outputs = {id(value) for value in graph.outputs.values()}
    labels: dict[Node, Hashable] = {node: _own(node, id(node.output) in outputs) for node in graph.nodes}
    for _ in range(STEPS):
        around = {
            node: (
                labels[node],
                tuple(labels[v.producer] if v.producer is not None else v.shape for v in node.inputs),
                tuple(sorted(str(labels[reader]) for reader in readers[id(node.output)])),
            )
            for node in graph.nodes
        }
        numbers: dict[Hashable, int] = {}
        labels = {node: numbers.setdefault(mark, len(numbers)) for node, mark in around.items()}
    return labels


def _own(node: Node, last: bool) -> Hashable:
    """What a node does, without the numbers of its units: only how they compare with what it reads."""
    args = {name: value for name, value in dict(node.args).items() if name not in node.sizes}
    groups = getattr(node.args, "groups", 1)
    reads = node.inputs[0].shape if node.inputs else ()
    writes = node.output.shape
    compared = tuple((a > b) - (a < b) for a, b in zip(reads, writes)), len(reads), len(writes)
    ones = tuple(n == 1 for n in writes)
    grouped = "depthwise" if groups == (reads or (0,))[0] and groups > 1 else groups > 1
    tensors = tuple((suffix, tensor.roles) for suffix, tensor in node.tensors.items())
    return node.op, str(args), compared, ones, grouped, tensors, node.keyed, node.reused is not None, last


def _form(term: Term, seen: dict[Space, int] | None = None) -> Hashable:
    """How a term is made of Spaces: which are frozen, single or the same."""
    term, seen = resolve(term), {} if seen is None else seen
    if isinstance(term, Space):
        return seen.setdefault(term, len(seen)), term.size == 1, term.frozen
    parts = term.factors if isinstance(term, Prod) else term.parts
    return type(term).__name__, tuple(_form(part, seen) for part in parts)
