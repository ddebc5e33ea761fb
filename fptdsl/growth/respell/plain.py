"""A tree written out in full: every number literal, every block inlined, like elements as ``repeat``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from pydantic_core import PydanticUndefined

from ...architecture.arguments import Args
from ...architecture.tree import Input, Layer, Network, Output, Reuse, Scope, Tree
from ...language import syntax
from .expressions import alike, literal


def plain_model(network: Network) -> syntax.Model:
    """The network as a model without parameters that uses no block."""
    return syntax.Model(network.name, (), plain_body(network.body))


def plain_body(nodes: Sequence[Tree]) -> tuple[syntax.Stmt, ...]:
    return tuple(plain(node) for node in nodes)


def plain(node: Tree) -> syntax.Stmt:
    """One node as a statement."""
    if isinstance(node, Layer):
        return syntax.Apply(node.op, plain_arguments(node.args), node.sources, key=node.key, let=node.let)
    if isinstance(node, Reuse):
        return syntax.Reuse(node.target, node.sources, key=node.key, let=node.let)
    if isinstance(node, Output):
        return syntax.Output(node.name, node.value)
    if isinstance(node, Input):
        dims = tuple(syntax.Name(str(dim)) if _free(dim) else literal(dim) for dim in node.dims)
        return syntax.Input(node.name, node.dtype, dims)
    return _composite(node)


def _free(dim: object) -> bool:
    return isinstance(dim, str) or type(dim) is not int


def _composite(node: Scope) -> syntax.Stmt:
    body = plain_body(node.children)
    if node.kind == "sequential":
        return syntax.Sequential(body, key=node.key, let=node.let)
    if node.kind == "residual":
        shortcut = plain_body(node.shortcut)
        return syntax.Residual(body, shortcut or None, key=node.key, let=node.let)
    if node.kind == "parallel":
        return syntax.Parallel(node.mode or "concat", body, key=node.key, let=node.let)
    if node.kind == "repeat":
        return _repeat(node, body)
    if node.kind == "block" and node.sources is not None:
        # A group has no `from`; the value is passed on by a group around it.
        name = syntax.Apply("identity", (), node.sources)
        return syntax.Group((name, *body), key=node.key, let=node.let)
    return syntax.Group(body, key=node.key, let=node.let)


def _repeat(node: Scope, body: tuple[syntax.Stmt, ...]) -> syntax.Stmt:
    if body and all(statement == body[0] for statement in body) and body[0].key is None:
        return syntax.Repeat(syntax.Literal_(len(body)), None, body[0], key=node.key, let=node.let)
    return syntax.Sequential(body, key=node.key, let=node.let)


def plain_arguments(args: Args) -> tuple[syntax.Argument, ...]:
    """The arguments that are not the operation's defaults; those without a default stand first, without a name."""
    result: list[syntax.Argument] = []
    named = False
    for name, field in type(args).model_fields.items():
        value = getattr(args, name)
        if field.default is not PydanticUndefined and alike(field.default, value):
            named = True
            continue
        result.append(syntax.Argument(name if named else None, literal(value)))
    return tuple(result)


def runs(statements: Sequence[syntax.Stmt]) -> list[tuple[syntax.Stmt, int]]:
    """Neighbours that are equal, with how many they are."""
    return [(statement, len(list(group))) for statement, group in groupby(statements)]
