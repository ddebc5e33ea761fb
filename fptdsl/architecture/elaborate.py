"""Elaboration: from the syntax tree to a network with every name, number, ``repeat`` and ``if`` resolved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..diagnostics import Diagnostics, FptError, Note, Span
from ..language import syntax
from ..language.document import Document
from .arguments import MAX_SIZE, Args
from .binding import Validator
from .collector import paused
from .expressions import POISON, describe, evaluate
from .faults import Faults
from .lower import lower_into
from .naming import name_all, visit
from .ops import OPERATIONS
from .ops.refuse import Refuse
from .parameters import block_values, model_values
from .reading import check_text, unknown_operation
from .tree import Broken, Environment, Frame, Input, Layer, Network, Origin, Output, Reuse, Scope, Tree
from .wiring import wire

MAX_LAYERS = 1_000_000
MAX_BLOCKS = 64
"""Blocks that call one another."""
MAX_NESTING = 128
"""Composites and blocks inside one another."""


def elaborate(
    document: Document, settings: Mapping[str, Any] | None = None, *, config: Mapping[str, Any] | None = None
) -> Network:
    """The network that a spec describes.

    ``settings`` are the parameters set from outside (``--set``), as values; ``config`` is the content of
    a ``config.json`` for ``model ... from config``.  Raises :class:`FptError` with all the faults of the
    architecture, those of its shapes included when there is another fault.
    """
    if document.model is None:
        text = document.sources[0] if document.sources else None
        raise FptError(*_no_model(text.name if text else None))
    faults = Faults()
    with paused():
        network = _Elaborator(document.blocks, faults).network(document, document.model, settings or {}, config or {})
        wire(network, faults)
        if faults:
            lower_into(network, faults)
    faults.check()
    return network


def _no_model(name: str | None) -> Sequence[Any]:
    diagnostics = Diagnostics()
    where = f"{name} has" if name else "there is"
    hint = 'write `model NAME { ... }`, bring one in with `use "model.fpt"`, or give `--model FILE.fpt`'
    diagnostics.add("F229", f"{where} no model", None, hint=hint, path=name)
    return diagnostics.errors


def next_element(network: Network, scope: Scope, index: int | None = None) -> Tree | None:
    """The element that a ``repeat`` would have at ``index`` (None: next); None where it has a fault."""
    if scope.origin is None or not isinstance(scope.origin.statement, syntax.Repeat):
        return None
    statement, environment = scope.origin.statement, scope.origin.environment
    if not isinstance(environment.frame.definition, (syntax.Model, syntax.Block)):
        return None
    faults = Faults()
    elaborator = _Elaborator(network.blocks, faults)
    context = _Context(environment, environment.lookup()).inside("repeat")
    nodes = elaborator.statement(
        statement.body, context.indexed(statement.index, len(scope.children) if index is None else index)
    )
    return nodes[0] if len(nodes) == 1 and not faults else None


class _TooMany(Exception):
    """The limit of layers is passed: nothing more is unrolled."""


@dataclass(frozen=True)
class _Context:
    """Where a statement is read: its environment, and what is around it."""

    environment: Environment
    names: Mapping[str, Any]
    numbered: bool = False
    """Directly inside ``sequential`` or ``repeat``, where a number takes the place of a key."""
    sequential: bool = False
    blocks: tuple[str, ...] = ()
    depth: int = 0
    copies: int = 1
    """How often the ``repeat``s around this make the same again."""

    def inside(self, kind: str) -> _Context:
        numbered = kind in ("sequential", "repeat")
        return replace(self, numbered=numbered, sequential=kind == "sequential", depth=self.depth + 1)

    def indexed(self, name: str | None, index: Any) -> _Context:
        if name is None:
            return self
        indices = tuple(pair for pair in self.environment.indices if pair[0] != name)
        environment = replace(self.environment, indices=(*indices, (name, index)))
        return replace(self, environment=environment, names={**self.names, name: index})


class _Elaborator:
    def __init__(self, blocks: Mapping[str, syntax.Block], faults: Faults) -> None:
        self.blocks = blocks
        self.faults = faults
        self.validator = Validator(faults)
        self.layers = 0

    def network(
        self, document: Document, model: syntax.Model, settings: Mapping[str, Any], config: Mapping[str, Any]
    ) -> Network:
        for block in self.blocks.values():
            if block.name in OPERATIONS:
                self.faults.add("F220", f"`{block.name}` is an operation already", block.span, hint="rename the block")
        check_text([model.body, *(block.body for block in self.blocks.values())], self.blocks, self.faults)
        values = model_values(model, document.model_args, settings, config, self.faults)
        frame = Frame(model, values)
        try:
            body = self.statements(model.body, _Context(Environment(frame), values))
        except _TooMany:
            self.faults.check()
            raise
        check_keys(body, self.faults)
        names = name_all(body)
        for node in (*names.modules, *names.places):
            # The nodes are new and nobody else has seen them: their names complete them.
            object.__setattr__(node, "old", names.of(node))
        return Network(
            name=model.name,
            parameters=values,
            body=body,
            frame=frame,
            file=document.file,
            blocks=self.blocks,
        )

    # --- statements --------------------------------------------------------------------------

    def statements(self, body: Sequence[syntax.Stmt], context: _Context) -> tuple[Tree, ...]:
        nodes: list[Tree] = []
        for statement in body:
            nodes.extend(self.statement(statement, context))
        return tuple(nodes)

    def statement(self, statement: syntax.Stmt, context: _Context) -> Sequence[Tree]:
        """The nodes of one statement: one, or those that an ``if`` picks or a ``repeat`` lines up."""
        if isinstance(statement, syntax.If):
            return self.condition(statement, context)
        if isinstance(statement, syntax.Apply):
            return (self.apply(statement, context),)
        if isinstance(statement, syntax.Repeat):
            return self.repeat(statement, context)
        common = self.common(statement, context)
        if isinstance(statement, syntax.Input):
            return (self.input(statement, context, common),)
        if isinstance(statement, syntax.Output):
            return (Output(**common, name=statement.name, value=statement.value),)
        if isinstance(statement, syntax.Reuse):
            self.count(statement)
            return (Reuse(**common, target=statement.target, sources=statement.sources),)
        return (self.composite(statement, context, common),)

    def common(self, statement: syntax.Stmt, context: _Context) -> dict[str, Any]:
        origin = Origin(statement, context.environment)
        return {"key": statement.key, "let": statement.let, "origin": origin}

    def count(self, statement: syntax.Stmt) -> None:
        self.layers += 1
        if self.layers > MAX_LAYERS:
            self.too_many(statement)

    def too_many(self, statement: syntax.Stmt) -> None:
        message = f"the network has more than {MAX_LAYERS:,} layers"
        self.faults.add("F228", message, statement.span, hint="lower the count of the `repeat`s around this")
        raise _TooMany

    def condition(self, statement: syntax.If, context: _Context) -> Sequence[Tree]:
        test = evaluate(statement.test, context.names, self.faults)
        if test is not POISON and not isinstance(test, bool):
            message = f"the condition of `if` is {describe(test)}, not true or false"
            hint = "compare it: `!= 0`" if isinstance(test, (int, float)) else None
            self.faults.add("F211", message, statement.test.span, hint=hint)
            test = POISON
        if test is POISON:
            # Both sides are read for their faults; the first stands for the rest.
            self.statements(_described(statement.otherwise or ()), context)
            return (*self.statements(_described(statement.then), context), self.broken(statement, context))
        return self.statements(statement.then if test else statement.otherwise or (), context)

    def broken(self, statement: syntax.Stmt, context: _Context) -> Broken:
        common = self.common(statement, context)
        if isinstance(statement, syntax.Input):
            common["let"] = statement.name
        op = statement.op if isinstance(statement, syntax.Apply) else "unknown"
        return Broken(**common, op=op, args=Args())

    def input(self, statement: syntax.Input, context: _Context, common: dict[str, Any]) -> Tree:
        dims: list[int | str] = []
        if not statement.dims:
            hint = "the batch axis is implied; a single number for each sample is `[1]`"
            self.faults.add("F234", f"input `{statement.name}` has no sizes", statement.span, hint=hint)
            return self.broken(statement, context)
        for dim in statement.dims:
            if isinstance(dim, syntax.Name) and dim.name not in context.names:
                dims.append(dim.name)
                continue
            size = evaluate(dim, context.names, self.faults)
            if size is POISON:
                return self.broken(statement, context)
            if type(size) is not int or not 1 <= size <= MAX_SIZE:
                message = f"an input's size is a whole number from 1 to 2^31, not {describe(size)}"
                self.faults.add("F234", message, dim.span or statement.span)
                return self.broken(statement, context)
            dims.append(size)
        return Input(**common, name=statement.name, dtype=statement.dtype, dims=tuple(dims))

    # --- operations and blocks ---------------------------------------------------------------

    def apply(self, statement: syntax.Apply, context: _Context) -> Tree:
        block = self.blocks.get(statement.op)
        if block is not None:
            return self.block(statement, block, context)
        self.count(statement)
        operation = OPERATIONS.get(statement.op)
        span = statement.op_span or statement.span
        if operation is None:
            unknown_operation(statement, self.blocks, self.faults)
            return self.broken(statement, context)
        if operation.has_parameters and statement.key is None and not context.numbered:
            hint = f"give it the module's name: `name: {statement.op}(...)`"
            self.faults.add("F219", f"`{statement.op}` has parameters and needs a key", span, hint=hint)
        args = self.validator.args(operation, statement.args, context.names, span)
        if args is None:
            return self.broken(statement, context)
        return Layer(**self.common(statement, context), op=statement.op, args=args, sources=statement.sources)

    def block(self, statement: syntax.Apply, block: syntax.Block, context: _Context) -> Tree:
        chain = (*context.blocks, block.name)
        span = statement.op_span or statement.span
        if block.name in context.blocks:
            cycle = " -> ".join(chain[chain.index(block.name) :])
            self.faults.add("F226", f"block `{block.name}` calls itself: {cycle}", span, hint="repeat it with `repeat`")
            return self.broken(statement, context)
        if len(chain) > MAX_BLOCKS or self.too_deep(span, context):
            self.faults.add("F227", f"blocks call one another more than {MAX_BLOCKS} deep", span)
            return self.broken(statement, context)
        values = block_values(block, statement, context.names, self.faults)
        if values is None:
            return self.broken(statement, context)
        frame = Frame(block, values, call=statement, caller=context.environment)
        inner = _Context(Environment(frame), values, blocks=chain, depth=context.depth + 1, copies=context.copies)
        children = self.statements(block.body, inner)
        common = self.common(statement, context)
        return Scope(**common, kind="block", children=children, block_name=block.name, sources=statement.sources)

    # --- composites --------------------------------------------------------------------------

    def too_deep(self, span: Span | None, context: _Context) -> bool:
        if context.depth < MAX_NESTING:
            return False
        message = f"composites and blocks are nested more than {MAX_NESTING} deep"
        self.faults.add("F227", message, span, hint="put fewer braces and blocks inside one another")
        return True

    def composite(
        self,
        statement: syntax.Group | syntax.Sequential | syntax.Residual | syntax.Parallel,
        context: _Context,
        common: dict[str, Any],
    ) -> Tree:
        if self.too_deep(statement.span, context):
            return self.broken(statement, context)
        if isinstance(statement, syntax.Parallel):
            branches = self.statements(statement.branches, context.inside("parallel"))
            return Scope(**common, kind="parallel", children=branches, mode=statement.mode)
        if isinstance(statement, syntax.Residual):
            inner = context.inside("residual")
            shortcut = self.statements(statement.shortcut or (), inner)
            return Scope(**common, kind="residual", children=self.statements(statement.body, inner), shortcut=shortcut)
        if isinstance(statement, syntax.Sequential):
            children = self.statements(statement.body, context.inside("sequential"))
            return Scope(**common, kind="sequential", children=children)
        return Scope(**common, kind="group", children=self.statements(statement.body, context.inside("group")))

    def repeat(self, statement: syntax.Repeat, context: _Context) -> Sequence[Tree]:
        count = evaluate(statement.count, context.names, self.faults)
        if count is not POISON and (type(count) is not int or count < 0):
            message = f"`repeat` takes a whole number from 0, not {describe(count)}"
            self.faults.add("F225", message, statement.count.span or statement.span)
            count = POISON
        if self.too_deep(statement.span, context):
            return (self.broken(statement, context),)
        inner = context.inside("repeat")
        if statement.index is None and count is not POISON:
            # Without an index all elements are alike, so that their number is known before they are made.
            inner = replace(inner, copies=context.copies * count)
        if count is POISON:
            self.statement(statement.body, inner.indexed(statement.index, POISON))
            return (self.broken(statement, context),)
        if max(count, inner.copies) > MAX_LAYERS:
            self.too_many(statement)
        elements: list[Tree] = []
        for index in range(count):
            before = self.layers
            elements.extend(self.statement(statement.body, inner.indexed(statement.index, index)))
            # What makes no layer counts as one, or a repeat of nothing would run for ever.
            self.layers = max(self.layers, before + 1)
            if index == 0 and (self.layers - before) * inner.copies > MAX_LAYERS:
                self.too_many(statement)
        if context.sequential and statement.key is None and statement.let is None:
            # Without a key its elements are children of the ``sequential``: the numbers go on.
            return elements
        return (Scope(**self.common(statement, context), kind="repeat", children=tuple(elements)),)


def check_keys(body: tuple[Tree, ...], faults: Faults) -> None:
    """Every module has a name that ``nn.Module`` can hold, and no name is used twice."""
    first: dict[str, Tree] = {}
    twice: set[str] = set()
    for name, own, node in visit(body):
        if not own:
            continue
        if name.rpartition(".")[0] in twice:
            # Inside what is there twice already: said once, at the outermost.
            twice.add(name)
            continue
        span = node.origin.span if node.origin else None
        if node.key is not None and not (node.key.isidentifier() or node.key.isdigit()):
            hint = "a key is a name: letters, digits and `_`"
            faults.add("F221", f"`{node.key}` cannot be the name of a module", span, hint=hint)
        if name in first:
            twice.add(name)
            other = first[name].origin
            notes = (Note(f"`{name}` is defined here", other.span),) if other else ()
            hint = "give one of them another key"
            faults.add("F220", f"there are two modules called `{name}`", span, hint=hint, notes=notes)
        first.setdefault(name, node)


def _described(body: Sequence[syntax.Stmt]) -> list[syntax.Stmt]:
    """Without the statements by which a spec refuses itself: whether it does cannot be told."""
    return [each for each in body if not isinstance(each, syntax.Apply) or OPERATIONS.get(each.op) is not Refuse]
