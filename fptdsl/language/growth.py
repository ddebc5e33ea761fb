"""The builder's part for growth directives, and the whole file.

A directive with a number or path that cannot be read is reported and left out of the tree.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lark import Token

from ..diagnostics import Span, did_you_mean
from . import literals, syntax
from .builder import Items
from .statements import StatementBuilder

_DIRECTIVES = (syntax.Widen, syntax.Deepen, syntax.Enlarge, syntax.Branch, syntax.Require)


@dataclass(frozen=True)
class Clause:
    """One clause of ``deepen``: what it sets, to what."""

    field: str
    value: Any
    span: Span


class Builder(StatementBuilder):
    """All callbacks of the grammar."""

    def count(self, token: Token, what: str) -> Any:
        return self.literal("F107", token, lambda text: literals.count(text, what), None)

    def path(self, token: Token) -> syntax.Path | None:
        if str(token) in ("to", "by", "into") and self.source.text[token.end_pos :].lstrip(" \t")[:1].isdigit():
            hint = "name a layer, a block or a stage, or `*` for the whole model"
            self.faults.add("F112", f"there is no path before `{token}`", self.at(token), hint=hint)
            return None
        segments = self.literal("F112", token, literals.path, None)
        return None if segments is None else syntax.Path(segments, span=self.at(token))

    def using(self, children: list[Any]) -> syntax.Using:
        _, method, options = children
        return syntax.Using(str(method), options.values if options else (), span=self.span(children))

    def amount(self, children: list[Any]) -> syntax.Amount | Items:
        """``Items`` where the number cannot be read."""
        word, token = str(children[0]), children[-1]
        span = self.span(children)
        kind = "multiple" if len(children) == 4 else word
        if kind == "by" and str(token).endswith("x"):
            value = self.literal("F107", token, literals.factor, None)
            return Items((), span) if value is None else syntax.Amount("factor", value, span=span)
        if kind == "by" and "." in token:
            hint = f"write `by {token}x` for a factor"
            self.faults.add("F107", f"`by {token}` is neither a whole number nor a factor", self.at(token), hint=hint)
            return Items((), span)
        what = {"to": "the new size", "by": "the number of new units", "multiple": "the multiple"}[kind]
        value = self.count(token, what)
        return Items((), span) if value is None else syntax.Amount(kind, value, span=span)  # type: ignore[arg-type]

    def widen(self, children: list[Any]) -> syntax.Widen | Items:
        _, token, size, amount, using = children
        path = self.path(token)
        span = self.span(children)
        if path is None or isinstance(amount, Items):
            return Items((), span)
        return syntax.Widen(path, str(size) if size else None, amount, using, span=span)

    def clause_to(self, children: list[Any]) -> Clause:
        return Clause("to", self.count(children[1], "the width"), self.span(children))

    def clause_after(self, children: list[Any]) -> Clause:
        return Clause("after", self.count(children[1], "the number of the element"), self.span(children))

    def clause_place(self, children: list[Any]) -> Clause:
        return Clause("place", str(children[-1]), self.span(children))

    def clause_as(self, children: list[Any]) -> Clause:
        return Clause("name", str(children[1]), self.span(children))

    def clause_using(self, children: list[Any]) -> Clause:
        return Clause("using", children[0], children[0].span)

    def deepen(self, children: list[Any]) -> syntax.Deepen | Items:
        paths = [self.path(child) for child in children if isinstance(child, Token) and child.type == "PATH"]
        number = next(child for child in children if isinstance(child, Token) and child.type == "COUNT")
        by = self.count(number, "the number of new elements")
        fields: dict[str, Any] = {}
        seen: dict[str, Clause] = {}
        for clause in children:
            if not isinstance(clause, Clause):
                continue
            group = "place" if clause.field == "after" else clause.field
            if group in seen:
                what = {"to": "the width", "place": "the place", "name": "the name", "using": "the method"}[group]
                self.twice(f"{what} is given twice", clause.span, seen[group].span)
                continue
            seen[group] = clause
            fields[clause.field] = clause.value
            if clause.field == "after":
                fields["place"] = "after"
        span = self.span(children)
        broken = by is None or None in paths or any(value is None for value in fields.values())
        return Items((), span) if broken else syntax.Deepen(tuple(paths), by, **fields, span=span)  # type: ignore[arg-type]

    def extent(self, children: list[Any]) -> Items:
        values = [self.count(c, "the new size") for c in children if c is not None and c.type == "COUNT"]
        broken = None in values
        value = None if broken else tuple(values) if children[0].type == "LPAR" else values[0]
        return Items((value,), self.span(children))

    def enlarge(self, children: list[Any]) -> syntax.Enlarge | Items:
        _, token, size, _, extent, using = children
        path, to = self.path(token), extent.values[0]
        span = self.span(children)
        return Items((), span) if path is None or to is None else syntax.Enlarge(path, str(size), to, using, span=span)

    def branch(self, children: list[Any]) -> syntax.Branch | Items:
        _, token, _, number, using = children
        path, into = self.path(token), self.count(number, "the number of branches")
        span = self.span(children)
        return Items((), span) if path is None or into is None else syntax.Branch(path, into, using, span=span)

    def require(self, children: list[Any]) -> syntax.Require | Items:
        _, word, compare, bound = children
        what, span = str(word), self.span(children)
        if what not in ("exact", "params", "ratio"):
            hint = did_you_mean(what, ("exact", "params", "ratio")) or "write `exact`, `params <= N` or `ratio <= N`"
            self.faults.add("F123", f"`{what}` cannot be required", self.at(word), hint=hint)
        elif what == "exact" and compare is not None:
            self.faults.add("F123", "`require exact` takes no limit", self.at(compare))
        elif what != "exact" and (compare is None or compare != "<="):
            example = "25M" if what == "params" else "2.0"
            place = self.at(word) if compare is None else self.at(compare)
            self.faults.add(
                "F123", f"`require {what}` needs `<=` and a limit", place, hint=f"write `{what} <= {example}`"
            )
        else:
            limit = None if bound is None else self.literal("F107", bound, literals.limit, None)
            if bound is None or limit is not None:
                return syntax.Require(what, limit, span=span)  # type: ignore[arg-type]
        return Items((), span)

    def grow(self, children: list[Any]) -> syntax.Grow:
        options = tuple(map(self.option, children[1].values)) if children[1] else ()
        directives = tuple(child for child in children if isinstance(child, _DIRECTIVES))
        return syntax.Grow(options, directives, span=self.span(children))

    def option(self, argument: syntax.Argument) -> syntax.Argument:
        """``using=METHOD(options)`` reads like a call."""
        call = self.calls.pop(id(argument.value), None) if argument.name == "using" else None
        if call is None:
            return argument
        node, method, options = call
        if not options.values:
            return replace(argument, value=syntax.Name(str(method), span=node.span))
        return replace(argument, value=syntax.Using(str(method), options.values, span=node.span))

    def file(self, children: list[Any]) -> syntax.File:
        items: list[Any] = []
        for child in children:
            if isinstance(child, _DIRECTIVES):
                items.append(syntax.Grow((), (child,), bare=True, span=child.span))
            elif not isinstance(child, Items):
                items.append(child)
        self._once(items)
        self.report_calls()
        return syntax.File(tuple(items), span=Span(self.source, 0, len(self.source.text)))

    def _once(self, items: list[Any]) -> None:
        """A second model, checkpoint section or block of the same name is a fault."""
        seen: dict[str, Any] = {}
        for item in items:
            if isinstance(item, syntax.Model):
                what, message = "model", "a file holds one model of its own"
            elif isinstance(item, syntax.Checkpoint):
                what, message = "checkpoint", "a file holds one checkpoint section"
            elif isinstance(item, syntax.Block):
                what, message = f"block {item.name}", f"the block `{item.name}` is defined twice"
            else:
                continue
            if what in seen:
                self.twice(message, self.header(item), self.header(seen[what]))
            seen.setdefault(what, item)

    def header(self, item: Any) -> Span:
        """The place of a definition without its body."""
        text = item.span.text
        end = min((text.find(char) for char in "({" if char in text), default=len(text))
        return Span(self.source, item.span.start, item.span.start + len(text[:end].rstrip()))
