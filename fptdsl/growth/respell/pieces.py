"""Pieces: a definition's body taken apart, ready to be written again.

Each piece writes the statements that it stands for.  Expressions are written through the
:class:`~.writer.Writer`, so that the parameters of the definition are settled in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from ...architecture.ops import OPERATIONS
from ...language import syntax
from .expressions import Expr
from .plain import runs
from .selectors import Loop, Selector
from .slots import Slot
from .writer import Writer

Statements = tuple[syntax.Stmt, ...]
Drop = Literal["never", "unmet", "always"]


class Piece(Protocol):
    def write(self, writer: Writer) -> Statements:
        """The statements of this piece."""


def write_all(pieces: Sequence[Piece], writer: Writer) -> Statements:
    return tuple(statement for piece in pieces for statement in piece.write(writer))


def single(statements: Statements) -> syntax.Stmt:
    """The statements as one, for where the grammar has room for one."""
    plain = len(statements) == 1 and not isinstance(statements[0], (syntax.If, syntax.Input, syntax.Output))
    return statements[0] if plain else syntax.Group(statements)


@dataclass(frozen=True, eq=False)
class Verbatim:
    """Statements that are not read in this network, or that are already as they should be."""

    statements: Statements

    def write(self, writer: Writer) -> Statements:
        return self.statements


@dataclass(frozen=True, eq=False)
class Passed:
    """An argument.  ``drop``: leave it out ``always``, or where its expression no longer holds."""

    argument: syntax.Argument
    slot: Slot | None
    drop: Drop = "never"

    def write(self, writer: Writer) -> tuple[syntax.Argument, ...]:
        if self.drop == "always":
            return ()
        if self.slot is None:
            return (self.argument,)
        if self.drop == "unmet" and not all(demand.met(self.slot.expr) for demand in self.slot.demands):
            return ()
        value = writer.write(self.slot)
        return (self.argument if value is self.argument.value else replace(self.argument, value=value),)


@dataclass(frozen=True, eq=False)
class Applied:
    """A layer or the call of a block."""

    statement: syntax.Apply
    passed: tuple[Passed, ...]

    def write(self, writer: Writer) -> Statements:
        args = tuple(argument for passed in self.passed for argument in passed.write(writer))
        same = len(args) == len(self.statement.args) and all(a is b for a, b in zip(args, self.statement.args))
        return (self.statement if same else replace(self.statement, args=args),)


@dataclass(frozen=True, eq=False)
class Declared:
    """A model's input with its sizes."""

    statement: syntax.Input
    dims: tuple[Expr | Slot, ...]

    def write(self, writer: Writer) -> Statements:
        dims = tuple(writer.write(dim) if isinstance(dim, Slot) else dim for dim in self.dims)
        return (_changed(self.statement, dims=dims),)


@dataclass(frozen=True, eq=False)
class Composite:
    """A composite with its bodies by the name of the field."""

    statement: syntax.Stmt
    bodies: dict[str, list[Piece]]

    def write(self, writer: Writer) -> Statements:
        return (_changed(self.statement, **{name: write_all(body, writer) for name, body in self.bodies.items()}),)


@dataclass(frozen=True, eq=False)
class Repeated:
    """A ``repeat`` whose elements are one text."""

    statement: syntax.Repeat
    loop: Loop
    count: Slot
    element: list[Piece]

    def write(self, writer: Writer) -> Statements:
        count = writer.write(self.count)
        body = single(write_all(self.element, writer))
        if body == self.statement.body:
            body = self.statement.body
        changed = replace(self.statement, count=count, index=self.loop.name, body=body)
        return (self.statement if changed == self.statement else changed,)


@dataclass(frozen=True, eq=False)
class Unrolled:
    """A ``repeat`` whose elements are written one by one: numbered the same in a ``sequential``."""

    statement: syntax.Repeat
    elements: list[list[Piece]]
    spliced: bool
    """Without a number of its own: the elements are children of the ``sequential`` around."""

    def write(self, writer: Writer) -> Statements:
        elements = [statement for element in self.elements for statement in write_all(element, writer)]
        body: list[syntax.Stmt] = []
        for element, count in runs(elements):
            if count > 1 and not isinstance(element, syntax.If):
                body.append(syntax.Repeat(syntax.Literal_(count), None, element))
            else:
                body.extend([_bare(element)] * count)
        if self.spliced:
            return tuple(body)
        return (syntax.Sequential(tuple(body), key=self.statement.key, let=self.statement.let),)


@dataclass(frozen=True, eq=False)
class Condition:
    """An ``if`` of the user's."""

    statement: syntax.If
    test: Slot
    then: list[Piece]
    otherwise: list[Piece]

    def write(self, writer: Writer) -> Statements:
        test = writer.write(self.test)
        then, otherwise = write_all(self.then, writer), write_all(self.otherwise, writer)
        if isinstance(test, syntax.Literal_) and not isinstance(self.statement.test, syntax.Literal_):
            return then if test.value is True else otherwise
        has_else = otherwise or self.statement.otherwise is not None
        return (_changed(self.statement, test=test, then=then, otherwise=otherwise if has_else else None),)


@dataclass(frozen=True, eq=False)
class Choice:
    """Texts for some of the readings each; without a test: for all the others."""

    branches: list[tuple[Selector | None, list[Piece]]]

    def write(self, writer: Writer) -> Statements:
        result: Statements | None = None
        for selector, pieces in reversed(self.branches):
            statements = write_all(pieces, writer)
            result = statements if selector is None else (syntax.If(selector.test(), statements, result),)
        return result or ()


def _bare(statement: syntax.Stmt) -> syntax.Stmt:
    """A composite or block call without the braces around it; a layer needs them to have the same name."""
    if not isinstance(statement, syntax.Group) or len(statement.body) != 1 or statement.key or statement.let:
        return statement
    inner = statement.body[0]
    braced = isinstance(inner, (syntax.Group, syntax.Sequential, syntax.Residual, syntax.Parallel))
    called = isinstance(inner, syntax.Apply) and inner.op not in OPERATIONS
    return inner if (braced or called) and inner.key is None and inner.let is None else statement


def _changed(statement: syntax.Stmt, **parts: object) -> syntax.Stmt:
    """The statement with other parts; the very same object where nothing changed."""
    changed = replace(statement, **parts)  # type: ignore[arg-type]
    return statement if changed == statement else changed
