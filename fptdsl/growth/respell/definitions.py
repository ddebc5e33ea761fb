"""Rewriting one definition, in as many variants as its readings need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...language import syntax
from .builder import Builder
from .expressions import UNKNOWN, alike, literal, names_in, value
from .naming import Fresh, words_in
from .pieces import write_all
from .selectors import Occurrence
from .settle import settle
from .slots import Split, Unroll, Unspellable
from .spots import Definition, Reading, Spot
from .templates import Templates
from .writer import Writer


@dataclass(frozen=True, eq=False)
class Context:
    """What rewriting a definition needs to know about the rest."""

    templates: Templates
    calls: Mapping[Spot, Reading]
    names: frozenset[str]
    """Names of blocks and operations."""


def rewrite(definition: Definition, readings: Sequence[Reading], context: Context) -> list[Definition]:
    """The definition as the grown network needs it: one, or variants for some readings each.

    The readings then have the new definition and know what they want of their call.  Variants after the
    first still have the name of the first.
    """
    original = definition
    unrolled: set[int] = set()
    while True:
        for reading in readings:
            reading.reset()
            reading.rewritten(original)
        try:
            return [_attempt(original, readings, context, unrolled)]
        except Unroll as fault:
            if id(fault.statement) in unrolled:
                raise Unspellable from fault
            unrolled.add(id(fault.statement))
        except Split as split:
            classes: dict[object, list[Reading]] = {}
            for reading in readings:
                classes.setdefault(split.classes.get(reading), []).append(reading)
            if len(classes) < 2:
                raise Unspellable from split
            # The largest class first: it keeps the name.
            ordered = sorted(classes.values(), key=len, reverse=True)
            return [variant for group in ordered for variant in rewrite(original, group, context)]


def _attempt(definition: Definition, readings: Sequence[Reading], context: Context, unrolled: set[int]) -> Definition:
    """The definition as one text; raises :class:`Split` or :class:`Unroll` where that cannot be."""
    fresh = Fresh(words_in(definition) | context.names)
    params = frozenset(param.name for param in definition.params)
    builder = Builder(context.templates, context.calls, params, _statements(definition.body), unrolled)
    pieces = builder.body(definition.body, [(Occurrence(reading), reading.body) for reading in readings])
    settle(definition, readings, builder.slots)
    writer = Writer(definition, fresh)
    body = write_all(pieces, writer)
    changed_params = (*definition.params, *(syntax.Param(added.name, added.default) for added in writer.added))
    body = definition.body if body == definition.body else body
    changed = replace(definition, params=changed_params, body=body)
    result = definition if changed == definition else changed
    _note_wanted(result, readings, writer)
    if isinstance(result, syntax.Model):
        result = with_values(result, readings[0].values())
    for reading in readings:
        reading.rewritten(result)
    return result


def _statements(body: Sequence[syntax.Stmt]) -> set[int]:
    """The identities of all statements of a definition."""
    found: set[int] = set()

    def visit(node: object) -> None:
        if isinstance(node, tuple):
            for part in node:
                visit(part)
        elif isinstance(node, syntax.Statement):
            found.add(id(node))
            for name in ("body", "shortcut", "branches", "then", "otherwise"):
                visit(getattr(node, name, None))

    visit(tuple(body))
    return found


def _note_wanted(definition: Definition, readings: Sequence[Reading], writer: Writer) -> None:
    """Each reading's values of the parameters that its body uses, by way of defaults too."""
    used: dict[Reading, set[str]] = {reading: set() for reading in readings}
    for slot, expr in writer.written.items():
        names = names_in(expr)
        for reading in slot.by_reading() if names else ():
            used[reading] |= names
    for reading in readings:
        reading.rewritten(definition)
        values = reading.values()
        for param in reversed(definition.params):
            if param.name in used[reading] and param.default is not None:
                default = value(param.default, values)
                if default is not UNKNOWN and alike(default, values[param.name]):
                    # The call may leave the argument out, and then relies on what the default uses.
                    used[reading] |= names_in(param.default)
        reading.wanted = {
            param.name: values[param.name]
            for param in definition.params
            if param.name in used[reading] and values.get(param.name, UNKNOWN) is not UNKNOWN
        }


def with_values(model: syntax.Model, values: Mapping[str, Any]) -> syntax.Model:
    """The model with the parameters' final values as their defaults.

    One that takes them from a ``config.json`` goes on doing so where there is one.
    """
    params: list[syntax.Param] = []
    for param in model.params:
        wanted = values[param.name]
        default = UNKNOWN if param.default is None else value(param.default, values)
        keep = default is not UNKNOWN and alike(default, wanted)
        params.append(param if keep or wanted is UNKNOWN else replace(param, default=literal(wanted)))
    changed = replace(model, params=tuple(params))
    return model if changed == model else changed
