"""Inserted units with the starts of their tensors: the identity that each of them begins as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..architecture.graph import Graph, Node, Value, key_of
from ..architecture.ops.dropout import DROPPING
from ..architecture.terms import Space, spaces
from ..diagnostics import Diagnostics
from .deepen import Unit
from .deepening import Deepening, asked_for, automatic
from .edit_tree import trees_of
from .facts import Facts, gather
from .identity import Identity, NoIdentity, Statistics, Surroundings, part_of
from .part import Part
from .plan import Exactness
from .recipe import Constant, Gathered, Source, Start


@dataclass(frozen=True, eq=False)
class Inserted:
    """A unit, its nodes in the graph, what its tensors start from, and its method.

    ``starts`` has every tensor of the unit.  ``final`` are those that are filled at their final shape,
    because the law does not bind them (everything behind a zeroed branch); the others are widened from
    their shape at the old widths.
    """

    unit: Unit
    nodes: tuple[Node, ...]
    starts: Mapping[str, Start]
    final: frozenset[str]
    identity: Identity
    method: Deepening
    exactness: Exactness


def solve_identities(
    units: list[Unit],
    old: Graph,
    middle: Graph,
    statistics: Statistics | None,
    diagnostics: Diagnostics,
    rewritten: Mapping[str, Start] | None = None,
) -> list[Inserted]:
    """Starts for every inserted unit; a fault where it cannot be the identity.

    ``rewritten``: what tensors of old layers in a new form start from, by their names in ``middle``.
    """
    if not units:
        return []
    keys = old_names(middle)
    forms = {keys[name]: start for name, start in (rewritten or {}).items() if name in keys}
    around = Surroundings({}, keys, _old_values(old, middle), statistics, _shapes(old), forms)
    facts = gather(middle)
    inserted: list[Inserted] = []
    faults: set[tuple[str, str]] = set()
    for unit in sorted(units, key=lambda u: _first(u, middle)):
        try:
            inserted.append(_solve(unit, middle, around, facts))
        except NoIdentity as reason:
            directive = unit.request.directive
            message = f"`{unit.target}` cannot be deepened: {reason}"
            if (message, unit.request.text) not in faults:
                code = "F322" if "changes the shape" in str(reason) else "F321"
                diagnostics.add(code, message, directive.span, hint=reason.hint)
            faults.add((message, unit.request.text))
    return inserted


def _shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    return {name: tensor.shape for name, tensor in graph.tensors.items()}


def _first(unit: Unit, graph: Graph) -> int:
    nodes = part_of(graph, trees_of(list(unit.nodes)))
    return nodes[0].order if nodes else 0


def old_names(graph: Graph) -> dict[str, str]:
    """The old key of every tensor of the graph that was there before growth."""
    keys: dict[str, str] = {}
    for node in graph.nodes:
        if node.tree is not None and node.tree.old is not None and node.reused is None:
            for suffix, tensor in node.tensors.items():
                keys[tensor.name] = key_of(node.tree.old, suffix)
    return keys


def _old_values(old: Graph, middle: Graph) -> dict[Node, str]:
    """The old name of what each node computes that was there before growth."""
    names = {(node.tree.old, node.op): node.name for node in old.nodes if node.tree is not None}
    found = {}
    for node in middle.nodes:
        name = names.get((node.tree.old, node.op)) if node.tree is not None and node.tree.old is not None else None
        if name is not None:
            found[node] = name
    return found


def _solve(unit: Unit, middle: Graph, around: Surroundings, facts: Mapping[Space, Facts]) -> Inserted:
    nodes = part_of(middle, trees_of(list(unit.nodes)))
    if not nodes:
        raise NoIdentity("it holds no operation")
    source, output = _entering(nodes), nodes[-1].output
    if source.shape != output.shape:
        raise NoIdentity(
            f"it changes the shape from {_shown(source.shape)} to {_shown(output.shape)}", "name a layer inside it"
        )
    asked = unit.request.method
    statistics = str(asked.mapping.get("bn", "auto")) if asked is not None else "auto"
    noise = float(asked.mapping.get("noise", 0.0)) if asked is not None else 0.0
    copied = bool(asked is not None and asked.name == "zero" and asked.mapping["copies"])
    part = Part(middle, nodes, source, output, around, facts, statistics, noise)
    method = asked_for(asked)
    identity = part.solve() if method is None else method.identity(part)
    method = method or automatic(bool(identity.zeroed))
    identity.copied = copied
    around.same_as[output] = around.same_as.get(source, source)
    starts, final = dict(identity.starts), set()
    twins = set(identity.twins)
    for node in nodes:
        for suffix, tensor in node.tensors.items():
            if node.reused is not None:
                continue
            free = tensor.name not in starts
            if free:
                starts[tensor.name] = part.copy(node, suffix) if copied else part.free(node, suffix)
            paired = tensor.init == "kernel" and any(s in twins for axis in tensor.axes for s in spaces(axis))
            start = starts[tensor.name]
            settled = (free and not isinstance(start, (Source, Gathered))) or isinstance(start, Constant)
            settled |= method.kinds == "baseline"
            if settled and not paired:
                final.add(tensor.name)
    dropout = any(node.op in DROPPING and node.args.p for node in nodes)  # type: ignore[attr-defined]
    for space in (*identity.twins, *(mirror.space for mirror in identity.mirrors)):
        # Masks of twins and of mirror images are independent.
        dropout |= space in facts and facts[space].first("dropout") is not None
    exactness = method.exactness(identity, dropout)
    return Inserted(unit, tuple(nodes), starts, frozenset(final), identity, method, exactness)


def _entering(nodes: list[Node]) -> Value:
    """The value that comes in: that of the first node."""
    return nodes[0].inputs[0]


def _shown(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
