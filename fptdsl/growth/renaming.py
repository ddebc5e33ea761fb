"""Values that are taken by name: whose readers go on to what is inserted behind them.

A statement takes the value of the one before it, so what is inserted behind a layer is read by what follows.
Where nothing takes the layer's value so, those who take it by its name are to take what is inserted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..architecture.tree import Layer, Output, Reuse, Scope, Tree


def taken_in_order(siblings: Sequence[Tree], position: int, above: Scope | None) -> bool:
    """Whether the value of a statement goes to the next one, or out of the braces as their last."""
    if position + 1 == len(siblings):
        return True
    following = siblings[position + 1]
    if above is not None and above.kind == "parallel":
        return True
    return not isinstance(following, Output) and getattr(following, "sources", None) is None


def named_readers(siblings: Sequence[Tree], position: int, names: frozenset[str]) -> list[Tree]:
    """The statements behind one that take its value by one of its names; empty where not all can be changed."""
    found: list[Tree] = []
    for node in _behind(siblings[position + 1 :]):
        if {node.key, node.let} & names:
            return []  # The name means something else from there on.
        if names & set(_taken(node)):
            if isinstance(node, Scope):
                return []
            found.append(node)
    return found


def _behind(nodes: Sequence[Tree]) -> Iterator[Tree]:
    """The statements and all inside their braces that see the same names."""
    for node in nodes:
        yield node
        if isinstance(node, Scope) and node.kind != "block":
            yield from _behind((*node.children, *node.shortcut))


def _taken(node: Tree) -> tuple[str, ...]:
    if isinstance(node, Output):
        return (node.value,)
    return getattr(node, "sources", None) or ()


def reading(node: Tree, names: frozenset[str], instead: str) -> Tree:
    """The statement with another value in place of one of these names."""
    if isinstance(node, Output):
        return replace(node, value=instead)
    assert isinstance(node, (Layer, Reuse))
    return replace(node, sources=tuple(instead if name in names else name for name in node.sources or ()))
