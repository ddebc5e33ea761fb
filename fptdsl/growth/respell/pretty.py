"""The whole grown spec as an edit of the user's definitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ...architecture.ops import OPERATIONS
from ...architecture.tree import Network, Scope
from ...language import syntax
from ...language.document import Document
from ..config.lists import grown_parameters
from .definitions import Context, rewrite, with_values
from .expressions import UNKNOWN
from .naming import Fresh
from .slots import Unspellable
from .spots import Reading, Spot, below, block_reading, model_reading, old_nodes, spots
from .templates import Templates


def pretty_file(document: Document, old: Network, grown: Network) -> syntax.File:
    """The user's definitions with the smallest changes that make them the grown network.

    Raises :class:`Unspellable` where the grown tree is not a change of them.
    """
    blocks, model = _read_and_rewritten(document, old, grown)
    if not isinstance(model.definition, syntax.Model):
        raise Unspellable
    return _file(document, blocks, model.definition)


def file_with(document: Document, values: Mapping[str, Any]) -> syntax.File:
    """The user's definitions as they are, and a model whose defaults give its parameters these ``values``."""
    assert document.model is not None
    blocks = {name: [block] for name, block in document.blocks.items()}
    return _file(document, blocks, with_values(document.model, values))


def model_values(document: Document, old: Network, grown: Network, *, follow: bool) -> dict[str, Any]:
    """The values of the model's own parameters with which it comes nearest to the grown network.

    With ``follow`` a parameter that has its default goes on following it when others change (``4 * width``), else
    each has its old value until something asks for another.  Raises :class:`Unspellable` as :func:`pretty_file` does.
    """
    _, model = _read_and_rewritten(document, old, grown, follow)
    values = model.values()
    assert document.model is not None
    return {param.name: values[param.name] for param in document.model.params if values[param.name] is not UNKNOWN}


def _read_and_rewritten(
    document: Document, old: Network, grown: Network, follow: bool = True
) -> tuple[dict[str, list[syntax.Block]], Reading]:
    """The rewritten blocks by their old names, and the reading of the rewritten model."""
    if document.model is None:
        raise Unspellable
    models = old_nodes(old)
    model = model_reading(document.model, old, spots(grown.body, models))
    if not follow:
        model.given = frozenset(param.name for param in document.model.params)
    model.fixed = grown_parameters(old.frame.values, old, grown)
    readings = _block_readings(document, model)
    names = Fresh({*OPERATIONS, *document.blocks})
    context = Context(Templates(models), {}, frozenset({*OPERATIONS, *document.blocks}))
    blocks: dict[str, list[syntax.Block]] = {}
    calls: dict[Spot, Reading] = {}
    context = replace(context, calls=calls)
    for name in _callees_first(document.blocks):
        block = document.blocks[name]
        mine = readings.get(name, {})
        blocks[name] = [block] if not mine else _rewritten(block, list(mine.values()), context, names)
        calls.update(mine)
    rewrite(document.model, [model], context)
    return blocks, model


def _rewritten(block: syntax.Block, readings: list[Reading], context: Context, names: Fresh) -> list[syntax.Block]:
    """The variants of a block, each under its own name."""
    variants = [variant for variant in rewrite(block, readings, context) if isinstance(variant, syntax.Block)]
    result = variants[:1]
    for variant in variants[1:]:
        renamed = replace(variant, name=names(variant.name))
        for reading in readings:
            if reading.definition is variant:
                reading.rewritten(renamed)
        result.append(renamed)
    return result


def _block_readings(document: Document, model: Reading) -> dict[str, dict[Spot, Reading]]:
    """Every call of a block in the grown tree, by the block's name."""
    found: dict[str, dict[Spot, Reading]] = {}
    for spot in below(model.body):
        node = spot.node
        if isinstance(node, Scope) and node.kind == "block":
            block = document.blocks.get(node.block_name or "")
            if block is None:
                raise Unspellable
            found.setdefault(block.name, {})[spot] = block_reading(block, spot)
    return found


def _callees_first(blocks: dict[str, syntax.Block]) -> Iterator[str]:
    """The names of the blocks so that each comes after those that it calls."""
    done: set[str] = set()

    def visit(name: str) -> Iterator[str]:
        if name in done:
            return
        done.add(name)
        for callee in called(blocks[name].body):
            if callee in blocks:
                yield from visit(callee)
        yield name

    for name in blocks:
        yield from visit(name)


def called(node: object) -> Iterator[str]:
    """The names of the operations and blocks that statements apply."""
    if isinstance(node, tuple):
        for part in node:
            yield from called(part)
    elif isinstance(node, syntax.Apply):
        yield node.op
    elif isinstance(node, syntax.Statement):
        for name in ("body", "shortcut", "branches", "then", "otherwise"):
            yield from called(getattr(node, name, None) or ())


def _file(document: Document, blocks: dict[str, list[syntax.Block]], model: syntax.Model) -> syntax.File:
    """The spec in the order of the user's file; what it uses stands where the ``use`` was."""
    own = {item.name for item in document.file.items if isinstance(item, syntax.Block)}
    needed = _needed(document, own, blocks, model)
    items: list[syntax.Item] = []
    placed: set[str] = set()

    def place(name: str) -> None:
        if name not in placed and name in needed:
            placed.add(name)
            items.extend(blocks[name])

    for item in document.file.items:
        if isinstance(item, syntax.Block):
            place(item.name)
        elif isinstance(item, syntax.Use):
            for name in blocks:
                if name not in own:
                    place(name)
            if model not in items and not any(isinstance(each, syntax.Model) for each in document.file.items):
                items.append(model)
        elif isinstance(item, syntax.Model):
            items.append(model)
        elif isinstance(item, syntax.Checkpoint) and document.checkpoint is not None:
            items.append(document.checkpoint)
    for name in document.blocks:
        place(name)
    if model not in items:
        items.append(model)
    if document.checkpoint is not None and document.checkpoint not in items:
        items.append(document.checkpoint)
    return syntax.File(tuple(items))


def _needed(document: Document, own: set[str], blocks: dict[str, list[syntax.Block]], model: syntax.Model) -> set[str]:
    """The user's own blocks, and of the others those that something still calls."""
    homes = {variant.name: name for name, variants in blocks.items() for variant in variants}
    needed = set(own)
    waiting = list(called(model.body))
    for name in own:
        waiting.extend(callee for block in blocks[name] for callee in called(block.body))
    while waiting:
        home = homes.get(waiting.pop())
        if home is not None and home not in needed:
            needed.add(home)
            waiting.extend(callee for block in blocks[home] for callee in called(block.body))
    return needed
