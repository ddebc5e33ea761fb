"""Lists with one entry per layer that a ``config.json`` may have and does not: what they would hold.

A spec that reads such a list entry by entry (``at(layer_types, i)`` in a ``repeat ... as i``) and does without it
where it is none says which texts it may hold, by what it compares the entries with.  With the same text for all layers
the spec shows what each of them means for every layer; of these are the layers of the network as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from ...architecture.digest import same
from ...architecture.elaborate import elaborate
from ...architecture.tree import Layer, Network, Scope, Tree, walk
from ...diagnostics import FptError
from ...language import syntax
from ...language.document import Document


@dataclass(frozen=True)
class _Entries:
    """A parameter whose entries a ``repeat`` reads by its index, and the ``texts`` that they are compared with."""

    name: str
    repeat: syntax.Repeat
    texts: tuple[str, ...]


def untold_lists(document: Document, old: Network) -> dict[str, list[Any]]:
    """The lists that are none in ``old`` and with which the spec gives the very same network.

    Nothing where there are no such lists.
    """
    assert document.model is not None
    values = dict(old.frame.values)
    found: dict[str, list[Any]] = {}
    for entries in _read_by_entry(document.model):
        scope = _scope(old, entries.repeat)
        if values.get(entries.name, ...) is not None or scope is None or not scope.children:
            continue
        told = _told(document, values, entries, scope)
        if told is not None:
            found[entries.name] = told
    if not found or _difference(document, {**values, **found}, old) is not None:
        return {}
    return found


def _told(document: Document, values: Mapping[str, Any], entries: _Entries, scope: Scope) -> list[Any] | None:
    """For each layer the first text with which it is what it is without the list; None where one has no such text."""
    wanted = [_layers(child) for child in scope.children]
    told: list[Any] = [None] * len(wanted)
    for text in entries.texts:
        try:
            network = _elaborated(document, {**values, entries.name: [text] * len(wanted)})
        except FptError:
            continue
        found = _scope(network, entries.repeat)
        for place, child in enumerate(found.children if found is not None else ()):
            if place < len(told) and told[place] is None and _layers(child) == wanted[place]:
                told[place] = text
    return None if None in told else told


def _read_by_entry(model: syntax.Model) -> list[_Entries]:
    names = {param.name for param in model.params}
    found: dict[str, tuple[syntax.Repeat, list[str]]] = {}
    for repeat in (node for node in _nodes(model.body) if isinstance(node, syntax.Repeat) and node.index):
        for node in _nodes(repeat.body):
            if not isinstance(node, syntax.Binary) or node.op not in ("==", "!="):
                continue
            for entry, text in ((node.left, node.right), (node.right, node.left)):
                name = _list_of(entry, repeat.index)
                if name in names and isinstance(text, syntax.Literal_) and isinstance(text.value, str):
                    known = found.setdefault(name, (repeat, []))
                    if known[0] is repeat and text.value not in known[1]:
                        known[1].append(text.value)
    return [_Entries(name, repeat, tuple(texts)) for name, (repeat, texts) in found.items()]


def _list_of(entry: syntax.Expr, index: str | None) -> str:
    """The list's name in ``at(name, index)``; empty for another expression."""
    if not isinstance(entry, syntax.Call) or entry.function != "at" or len(entry.args) != 2:
        return ""
    source, place = entry.args
    if isinstance(source, syntax.Name) and isinstance(place, syntax.Name) and place.name == index:
        return source.name
    return ""


def _nodes(part: object) -> Iterator[object]:
    """All parts of a definition, from the outside in."""
    if isinstance(part, tuple):
        for each in part:
            yield from _nodes(each)
    elif isinstance(part, syntax.Node):
        yield part
        if is_dataclass(part):
            for inside in fields(part):
                if not inside.name.endswith("span"):
                    yield from _nodes(getattr(part, inside.name))


def _scope(network: Network, repeat: syntax.Repeat) -> Scope | None:
    """The elements that a ``repeat`` made."""
    for _, node in walk(network):
        if isinstance(node, Scope) and node.origin is not None and node.origin.statement is repeat:
            return node
    return None


def _layers(tree: Tree) -> list[tuple[object, ...]]:
    """What is inside an element, in the order of the text: enough to tell two readings of the same text apart."""
    if isinstance(tree, Scope):
        return [line for child in (*tree.children, *tree.shortcut) for line in _layers(child)]
    return [(tree.key, tree.op, tree.args)] if isinstance(tree, Layer) else [(tree.key,)]


def _elaborated(document: Document, values: Mapping[str, Any]) -> Network:
    return elaborate(replace(document, model_args=()), values)


def _difference(document: Document, values: Mapping[str, Any], old: Network) -> str | None:
    try:
        return same(_elaborated(document, values), old)
    except FptError as fault:
        return str(fault)
