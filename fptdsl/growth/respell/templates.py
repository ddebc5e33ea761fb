"""Statements for what growth inserted: those of the nodes that it is modelled on, or new ones."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from ...architecture.tree import Layer, Network, Scope, walk
from ...language import syntax
from .align import fits
from .plain import plain
from .spots import Spot


class Templates:
    """Looks up the statement that an inserted node is modelled on."""

    def __init__(self, old: Network) -> None:
        self._old = {node.old or name: node for name, node in walk(old)}

    def statement(self, spot: Spot, local: set[int]) -> tuple[syntax.Stmt, bool]:
        """A statement for the node, and whether the user wrote it (in the definition at hand: ``local``)."""
        node = spot.node
        model = self._old.get(node.like) if node.like is not None else None
        for statement in (spot.statement, model.origin.statement if model is not None and model.origin else None):
            if statement is not None and id(statement) in local and fits(statement, node):
                return dressed(statement, spot), True
        if isinstance(node, Scope) and node.kind == "block" and node.block_name is not None:
            return syntax.Apply(node.block_name, (), node.sources, key=node.key, let=node.let), True
        return plain(node), False


def dressed(statement: syntax.Stmt, spot: Spot) -> syntax.Stmt:
    """The statement with the key, name and sources of the node; the very same object where they agree."""
    node = spot.node
    changes: dict[str, object] = {"key": node.key, "let": node.let}
    if hasattr(statement, "sources"):
        changes["sources"] = getattr(node, "sources", None)
    if all(getattr(statement, name) == wanted for name, wanted in changes.items()):
        return statement
    return replace(statement, **changes)  # type: ignore[arg-type]


def look(spot: Spot) -> Hashable:
    """What two realisations of one statement must share to be one text: key, name, sources."""
    node = spot.node
    return (node.key, node.let, getattr(node, "sources", None))


def outline(spot: Spot) -> Hashable:
    """The structure of an inserted node without its numbers."""
    node = spot.node
    inside = (tuple(map(outline, spot.children)), tuple(map(outline, spot.shortcut)))
    if isinstance(node, Layer):
        return (look(spot), node.op, inside)
    if isinstance(node, Scope):
        return (look(spot), node.kind, node.block_name, node.mode, inside)
    return (look(spot), plain(node), inside)
