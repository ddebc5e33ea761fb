"""From the parser's reductions to the nodes of :mod:`fptdsl.language.syntax`.

One method per rule (or alias) of ``grammar/fpt.lark``; the children of a method are the tokens and the
results of the rules inside, ``None`` where an optional part is absent.  The builder judges what the
grammar reads leniently (numbers, paths, clauses given twice) and collects the faults.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from lark import Token, Transformer

from ..diagnostics import Diagnostics, Note, Source, Span, did_you_mean
from . import literals, syntax
from .literals import LiteralFault

FUNCTIONS = {"min", "max", "ceil", "floor", "round", "at"}
RESERVED = {"true", "false", "none", "not", "and", "or", "if", "else"}
STATEMENT_WORDS = {"let", "input", "output", "reuse", "sequential", "residual", "parallel", "repeat", "if"}
MAX_DEPTH = 64
"""How deep operators in an expression, or `else if` and `repeat` in one another, may nest."""

Deep = TypeVar("Deep", bound=syntax.Node)


@dataclass(frozen=True)
class Items:
    """What stands between brackets, with the place of the whole."""

    values: tuple[Any, ...]
    span: Span


class ExpressionBuilder(Transformer[Token, Any]):
    """Literals, names, operators, arguments."""

    source: Source
    faults: Diagnostics
    depths: dict[int, int]
    calls: dict[int, tuple[syntax.Call, Token, Items]]
    """Calls of what is no function: right only as the method of a ``grow`` section."""

    def start(self, source: Source, faults: Diagnostics, original: Callable[[int], int]) -> None:
        """Prepare for one parse; ``original`` maps a place of the parsed text to the source's."""
        self.original = original
        self.source, self.faults, self.depths, self.calls = source, faults, {}, {}

    # --- places ---

    def at(self, token: Token) -> Span:
        return Span(self.source, self.original(token.start_pos or 0), self.original(token.end_pos or 0))

    def span(self, children: Sequence[Any]) -> Span:
        """From the first to the last child that has a place."""
        present = [child for child in children if child is not None]
        first, last = present[0], present[-1]
        start = (self.at(first) if isinstance(first, Token) else first.span).start
        end = (self.at(last) if isinstance(last, Token) else last.span).end
        return Span(self.source, start, end)

    def literal(self, code: str, token: Token, read: Any, default: Any) -> Any:
        """``read(text)``, or the default after reporting why the text cannot be read."""
        try:
            return read(str(token))
        except LiteralFault as fault:
            self.faults.add(code, fault.message, self.at(token), hint=fault.hint)
            return default

    def deeper(self, node: Deep, *children: Any) -> Deep:
        """Bound the depth of what the grammar lets nest without brackets."""
        depth = 1 + max(self.depths.get(id(child), 0) for child in children)
        self.depths[id(node)] = depth
        if depth == MAX_DEPTH:
            hint = "name the parts with parameters" if isinstance(node, syntax.Binary) else None
            self.faults.add("F109", f"this nests more than {MAX_DEPTH} levels deep", node.span, hint=hint)
        return node

    # --- expressions ---

    def number(self, children: list[Token]) -> syntax.Literal_:
        value = self.literal("F107", children[0], literals.number, 1)
        return syntax.Literal_(value, span=self.at(children[0]))

    def string(self, children: list[Token]) -> syntax.Literal_:
        return syntax.Literal_(self.text(children[0]), span=self.at(children[0]))

    def text(self, token: Token) -> str:
        value: str = self.literal("F114", token, literals.string, "")
        return value

    def constant(self, children: list[Token]) -> syntax.Literal_:
        value = {"true": True, "false": False, "none": None}[str(children[0])]
        return syntax.Literal_(value, span=self.at(children[0]))

    def name(self, children: list[Token]) -> syntax.Name:
        if str(children[0]) in ("True", "False", "None"):
            hint = f"write `{str(children[0]).lower()}`"
            self.faults.add("F118", f"`{children[0]}` is spelt in lower case here", self.at(children[0]), hint=hint)
        return syntax.Name(str(children[0]), span=self.at(children[0]))

    def call(self, children: list[Any]) -> syntax.Expr:
        function, arguments = children
        args = tuple(argument.value for argument in arguments.values)
        node = syntax.Call(str(function), args, span=self.span(children))
        if node.function not in FUNCTIONS or any(argument.name for argument in arguments.values):
            self.calls[id(node)] = node, function, arguments
        return self.deeper(node, *args) if args else node

    def report_calls(self) -> None:
        """Report the calls that stand where only functions may be called."""
        for node, function, arguments in self.calls.values():
            if node.function not in FUNCTIONS:
                hint = did_you_mean(node.function, FUNCTIONS) or "expressions know min, max, ceil, floor, round and at"
                self.faults.add("F113", f"there is no function `{function}`", self.at(function), hint=hint)
            else:
                named = next(argument for argument in arguments.values if argument.name)
                self.faults.add("F113", f"`{function}` takes no named arguments", named.span)

    def listing(self, children: list[Any]) -> syntax.Expr:
        items = tuple(child for child in children if child is not None and not isinstance(child, Token))
        node = syntax.List(items, span=self.span(children))
        return self.deeper(node, *items) if items else node

    def parenthesis(self, children: list[Any]) -> syntax.Expr:
        inner = children[1]
        node: syntax.Expr = replace(inner, span=self.span(children))
        if id(inner) in self.depths:
            self.depths[id(node)] = self.depths[id(inner)]
        return node

    def unary(self, children: list[Any]) -> syntax.Expr:
        node = syntax.Unary(str(children[0]), children[1], span=self.span(children))  # type: ignore[arg-type]
        return self.deeper(node, children[1])

    def binary(self, children: list[Any]) -> syntax.Expr:
        left, op, right = children
        node = syntax.Binary(str(op), left, right, span=self.span(children))
        return self.deeper(node, left, right)

    def conditional(self, children: list[Any]) -> syntax.Expr:
        then, _, test, _, otherwise = children
        node = syntax.Conditional(then, test, otherwise, span=self.span(children))
        return self.deeper(node, then, test, otherwise)

    # --- arguments ---

    def positional(self, children: list[Any]) -> syntax.Argument:
        return syntax.Argument(None, children[0], span=children[0].span)

    def named(self, children: list[Any]) -> syntax.Argument:
        return syntax.Argument(str(children[0]), children[2], span=self.span(children))

    def arguments(self, children: list[Any]) -> Items:
        values = tuple(child for child in children if isinstance(child, syntax.Argument))
        named = False
        for argument in values:
            if argument.name is None and named:
                message = "an argument without a name stands after one with a name"
                self.faults.add("F119", message, argument.span, hint="put the arguments without names first")
            named = named or argument.name is not None
        return Items(values, self.span(children))

    def twice(self, message: str, second: Span | None, first: Span | None) -> None:
        self.faults.add("F111", message, second, notes=(Note("first given here", first),))
