"""Statements for what growth inserted: those of the nodes that it is modelled on, or new ones."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace

from ...architecture.tree import Layer, Scope, Tree
from ...language import syntax
from .align import fits
from .plain import plain
from .spots import Spot


class Templates:
    """Looks up the statement that an inserted node is modelled on."""

    def __init__(self, models: Mapping[str, Tree]) -> None:
        self._models = models

    def statement(self, spot: Spot, local: set[int]) -> tuple[syntax.Stmt, bool]:
        """A statement for the node, and whether its parts are to be put in their places.

        ``local`` are the statements of the definition at hand: those of others use other names.
        """
        node = spot.node
        model = self._models.get(node.like) if node.like is not None else None
        for statement in (spot.statement, model.origin.statement if model is not None and model.origin else None):
            if statement is not None and id(statement) in local and fits(statement, node):
                return dressed(statement, spot), True
        if isinstance(node, Scope) and node.kind == "block" and node.block_name is not None:
            return syntax.Apply(node.block_name, (), node.sources, key=node.key, let=node.let), True
        return empty(node), isinstance(node, Scope) and node.kind != "repeat"


def empty(node: Tree) -> syntax.Stmt:
    """The node as a statement of its own; a composite without what is inside, for that to be filled in."""
    if not isinstance(node, Scope) or node.kind == "repeat":
        return plain(node)
    if node.kind == "sequential":
        return syntax.Sequential((), key=node.key, let=node.let)
    if node.kind == "residual":
        return syntax.Residual((), key=node.key, let=node.let)
    if node.kind == "parallel":
        return syntax.Parallel(node.mode or "concat", (), key=node.key, let=node.let)
    return syntax.Group((), key=node.key, let=node.let)


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
