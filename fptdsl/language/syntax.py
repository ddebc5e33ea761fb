"""The syntax tree of an ``.fpt`` file: frozen nodes, each with the span of its text.

Spans do not take part in comparison, so two trees are equal when their text means the same.
Nothing here is resolved: names, operations and numbers are as written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Union

from ..diagnostics import Span


@dataclass(frozen=True)
class Node:
    span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)


# --- expressions ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Literal_(Node):
    """An integer, float, string, ``true``, ``false`` or ``none``."""

    value: int | float | str | bool | None


@dataclass(frozen=True)
class Name(Node):
    """A parameter, a loop index, or a free axis name in an input declaration."""

    name: str


@dataclass(frozen=True)
class List(Node):
    items: tuple[Expr, ...]


@dataclass(frozen=True)
class Unary(Node):
    op: Literal["-", "+", "not"]
    operand: Expr


@dataclass(frozen=True)
class Binary(Node):
    """``+ - * / // %``, comparisons, ``and``, ``or``."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Conditional(Node):
    """``then if test else otherwise``."""

    then: Expr
    test: Expr
    otherwise: Expr


@dataclass(frozen=True)
class Call(Node):
    """``min max ceil floor round at`` of expressions."""

    function: str
    args: tuple[Expr, ...]


Expr = Union[Literal_, Name, List, Unary, Binary, Conditional, Call]


@dataclass(frozen=True)
class Argument(Node):
    """A positional (``name is None``) or named argument.

    The value is an expression, but for ``grow (using=METHOD(options))``, where it is a :class:`Using`.
    """

    name: str | None
    value: Expr | Using


# --- statements ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Statement(Node):
    key: str | None = field(default=None, kw_only=True)
    """``key: ...``; part of the module's name."""
    let: str | None = field(default=None, kw_only=True)
    """``let h = ...``: names the value without a key."""


@dataclass(frozen=True)
class Apply(Statement):
    """``op(args) from a, b``: an operation or a block, told apart at elaboration.

    ``op_span`` is the place of the operation's name.
    """

    op: str
    args: tuple[Argument, ...] = ()
    sources: tuple[str, ...] | None = None
    op_span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Reuse(Statement):
    """``reuse conv1``: apply an existing layer again, sharing its weights."""

    target: str
    sources: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Group(Statement):
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class Sequential(Statement):
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class Residual(Statement):
    """Sum of body and shortcut; ``shortcut is None`` or empty: the identity."""

    body: tuple[Stmt, ...]
    shortcut: tuple[Stmt, ...] | None = None


@dataclass(frozen=True)
class Parallel(Statement):
    """Branches on the same input, each a statement (usually a keyed Group), joined by ``mode``."""

    mode: Literal["concat", "add", "mul"]
    branches: tuple[Stmt, ...]


@dataclass(frozen=True)
class Repeat(Statement):
    """``repeat count [as index] body``; elements are numbered from 0."""

    count: Expr
    index: str | None
    body: Stmt


@dataclass(frozen=True)
class If(Statement):
    test: Expr
    then: tuple[Stmt, ...]
    otherwise: tuple[Stmt, ...] | None = None


@dataclass(frozen=True)
class Input(Statement):
    """``input name: dtype[dims]``; a dim is an expression or a free name."""

    name: str
    dtype: str
    dims: tuple[Expr, ...]


@dataclass(frozen=True)
class Output(Statement):
    """``output value`` or ``output name: value``."""

    name: str | None
    value: str


Stmt = Union[Apply, Reuse, Group, Sequential, Residual, Parallel, Repeat, If, Input, Output]


# --- top level -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Param(Node):
    """A parameter; the default may use earlier parameters."""

    name: str
    default: Expr | None = None


@dataclass(frozen=True)
class Use(Node):
    """``use "file.fpt" [as Model(args)]``."""

    path: str
    model: str | None = None
    args: tuple[Argument, ...] = ()


@dataclass(frozen=True)
class Block(Node):
    name: str
    params: tuple[Param, ...]
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class Model(Node):
    name: str
    params: tuple[Param, ...]
    body: tuple[Stmt, ...]
    from_config: bool = False


@dataclass(frozen=True)
class CheckpointEntry(Node):
    """``select "a.b"`` | ``strip "p."`` | ``rename "old." to "new."`` | ``alias "a" to "b"`` | ``ignore "pat"``."""

    kind: Literal["select", "strip", "rename", "alias", "ignore"]
    first: str
    second: str | None = None


@dataclass(frozen=True)
class Checkpoint(Node):
    entries: tuple[CheckpointEntry, ...]


# --- growth --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Path(Node):
    """A path as written; segments hold names with ``*``, ``**``, a number, or a slice ``[a:b:c]``.

    ``str(path)`` is the text. A segment is ``str`` (name or pattern) or ``slice`` / ``int`` for ``[...]``.
    """

    segments: tuple[str | int | tuple[int | None, int | None, int | None], ...]

    def __str__(self) -> str:
        text = ""
        for segment in self.segments:
            if isinstance(segment, str):
                text += ("." if text else "") + segment
            elif isinstance(segment, int):
                text += f"[{segment}]"
            else:
                first, last, step = ("" if part is None else str(part) for part in segment)
                text += f"[{first}:{last}" + (f":{step}]" if step else "]")
        return text


@dataclass(frozen=True)
class Amount(Node):
    """``to N`` · ``by N`` · ``by 1.5x`` · ``to multiple of N``."""

    kind: Literal["to", "by", "factor", "multiple"]
    value: int | float


@dataclass(frozen=True)
class Using(Node):
    """``using METHOD(option=value, ...)``."""

    method: str
    options: tuple[Argument, ...] = ()


@dataclass(frozen=True)
class Widen(Node):
    path: Path
    size: str | None
    amount: Amount
    using: Using | None = None


@dataclass(frozen=True)
class Deepen(Node):
    paths: tuple[Path, ...]
    by: int
    to: int | None = None
    place: Literal["end", "start", "after", "interleaved"] | None = None
    after: int | None = None
    name: str | None = None
    using: Using | None = None


@dataclass(frozen=True)
class Enlarge(Node):
    path: Path
    size: str
    to: int | tuple[int, ...]
    using: Using | None = None


@dataclass(frozen=True)
class Branch(Node):
    path: Path
    into: int
    using: Using | None = None


@dataclass(frozen=True)
class Require(Node):
    """``require exact`` · ``require params <= 25M`` · ``require ratio <= 2.0``."""

    what: Literal["exact", "params", "ratio"]
    limit: float | None = None


Directive = Union[Widen, Deepen, Enlarge, Branch, Require]


@dataclass(frozen=True)
class Grow(Node):
    """A ``grow`` section; a bare directive is a section of one without options."""

    options: tuple[Argument, ...]
    directives: tuple[Directive, ...]
    bare: bool = False


Item = Union[Use, Block, Model, Checkpoint, Grow]


@dataclass(frozen=True)
class File(Node):
    items: tuple[Item, ...]
