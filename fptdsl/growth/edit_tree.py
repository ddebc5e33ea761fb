"""Edits of an elaborated tree: every edit makes a new tree and leaves the old one alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..architecture.tree import Environment, Frame, Layer, Network, Origin, Scope, Tree, walk


@dataclass
class Insertions:
    """New nodes by the node after or ``before`` which they go (by id).

    ``first`` go before the first child of a scope, ``shortcut`` to the end of a residual's shortcut.
    """

    after: dict[int, list[Tree]] = field(default_factory=dict)
    before: dict[int, list[Tree]] = field(default_factory=dict)
    first: dict[int, list[Tree]] = field(default_factory=dict)
    shortcut: dict[int, list[Tree]] = field(default_factory=dict)

    def add(self, node: Tree, new: list[Tree]) -> None:
        self.after.setdefault(id(node), []).extend(new)


def insert(network: Network, insertions: Insertions) -> Network:
    """The network with the new nodes at their places; itself where there are none."""

    def children(nodes: tuple[Tree, ...]) -> tuple[Tree, ...]:
        result: list[Tree] = []
        for node in nodes:
            result.extend(insertions.before.get(id(node), ()))
            result.append(visit(node))
            result.extend(insertions.after.get(id(node), ()))
        return tuple(result)

    def around(node: Tree) -> tuple[Sequence[Tree], Sequence[Tree]]:
        return insertions.before.get(id(node), ()), insertions.after.get(id(node), ())

    def visit(node: Tree) -> Tree:
        if not isinstance(node, Scope):
            return node
        first = tuple(insertions.first.get(id(node), ()))
        if node.kind == "parallel":
            inside = tuple(_branch(visit(child), around(child)) for child in node.children)
        else:
            inside = children(node.children)
        shortcut = (*children(node.shortcut), *insertions.shortcut.get(id(node), ()))
        if not first and _same(inside, node.children) and _same(shortcut, node.shortcut):
            return node
        return replace(node, children=(*first, *inside), shortcut=shortcut)

    body = children(network.body)
    return network if _same(body, network.body) else replace(network, body=body)


def _branch(child: Tree, new: tuple[Sequence[Tree], Sequence[Tree]]) -> Tree:
    """A branch is one child: what comes beside a layer in it goes into a group that adds no name."""
    before, after = new
    if not before and not after:
        return child
    return Scope(kind="group", children=(*before, child, *after), origin=child.origin)


def _same(left: tuple[Tree, ...], right: tuple[Tree, ...]) -> bool:
    return len(left) == len(right) and all(a is b for a, b in zip(left, right))


def set_arguments(network: Network, changes: Mapping[int, Mapping[str, Any]]) -> Network:
    """The network with other arguments at some layers (by id)."""
    layers = {id(node): node for _, node in walk(network) if isinstance(node, Layer) and id(node) in changes}
    return replace_nodes(
        network,
        {key: replace(old, args=type(old.args)(**{**dict(old.args), **changes[key]})) for key, old in layers.items()},
    )


def replace_nodes(network: Network, changed: Mapping[int, Tree], made: dict[int, Tree] | None = None) -> Network:
    """The network with other nodes in the places of some (by id).

    ``made`` takes the new nodes by the ids of the old ones, those around the changed ones included.
    """

    def visit(node: Tree) -> Tree:
        new = visited(node)
        if made is not None and new is not node:
            made[id(node)] = new
        return new

    def visited(node: Tree) -> Tree:
        if id(node) in changed:
            return changed[id(node)]
        if not isinstance(node, Scope):
            return node
        inside, shortcut = tuple(map(visit, node.children)), tuple(map(visit, node.shortcut))
        if _same(inside, node.children) and _same(shortcut, node.shortcut):
            return node
        return replace(node, children=inside, shortcut=shortcut)

    body = tuple(map(visit, network.body))
    return network if _same(body, network.body) else replace(network, body=body)


def clone(node: Tree, *, key: str | None = None, index: tuple[str, int] | None = None) -> Tree:
    """A new node like ``node``: ``like`` names what it is modelled on, ``key`` replaces the key at the top.

    ``index`` gives a loop index another value in the environments of all nodes inside.
    """

    top = node.origin.environment.frame if node.origin is not None else None
    frames: dict[int, Frame] = {}

    def environment(old: Environment) -> Environment:
        if old.frame is top:
            indices = tuple(index if index is not None and pair[0] == index[0] else pair for pair in old.indices)
            return Environment(old.frame, indices)
        if id(old.frame) not in frames:
            # A new element is a new call of the block: it has a frame of its own.
            caller = old.frame.caller
            frames[id(old.frame)] = replace(old.frame, caller=environment(caller) if caller is not None else None)
        return Environment(frames[id(old.frame)], old.indices)

    def visit(node: Tree) -> Tree:
        origin = node.origin
        if origin is not None:
            origin = Origin(origin.statement, environment(origin.environment))
        changed: dict[str, Any] = {"old": None, "like": node.old or node.like, "origin": origin}
        if isinstance(node, Scope):
            changed["children"] = tuple(map(visit, node.children))
            changed["shortcut"] = tuple(map(visit, node.shortcut))
        return replace(node, **changed)

    # A name that the old node gives to its value goes on to mean that one.
    new = replace(visit(node), let=None)
    return replace(new, key=key) if key is not None else new


def trees_of(nodes: list[Tree]) -> set[int]:
    """Ids of the nodes and of all inside them."""
    found: set[int] = set()
    pending = list(nodes)
    while pending:
        node = pending.pop()
        found.add(id(node))
        if isinstance(node, Scope):
            pending.extend((*node.children, *node.shortcut))
    return found


def parents(network: Network) -> dict[int, tuple[Scope | None, tuple[Tree, ...], int]]:
    """For every node (by id): its scope, the list of siblings that it is in, and its position there."""
    found: dict[int, tuple[Scope | None, tuple[Tree, ...], int]] = {}

    def visit(scope: Scope | None, nodes: tuple[Tree, ...]) -> None:
        for position, node in enumerate(nodes):
            found[id(node)] = (scope, nodes, position)
            if isinstance(node, Scope):
                visit(node, node.children)
                visit(node, node.shortcut)

    visit(None, network.body)
    return found


class Keys:
    """Which module names are taken, so that a new key is free wherever braces without a key stand."""

    def __init__(self, network: Network) -> None:
        self._name = {id(node): name for name, node in walk(network)}
        self._taken = set(self._name.values())
        # Names that statements read: a new key of such a name would take the place of the value meant.
        self._read = {"input"}
        for _, node in walk(network):
            self._read.update(name for name in (node.let, getattr(node, "value", None)) if isinstance(name, str))
            self._read.update(getattr(node, "sources", None) or ())

    def _dotted(self, beside: Tree, key: str) -> str:
        name = self._name[id(beside)]
        prefix = name.rpartition(".")[0] if beside.key is not None else name
        return f"{prefix}.{key}" if prefix else key

    def free(self, beside: Tree, key: str) -> bool:
        """Whether a sibling of ``beside`` (which has a key) may be called ``key``."""
        return key not in self._read and self._dotted(beside, key) not in self._taken

    def take(self, beside: Tree, key: str) -> None:
        self._taken.add(self._dotted(beside, key))
