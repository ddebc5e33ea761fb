"""Lists of alike elements: what ``deepen`` adds elements to rather than siblings beside."""

from __future__ import annotations

from dataclasses import dataclass

from ..architecture.tree import Scope, Tree
from ..language import syntax


@dataclass(frozen=True, eq=False)
class Repeated:
    """A scope whose elements are alike, but for the first ``leading`` (0 or 1)."""

    scope: Scope
    leading: int = 0


def repeated(tree: Tree) -> Repeated | None:
    """The list that a region is: a ``repeat``, alone in its braces or not, or a ``sequential`` of alike blocks.

    Alike are the calls of one block, and the elements of a ``repeat`` without a key, which are children of the
    ``sequential``; one element of another kind may come before those (T5's first has the positions of all).
    """
    inner = _alone(tree)
    if not isinstance(inner, Scope):
        return None
    if inner.kind == "repeat" or _calls_of_one_block(inner):
        return Repeated(inner)
    leading = _before_repeat(inner)
    return Repeated(inner, leading) if leading is not None else None


def _alone(tree: Tree) -> Tree:
    """The ``repeat`` that is all there is in a block or group, else the tree itself."""
    inner = tree
    while isinstance(inner, Scope) and inner.kind in ("block", "group") and len(inner.children) == 1:
        inner = inner.children[0]
        if inner.key is not None:
            return tree
    return inner if isinstance(inner, Scope) and inner.kind == "repeat" else tree


def _calls_of_one_block(tree: Scope) -> bool:
    calls = [child for child in tree.children if isinstance(child, Scope) and child.kind == "block"]
    blocks = {child.block_name for child in calls}
    return tree.kind == "sequential" and len(blocks) == 1 and len(calls) == len(tree.children)


def _before_repeat(tree: Scope) -> int | None:
    """How many elements come before those of the only ``repeat`` in a ``sequential``; None for another scope."""
    statement = tree.origin.statement if tree.origin is not None else None
    if tree.kind != "sequential" or not isinstance(statement, syntax.Sequential) or len(statement.body) > 2:
        return None
    last = statement.body[-1] if statement.body else None
    if not isinstance(last, syntax.Repeat) or last.key is not None or last.let is not None:
        return None
    if not all(isinstance(child, Scope) and child.key is None for child in tree.children):
        return None
    own = [child.origin is not None and child.origin.statement is last.body for child in tree.children]
    leading = own.index(True) if True in own else len(own)
    return leading if leading <= 1 and all(own[leading:]) else None
