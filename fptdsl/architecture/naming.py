"""Names of an elaborated network: modules, and readable places for what is not a module.

A module's name is its keys and numbers joined by dots, as ``nn.Module`` has it.  What has neither gets
a place: the name around it and the operation (``layer1.0.relu``, then ``layer1.0.relu_2``), which is
never the name of a module.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from .tree import Input, Layer, Output, Reuse, Scope, Tree, segments

_JOINS = {"residual": "residual sum", "concat": "concatenation", "add": "sum of branches", "mul": "product of branches"}


@dataclass(frozen=True)
class Names:
    """Names by node.

    ``modules`` are the nodes that add a name of their own; ``places`` has all the others.  ``joins`` is the
    place where a residual's or parallel's branches meet.
    """

    modules: Mapping[Tree, str]
    places: Mapping[Tree, str]
    joins: Mapping[Scope, str]

    def of(self, node: Tree) -> str:
        return self.modules.get(node) or self.places[node]


def dotted(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def visit(children: tuple[Tree, ...], prefix: str = "", numbered: bool = False) -> Iterator[tuple[str, bool, Tree]]:
    """All nodes in the order of the text: the dotted name around or of it, whether it is its own, the node."""
    for segment, child in segments(numbered, children):
        own = segment is not None and isinstance(child, (Layer, Scope))
        name = dotted(prefix, segment) if own and segment is not None else prefix
        yield name, own, child
        if isinstance(child, Scope):
            yield from visit(child.children, name, child.numbered)
            yield from visit(child.shortcut, name)


def name_all(body: tuple[Tree, ...]) -> Names:
    """The name of every node, and no name twice among modules and places."""
    found = list(visit(body))
    modules = {node: name for name, own, node in found if own}
    fresh = _Fresh(modules.values())
    places: dict[Tree, str] = {}
    joins: dict[Scope, str] = {}
    for name, own, node in found:
        if not own:
            places[node] = fresh(name, _label(node))
        if isinstance(node, Scope) and node.kind in ("residual", "parallel"):
            label = _JOINS[node.mode or "residual"]
            joins[node] = fresh(f"{name} ({label})" if name else label)
    return Names(modules, places, joins)


def _label(node: Tree) -> str:
    if isinstance(node, Input):
        return node.name
    if isinstance(node, Output):
        return "output"
    if isinstance(node, Reuse):
        return f"{node.target} (again)"
    if isinstance(node, Scope):
        return node.block_name or node.kind
    return node.let or node.op


class _Fresh:
    """Gives out names that were not taken before: ``relu``, ``relu_2``, ``relu_3``."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._last: dict[str, int] = {}

    def __call__(self, prefix: str, label: str = "") -> str:
        base = dotted(prefix, label) if label else prefix
        name, number = base, self._last.get(base, 1)
        while name in self._taken:
            number += 1
            name = f"{base}_{number}"
        self._last[base] = number
        self._taken.add(name)
        return name
