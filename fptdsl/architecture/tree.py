"""The elaborated network: the syntax tree with every name, number, ``repeat`` and ``if`` resolved.

A tree is what the user wrote, unrolled: blocks are inlined, repeats are lists of elements, arguments
are validated models.  Every node remembers the statement it came from and the environment in which
that statement was read, so that a grown tree can be written back as a small edit of the text
(``growth/respell``).  Nodes are never changed in place: an edit makes a new tree with
``dataclasses.replace``.  The order of children is the order of the text, and a statement takes the
value of the one before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Union

from ..diagnostics import Span
from ..language import syntax
from .arguments import Args

ScopeKind = Literal["group", "sequential", "residual", "parallel", "repeat", "block"]


@dataclass(frozen=True, eq=False)
class Frame:
    """One reading of a model's or block's body: its definition, the call, the parameters' values."""

    definition: syntax.Block | syntax.Model
    values: Mapping[str, Any]
    call: syntax.Apply | None = None
    caller: Environment | None = None


@dataclass(frozen=True, eq=False)
class Environment:
    """Where expressions of a statement are evaluated: a frame, and the loop indices around it."""

    frame: Frame
    indices: tuple[tuple[str, int], ...] = ()

    def lookup(self) -> dict[str, Any]:
        """All names an expression may use, with their values."""
        return {**self.frame.values, **dict(self.indices)}


@dataclass(frozen=True, eq=False)
class Origin:
    statement: syntax.Stmt
    environment: Environment

    @property
    def span(self) -> Span | None:
        return self.statement.span


@dataclass(frozen=True, eq=False, kw_only=True)
class TreeNode:
    key: str | None = None
    let: str | None = None
    origin: Origin | None = None
    old: str | None = None
    """The node's name in the network before growth; None for what growth adds."""
    like: str | None = None
    """For what growth adds: the name (before growth) of the node that it is modelled on."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Layer(TreeNode):
    """An operation, with or without parameters.  ``args`` is the operation's validated model."""

    op: str
    args: Args
    sources: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Reuse(TreeNode):
    target: str
    sources: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Output(TreeNode):
    """``output value`` / ``output name: value``: ends a model or block with a value not its last."""

    name: str | None = None
    value: str = ""


@dataclass(frozen=True, eq=False, kw_only=True)
class Input(TreeNode):
    """A declared input; ``dims`` without the batch axis, a ``str`` for a free size."""

    name: str
    dtype: str
    dims: tuple[int | str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Scope(TreeNode):
    """A composite.

    ``residual``: ``children`` is the body, ``shortcut`` the other branch (empty: identity).
    ``parallel``: each child is a branch, joined by ``mode``.  ``repeat`` and ``sequential``: children
    are numbered from 0 unless they have a key.  ``block``: the body of a called block; ``block_name``,
    and ``sources`` where it is called on a named value.
    """

    kind: ScopeKind
    children: tuple[Tree, ...] = ()
    shortcut: tuple[Tree, ...] = ()
    mode: Literal["concat", "add", "mul"] | None = None
    block_name: str | None = None
    sources: tuple[str, ...] | None = None

    @property
    def numbered(self) -> bool:
        return self.kind in ("repeat", "sequential")


@dataclass(frozen=True, eq=False, kw_only=True)
class Broken(Layer):
    """A layer or block call at fault: stands for it while the rest is looked at, and computes nothing."""


Tree = Union[Layer, Reuse, Output, Input, Scope]


@dataclass(frozen=True, eq=False, kw_only=True)
class Network:
    """An elaborated model: its name, parameters, inputs and body."""

    name: str
    parameters: Mapping[str, Any]
    body: tuple[Tree, ...] = field(repr=False)
    frame: Frame
    file: syntax.File | None = field(default=None, repr=False)
    blocks: Mapping[str, syntax.Block] = field(default_factory=dict, repr=False)
    """The blocks that the body may call."""


def segments(scope_numbered: bool, children: tuple[Tree, ...]) -> Iterator[tuple[str | None, Tree]]:
    """Each child with the name it adds: its key, its number in a numbered scope, or nothing.

    Inputs, outputs and reuses take no number.
    """
    number = 0
    for child in children:
        takes_number = scope_numbered and isinstance(child, (Layer, Scope))
        yield child.key if child.key is not None else (str(number) if takes_number else None), child
        number += takes_number


def walk(network: Network) -> Iterator[tuple[str, Tree]]:
    """All nodes in the order of the text with their dotted names ('' for one without a name).

    A node that adds nothing has the name of what encloses it.
    """

    def visit(prefix: str, numbered: bool, children: tuple[Tree, ...]) -> Iterator[tuple[str, Tree]]:
        for segment, child in segments(numbered, children):
            name = prefix if segment is None else f"{prefix}.{segment}" if prefix else segment
            yield name, child
            if isinstance(child, Scope):
                yield from visit(name, child.numbered, child.children)
                yield from visit(name, False, child.shortcut)

    yield from visit("", False, network.body)
