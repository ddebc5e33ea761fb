"""Growing elaborated trees by hand, for tests of the grown spec."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fptdsl.architecture import elaborate
from fptdsl.architecture.digest import same
from fptdsl.architecture.tree import Layer, Network, Scope, Tree, segments
from fptdsl.growth.edit_tree import clone
from fptdsl.growth.respell import respell
from fptdsl.growth.respell.check import standalone
from fptdsl.language import parse
from fptdsl.language.document import Document


def document(text: str) -> Document:
    return standalone(parse(text, "test.fpt"))


def edited(network: Network, edit: Callable[[str, Tree], Tree]) -> Network:
    """The network with ``edit(name, node)`` in place of every node, from the inside out."""

    def visit(prefix: str, numbered: bool, children: tuple[Tree, ...]) -> tuple[Tree, ...]:
        result = []
        for segment, child in segments(numbered, children):
            name = prefix if segment is None else f"{prefix}.{segment}" if prefix else segment
            if isinstance(child, Scope):
                inside = visit(name, child.numbered, child.children)
                child = replace(child, children=inside, shortcut=visit(name, False, child.shortcut))
            result.append(edit(name, child))
        return tuple(result)

    return replace(network, body=visit("", False, network.body))


def with_args(network: Network, changes: Mapping[str, Mapping[str, Any]]) -> Network:
    """Other arguments for layers: ``{"layer1.0.conv1": {"out_channels": 24}}``.

    A layer without a name of its own is ``PLACE/op``.
    """
    used: set[str] = set()

    def edit(name: str, node: Tree) -> Tree:
        if not isinstance(node, Layer):
            return node
        for place in (name, f"{name}/{node.op}"):
            if place in changes:
                used.add(place)
                return replace(node, args=type(node.args)(**{**dict(node.args), **changes[place]}))
        return node

    result = edited(network, edit)
    assert used == set(changes), set(changes) - used
    return result


def with_elements(network: Network, place: str, positions: list[int], model: int = -1) -> Network:
    """New elements in a repeat or sequential, each before the old element with that number (or at the end)."""

    def edit(name: str, node: Tree) -> Tree:
        if name != place or not isinstance(node, Scope) or not node.numbered:
            return node
        children = list(node.children)
        for position in sorted(positions, reverse=True):
            children.insert(position, clone(node.children[model]))
        return replace(node, children=tuple(children))

    return edited(network, edit)


def with_siblings(network: Network, place: str, count: int, keys: list[str | None]) -> Network:
    """After the first ``count`` children of the composite at ``place`` a copy of them under other keys."""

    def edit(name: str, node: Tree) -> Tree:
        if not isinstance(node, Scope) or name != place:
            return node
        at = next((k for k, child in enumerate(node.children) if child.old and child.old.endswith("conv1")), None)
        if at is None:
            return node
        copies = [clone(child, key=key) for child, key in zip(node.children[at : at + count], keys)]
        return replace(node, children=(*node.children[: at + count], *copies, *node.children[at + count :]))

    return edited(network, edit)


def grown_text(text: str, grow: Callable[[Network], Network]) -> str:
    """The spec of the grown network, checked independently of the check inside."""
    spec = document(text)
    old = elaborate(spec)
    grown = grow(old)
    result = respell(spec, old, grown)
    assert same(elaborate(document(result)), grown) is None
    return result
