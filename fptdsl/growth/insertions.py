"""Inserted units with the starts of their tensors: the identity that each of them begins as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..architecture.graph import Graph, Node, Value, key_of
from ..diagnostics import Diagnostics
from .deepen import Unit
from .edit_tree import trees_of
from .identity import Identity, NoIdentity, Solver, part_of
from .plan import Exactness
from .recipe import Constant, Fresh, Start


@dataclass(frozen=True, eq=False)
class Inserted:
    """A unit, its nodes in the graph, what its tensors start from, and the method's name.

    ``starts`` has every tensor of the unit.  ``final`` are those that are filled at their final shape,
    because the law does not bind them (everything behind a zeroed branch); the others are widened from
    their shape at the old widths.
    """

    unit: Unit
    nodes: tuple[Node, ...]
    starts: Mapping[str, Start]
    final: frozenset[str]
    identity: Identity
    method: str
    exactness: Exactness


METHODS = ("net2net", "zero")
"""Methods of deepening, in the words of ``using``."""


def solve_identities(units: list[Unit], old: Graph, middle: Graph, diagnostics: Diagnostics) -> list[Inserted]:
    """Starts for every inserted unit; a fault where it cannot be the identity."""
    old_keys = old_names(middle)
    same_as: dict[Value, Value] = {}
    inserted: list[Inserted] = []
    faults: set[tuple[str, str]] = set()
    for unit in sorted(units, key=lambda u: _first(u, middle)):
        try:
            inserted.append(_solve(unit, middle, same_as, old_keys))
        except NoIdentity as reason:
            directive = unit.request.directive
            message = f"`{unit.target}` cannot be deepened: {reason}"
            if (message, unit.request.text) not in faults:
                code = "F322" if "changes the shape" in str(reason) else "F321"
                diagnostics.add(code, message, directive.span, hint=reason.hint)
            faults.add((message, unit.request.text))
    return inserted


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


def _solve(unit: Unit, middle: Graph, same_as: dict[Value, Value], old_keys: Mapping[str, str]) -> Inserted:
    nodes = part_of(middle, trees_of(list(unit.nodes)))
    if not nodes:
        raise NoIdentity("it holds no operation")
    source, output = nodes[0].inputs[0], nodes[-1].output
    if source.shape != output.shape:
        raise NoIdentity(f"it changes the shape from {_shown(source.shape)} to {_shown(output.shape)}")
    asked = unit.request.method
    statistics = str(asked.mapping.get("bn", "auto")) if asked is not None else "auto"
    identity = Solver(source, nodes, same_as, old_keys, statistics).solve(output)
    same_as[output] = same_as.get(source, source)
    method = "zero" if identity.zeroed else "net2net"
    if asked is not None and asked.name not in METHODS:
        raise NoIdentity(
            f"`{asked.name}` is not available for deepening in this version",
            "`net2net` deepens layers and `zero` deepens residual blocks",
        )
    if asked is not None and asked.name != method:
        what = (
            "a residual block starts as the identity by a zero branch"
            if method == "zero"
            else ("there is no residual sum whose branch could be zero")
        )
        raise NoIdentity(f"`{asked.name}` does not apply here: {what}", f"use `{method}`")
    starts, final = dict(identity.starts), set()
    for node in nodes:
        for suffix, tensor in node.tensors.items():
            if node.reused is None and tensor.name not in starts:
                starts[tensor.name] = _free(node, suffix, old_keys, middle)
                final.add(tensor.name)
            elif isinstance(starts.get(tensor.name), Constant):
                final.add(tensor.name)
    dropout = any(node.op in ("dropout", "dropout2d", "stochastic_depth") for node in nodes) and not identity.zeroed
    exactness: Exactness = "eval-only" if identity.eval_only or dropout else "bitwise"
    return Inserted(unit, tuple(nodes), starts, frozenset(final), identity, method, exactness)


def _free(node: Node, suffix: str, old_keys: Mapping[str, str], middle: Graph) -> Start:
    """What the law leaves free: fresh kernels like those of the template, norms and slopes as torch makes them."""
    tensor = node.tensors[suffix]
    if tensor.init == "kernel":
        like = key_of(node.tree.like, suffix) if node.tree is not None and node.tree.like else None
        known = set(old_keys.values())
        return Fresh(tensor.shape, like if like in known else None)
    values = {"scale": 1.0, "variance": 1.0, "slope": 0.25}
    return Constant(values.get(tensor.init, 0.0), tensor.shape)


def _shown(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
