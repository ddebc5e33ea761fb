"""A tree written out in full: every number literal, every block inlined, like elements as ``repeat``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from pydantic_core import PydanticUndefined

from ...architecture.arguments import Args
from ...architecture.tree import Input, Layer, Network, Output, Reuse, Scope, Tree
from ...language import syntax
from .expressions import alike, literal
from .slots import Unspellable


def plain_items(network: Network) -> tuple[syntax.Item, ...]:
    """The network as a model without parameters, with the blocks that cannot be inlined."""
    writer = _Plain(keep_blocks=True)
    model = syntax.Model(network.name, (), writer.body(network.body))
    return (*writer.blocks.values(), model)


def plain(node: Tree) -> syntax.Stmt:
    """One node as a statement that uses no block; raises :class:`Unspellable` where it needs one."""
    return _Plain(keep_blocks=False).statement(node)


class _Plain:
    """Writes nodes; ``blocks`` are those called on a named value, which braces cannot say."""

    def __init__(self, keep_blocks: bool) -> None:
        self.keep_blocks = keep_blocks
        self.blocks: dict[tuple[syntax.Stmt, ...], syntax.Block] = {}

    def body(self, nodes: Sequence[Tree]) -> tuple[syntax.Stmt, ...]:
        return tuple(map(self.statement, nodes))

    def statement(self, node: Tree) -> syntax.Stmt:
        if isinstance(node, Layer):
            return syntax.Apply(node.op, plain_arguments(node.args), node.sources, key=node.key, let=node.let)
        if isinstance(node, Reuse):
            return syntax.Reuse(node.target, node.sources, key=node.key, let=node.let)
        if isinstance(node, Output):
            return syntax.Output(node.name, node.value)
        if isinstance(node, Input):
            dims = tuple(literal(dim) if type(dim) is int else syntax.Name(str(dim)) for dim in node.dims)
            return syntax.Input(node.name, node.dtype, dims)
        return self._composite(node)

    def _composite(self, node: Scope) -> syntax.Stmt:
        body = self.body(node.children)
        if node.kind == "block" and node.sources is not None:
            return self._call(node, body)
        if node.kind == "sequential":
            return syntax.Sequential(body, key=node.key, let=node.let)
        if node.kind == "residual":
            return syntax.Residual(body, self.body(node.shortcut) or None, key=node.key, let=node.let)
        if node.kind == "parallel":
            return syntax.Parallel(node.mode or "concat", body, key=node.key, let=node.let)
        if node.kind == "repeat":
            return _repeat(node, body)
        return _group(node, body)

    def _call(self, node: Scope, body: tuple[syntax.Stmt, ...]) -> syntax.Stmt:
        if not self.keep_blocks:
            raise Unspellable
        if body not in self.blocks:
            self.blocks[body] = syntax.Block(f"{node.block_name or 'Block'}_{len(self.blocks) + 1}", (), body)
        return syntax.Apply(self.blocks[body].name, (), node.sources, key=node.key, let=node.let)


def _group(node: Scope, body: tuple[syntax.Stmt, ...]) -> syntax.Stmt:
    """Braces, without a second pair around a composite that has a pair of its own."""
    braced = (syntax.Group, syntax.Sequential, syntax.Residual, syntax.Parallel)
    if len(body) == 1 and body[0].key is None and body[0].let is None and isinstance(body[0], braced):
        return replace(body[0], key=node.key, let=node.let)
    return syntax.Group(body, key=node.key, let=node.let)


def _repeat(node: Scope, body: tuple[syntax.Stmt, ...]) -> syntax.Stmt:
    if body and all(statement == body[0] for statement in body) and body[0].key is None and body[0].let is None:
        return syntax.Repeat(syntax.Literal_(len(body)), None, body[0], key=node.key, let=node.let)
    return syntax.Sequential(body, key=node.key, let=node.let)


def plain_arguments(args: Args) -> tuple[syntax.Argument, ...]:
    """The arguments that are not the operation's defaults, named where there is a default."""
    result: list[syntax.Argument] = []
    for name, field in type(args).model_fields.items():
        value = getattr(args, name)
        if field.default is not PydanticUndefined and alike(field.default, value):
            continue
        result.append(syntax.Argument(None if field.is_required() else name, literal(value)))
    return tuple(result)


def runs(statements: Sequence[syntax.Stmt]) -> list[tuple[syntax.Stmt, int]]:
    """Neighbours that are equal, with how many they are."""
    return [(statement, len(list(group))) for statement, group in groupby(statements)]
