"""Arguments: positional and named ones put under their names, and held against an operation's model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from ..diagnostics import Span, did_you_mean
from ..language import syntax
from .arguments import Args
from .expressions import POISON, describe, evaluate
from .faults import Faults
from .ops.base import Operation


def check_form(
    what: str, arguments: Sequence[syntax.Argument], parameters: Sequence[str], faults: Faults
) -> list[tuple[str, syntax.Argument]] | None:
    """The arguments with the parameters they are for; None after a fault (unknown, too many, twice)."""
    bound: dict[str, syntax.Argument] = {}
    sound = True
    for position, argument in enumerate(arguments):
        name = argument.name
        if name is None:
            if position >= len(parameters):
                takes = f"at most {len(parameters)} arguments" if parameters else "no arguments"
                faults.add("F217", f"`{what}` takes {takes}", argument.span, hint=_listed(parameters))
                return None
            name = parameters[position]
        elif name not in parameters:
            hint = did_you_mean(name, parameters) or _listed(parameters)
            faults.add("F215", f"`{what}` has no argument `{name}`", argument.span, hint=hint)
            sound = False
            continue
        if name in bound:
            faults.add("F217", f"`{what}` is given `{name}` twice", argument.span)
            sound = False
        bound.setdefault(name, argument)
    return list(bound.items()) if sound else None


def bind(
    what: str,
    arguments: Sequence[syntax.Argument],
    parameters: Sequence[str],
    names: Mapping[str, Any],
    faults: Faults,
) -> tuple[dict[str, Any], dict[str, Span | None]] | None:
    """The arguments' values and places by parameter; None after a fault of form.

    A value at fault is ``POISON``.
    """
    bound = check_form(what, arguments, parameters, faults)
    values: dict[str, Any] = {}
    spans: dict[str, Span | None] = {}
    # Also where the form is at fault the values are read, for theirs.
    for name, argument in bound if bound is not None else [("", argument) for argument in arguments]:
        assert not isinstance(argument.value, syntax.Using), "only `grow` options hold methods"
        values[name], spans[name] = evaluate(argument.value, names, faults), argument.span
    return (values, spans) if bound is not None else None


def _listed(parameters: Sequence[str]) -> str:
    return "it takes " + ", ".join(f"`{name}`" for name in parameters) if parameters else "write it without arguments"


class Validator:
    """Makes the validated arguments of operations; equal ones are made once."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._known: dict[tuple[str, str], Args] = {}
        self._fields: dict[str, tuple[str, ...]] = {}

    def args(
        self,
        operation: type[Operation],
        arguments: Sequence[syntax.Argument],
        names: Mapping[str, Any],
        span: Span | None,
    ) -> Args | None:
        """The operation's model, or None after reporting what is wrong with the arguments."""
        fields = self._fields.get(operation.name)
        if fields is None:
            fields = self._fields[operation.name] = tuple(operation.Args.model_fields)
        bound = bind(operation.name, arguments, fields, names, self._faults)
        if bound is None or POISON in bound[0].values():
            return None
        values, spans = bound
        # ``repr`` and not the values: 1, 1.0 and True are equal but not alike.
        key = (operation.name, repr(values))
        if key not in self._known:
            try:
                self._known[key] = operation.Args(**values)
            except ValidationError as error:
                self._report(operation.name, error, values, spans, span)
                return None
        return self._known[key]

    def _report(
        self,
        op: str,
        error: ValidationError,
        values: Mapping[str, Any],
        spans: Mapping[str, Span | None],
        span: Span | None,
    ) -> None:
        missing: list[str] = []
        wanted: dict[str, list[str]] = {}
        for item in error.errors(include_url=False):
            field = str(item["loc"][0]) if item["loc"] else ""
            if item["type"] == "missing" and len(item["loc"]) == 1:
                missing.append(f"`{field}`")
            elif item["type"] == "argument":
                # An operation's own validator: the message is a whole predicate.
                what = f"`{field}` of `{op}`" if field else f"`{op}`:"
                self._faults.add("F218", f"{what} {item['msg']}", spans.get(field) or span)
            else:
                phrases = wanted.setdefault(field, [])
                if _phrase(item) not in phrases:
                    phrases.append(_phrase(item))
        if missing:
            self._faults.add("F216", f"`{op}` needs {' and '.join(missing)}", span)
        for field, phrases in wanted.items():
            value = values.get(field)
            hint = "use `//`, `round`, `ceil` or `floor` for a whole number" if isinstance(value, float) else None
            message = f"`{field}` of `{op}` should be {' or '.join(phrases)}, not {describe(value)}"
            self._faults.add("F218", message, spans.get(field) or span, hint=hint)


_PHRASES = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a string",
    "tuple_type": "a list",
    "list_type": "a list",
    "none_required": "none",
    "finite_number": "a finite number",
    "too_short": "a list of the right length",
    "too_long": "a list of the right length",
    "missing": "a list of the right length",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "enum": "{expected}",
}


def _phrase(item: Mapping[str, Any]) -> str:
    """What a value must be, in words, from one of pydantic's errors."""
    context = item.get("ctx", {})
    phrase = _PHRASES.get(item["type"])
    if phrase is not None:
        return phrase.format(**context).replace("'", '"')
    return str(item["msg"]).lower()
