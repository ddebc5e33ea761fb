"""The builder's part for definitions and the statements of an architecture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lark import Token

from ..diagnostics import Span, did_you_mean
from . import syntax
from .builder import RESERVED, STATEMENT_WORDS, ExpressionBuilder, Items

MODES = ("concat", "add", "mul")
DTYPES = ("float", "int", "bool")


class StatementBuilder(ExpressionBuilder):
    """Bodies, layers, composites, and the top level around them."""

    def body(self, children: list[Any]) -> Items:
        values = tuple(child for child in children if isinstance(child, syntax.Statement))
        return Items(values, self.span(children))

    def keyed(self, children: list[Any]) -> syntax.Statement:
        key, _, value = children
        return self.moved(value, replace(value, key=str(key), span=self.span(children)))

    def let(self, children: list[Any]) -> syntax.Statement:
        _, name, _, value = children
        return self.moved(value, replace(value, let=str(name), span=self.span(children)))

    def moved(self, old: syntax.Statement, new: syntax.Statement) -> syntax.Statement:
        if id(old) in self.depths:
            self.depths[id(new)] = self.depths[id(old)]
        return new

    def input(self, children: list[Any]) -> syntax.Input:
        _, name, _, dtype, dims = children
        if str(dtype) not in DTYPES:
            hint = did_you_mean(str(dtype), DTYPES) or "inputs are float, int or bool"
            self.faults.add("F121", f"`{dtype}` is not a type of input", self.at(dtype), hint=hint)
            dtype = "float"
        return syntax.Input(str(name), str(dtype), dims.values, span=self.span(children))

    def dims(self, children: list[Any]) -> Items:
        values = tuple(child for child in children if child is not None and not isinstance(child, Token))
        return Items(values, self.span(children))

    def output(self, children: list[Any]) -> syntax.Output:
        name = str(children[1]) if len(children) == 4 else None
        return syntax.Output(name, str(children[-1]), span=self.span(children))

    def condition(self, children: list[Any]) -> syntax.Statement:
        _, test, then, _, other = children
        otherwise = None
        if isinstance(other, Items):
            otherwise = other.values
        elif other is not None:
            otherwise = (other,)
        node = syntax.If(test, then.values, otherwise, span=self.span(children))
        if isinstance(other, syntax.If):
            self.deeper(node, other)
        return node

    def apply(self, children: list[Any]) -> syntax.Apply:
        op, args, sources = children
        return syntax.Apply(
            str(op),
            args.values if args else (),
            sources.values if sources else None,
            span=self.span(children),
            op_span=self.at(op),
        )

    def sources(self, children: list[Any]) -> Items:
        values = tuple(str(child) for child in children if child is not None and child.type == "NAME")
        return Items(values, self.span(children))

    def reuse(self, children: list[Any]) -> syntax.Reuse:
        _, target, sources = children
        return syntax.Reuse(str(target), sources.values if sources else None, span=self.span(children))

    def group(self, children: list[Any]) -> syntax.Group:
        return syntax.Group(children[0].values, span=children[0].span)

    def sequential(self, children: list[Any]) -> syntax.Sequential:
        return syntax.Sequential(children[1].values, span=self.span(children))

    def residual(self, children: list[Any]) -> syntax.Residual:
        _, body, _, shortcut = children
        return syntax.Residual(body.values, shortcut.values if shortcut else None, span=self.span(children))

    def parallel(self, children: list[Any]) -> syntax.Parallel:
        _, _, mode, _, body = children
        if str(mode) not in MODES:
            hint = did_you_mean(str(mode), MODES) or "branches are joined by concat, add or mul"
            self.faults.add("F122", f"branches cannot be joined by `{mode}`", self.at(mode), hint=hint)
            mode = "concat"
        return syntax.Parallel(str(mode), body.values, span=self.span(children))  # type: ignore[arg-type]

    def repeat(self, children: list[Any]) -> syntax.Statement:
        _, count, _, index, value = children
        node = syntax.Repeat(count, str(index) if index else None, value, span=self.span(children))
        if isinstance(value, syntax.Repeat):
            self.deeper(node, value)
        return node

    # --- definitions ---

    def parameter(self, children: list[Any]) -> syntax.Param:
        name, _, default = children
        if str(name) in RESERVED:
            self.faults.add("F120", f"`{name}` is a word of the language and cannot name a parameter", self.at(name))
        return syntax.Param(str(name), default, span=self.span(children))

    def parameters(self, children: list[Any]) -> Items:
        values = tuple(child for child in children if isinstance(child, syntax.Param))
        seen: dict[str, syntax.Param] = {}
        for parameter in values:
            if parameter.name in seen:
                self.twice(
                    f"the parameter `{parameter.name}` is there twice", parameter.span, seen[parameter.name].span
                )
            seen.setdefault(parameter.name, parameter)
        return Items(values, self.span(children))

    def block(self, children: list[Any]) -> syntax.Block:
        _, name, params, body = children
        if str(name) in STATEMENT_WORDS:
            message = f"`{name}` is a word of the language, so a block of this name could not be applied"
            self.faults.add("F120", message, self.at(name), hint="choose another name, for example with a capital")
        return syntax.Block(str(name), params.values if params else (), body.values, span=self.span(children))

    def model(self, children: list[Any]) -> syntax.Model:
        _, name, _, config, params, body = children
        span: Span = self.span(children)
        return syntax.Model(str(name), params.values if params else (), body.values, config is not None, span=span)

    def use(self, children: list[Any]) -> syntax.Use:
        _, path, _, model, args = children
        values = args.values if args else ()
        return syntax.Use(self.text(path), str(model) if model else None, values, span=self.span(children))

    def entry_one(self, children: list[Any]) -> syntax.CheckpointEntry:
        kind, first = children
        return syntax.CheckpointEntry(str(kind), self.text(first), span=self.span(children))  # type: ignore[arg-type]

    def entry_two(self, children: list[Any]) -> syntax.CheckpointEntry:
        kind, first, _, second = children
        texts = self.text(first), self.text(second)
        return syntax.CheckpointEntry(str(kind), *texts, span=self.span(children))  # type: ignore[arg-type]

    def checkpoint(self, children: list[Any]) -> syntax.Checkpoint:
        entries = tuple(child for child in children if isinstance(child, syntax.CheckpointEntry))
        return syntax.Checkpoint(entries, span=self.span(children))
