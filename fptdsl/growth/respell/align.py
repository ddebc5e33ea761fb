"""Which node of the grown tree came from which statement, and what was put between the statements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeGuard

from ...architecture.tree import Input, Layer, Output, Reuse, Scope, Tree
from ...language import syntax
from .spots import Spot

_COMPOSITES: Mapping[type[syntax.Statement], str] = {
    syntax.Group: "group",
    syntax.Sequential: "sequential",
    syntax.Residual: "residual",
    syntax.Parallel: "parallel",
    syntax.Repeat: "repeat",
}


def fits(statement: syntax.Stmt | None, node: Tree) -> bool:
    """Whether ``statement`` with other numbers, keys and parts could be read as ``node``."""
    if isinstance(statement, syntax.Apply):
        if isinstance(node, Scope):
            return node.kind == "block" and node.block_name == statement.op
        return isinstance(node, Layer) and node.op == statement.op
    if isinstance(node, Scope):
        if _COMPOSITES.get(type(statement)) != node.kind:  # type: ignore[arg-type]
            return False
        return not isinstance(statement, syntax.Parallel) or statement.mode == node.mode
    if isinstance(node, Reuse):
        return isinstance(statement, syntax.Reuse) and statement.target == node.target
    if isinstance(node, Input):
        return (
            isinstance(statement, syntax.Input)
            and statement.name == node.name
            and statement.dtype == node.dtype
            and len(statement.dims) == len(node.dims)
        )
    if isinstance(node, Output):
        return isinstance(statement, syntax.Output) and (statement.name, statement.value) == (node.name, node.value)
    return False


def leaves(statement: syntax.Stmt) -> Iterator[syntax.Stmt]:
    """The statement itself, or those that an ``if`` may pick."""
    if isinstance(statement, syntax.If):
        for inner in (*statement.then, *(statement.otherwise or ())):
            yield from leaves(inner)
    else:
        yield statement


class Alignment:
    """The nodes of one reading of a body, by statement.

    ``owned[k]`` are the nodes of ``statements[k]``: one, but several for an ``if`` and for a ``repeat``
    without a key in a ``sequential``, whose elements are the sequential's own.  ``gaps[k]`` is what growth
    put after it, ``gaps[-1]`` before the first.
    """

    def __init__(self, statements: Sequence[syntax.Stmt], spots: Sequence[Spot], sequential: bool) -> None:
        self.owned: dict[int, list[Spot]] = {}
        self.gaps: dict[int, list[Spot]] = {}
        owner: dict[int, int] = {}
        several: set[int] = set()
        for k, statement in enumerate(statements):
            for leaf in leaves(statement):
                if sequential and spliced(leaf):
                    several.add(id(leaf.body))
                    leaf = leaf.body
                owner[id(leaf)] = k
        first = _realisations(owner, spots)
        current = -1
        waiting: list[Spot] = []
        for spot in spots:
            k = owner.get(id(spot.statement), -1)
            own = id(spot.statement) in several or first.get(id(spot.statement)) is spot
            if own and k >= max(current, 0):
                if k == current:
                    # What stands between the nodes of one statement belongs to it.
                    self.owned[k].extend(waiting)
                elif waiting:
                    self.gaps.setdefault(current, []).extend(waiting)
                waiting = []
                self.owned.setdefault(k, []).append(spot)
                current = k
            elif k == current and k >= 0 and isinstance(statements[k], syntax.If):
                self.owned[k].extend((*waiting, spot))
                waiting = []
            else:
                waiting.append(spot)
        if waiting:
            self.gaps.setdefault(current, []).extend(waiting)


def spliced(statement: syntax.Stmt) -> TypeGuard[syntax.Repeat]:
    """Whether the elements of a ``repeat`` are, in a ``sequential``, children of that."""
    return isinstance(statement, syntax.Repeat) and statement.key is None and statement.let is None


def _realisations(owner: Mapping[int, int], spots: Sequence[Spot]) -> dict[int, Spot]:
    """The node of each statement: the one that was there before growth, else one with its key, else the first."""
    chosen: dict[int, tuple[int, Spot]] = {}
    for spot in spots:
        statement = spot.statement
        if statement is None or id(statement) not in owner or not fits(statement, spot.node):
            continue
        rank = 0 if spot.node.old is not None else 1 if spot.node.key == statement.key else 2
        if id(statement) not in chosen or rank < chosen[id(statement)][0]:
            chosen[id(statement)] = (rank, spot)
    return {key: spot for key, (_, spot) in chosen.items()}
