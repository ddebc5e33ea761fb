"""Checks what directives say, before anything is known of the network: numbers, methods, options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from ..diagnostics import Diagnostics, Note, Span, did_you_mean
from . import syntax
from .methods import METHODS, Kind, Options

MAX_SIZE = 2**31
MAX_NEW = 1_000_000
MAX_SEED = 2**63 - 1

_KINDS: dict[type[syntax.Node], Kind] = {
    syntax.Widen: "widen",
    syntax.Deepen: "deepen",
    syntax.Enlarge: "enlarge",
    syntax.Branch: "branch",
}

_ANY: tuple[Kind, ...] = ("widen",)


@dataclass(frozen=True)
class Method:
    """A method asked for by name, with its options filled in.

    ``given`` are the names of the options that the user wrote; the others are defaults.
    """

    name: str
    kind: Kind
    options: Options
    given: frozenset[str]
    span: Span | None = None

    @property
    def mapping(self) -> Mapping[str, Any]:
        """The options by name."""
        return self.options.model_dump()


def method_of(using: syntax.Using, kind: Kind) -> Method:
    """The typed method of a ``using``.  Raises FptError with all the faults in it."""
    faults = Diagnostics()
    method = _method(using, kind, faults)
    faults.check()
    assert method is not None
    return method


def method_for(directive: syntax.Directive, grow: syntax.Grow) -> Method | None:
    """The method that a directive asks for, itself or through its section; None for the automatic choice.

    Options of a section that only the other kind of directive knows do not count against this one.
    Raises FptError with all the faults in it.
    """
    if isinstance(directive, syntax.Require):
        return None
    kind = _KINDS[type(directive)]
    if directive.using is not None:
        return method_of(directive.using, kind)
    section = section_method(grow)
    return None if section is None else method_of(_fitting(section, kind), kind)


def _fitting(using: syntax.Using, kind: Kind) -> syntax.Using:
    """Without the options that the method has for other kinds of directive only."""
    serves = METHODS.get(using.method, {})
    known = {name for model in serves.values() for name in model.model_fields}
    here = serves[kind].model_fields if kind in serves else {}
    options = tuple(option for option in using.options if option.name in here or option.name not in known)
    return replace(using, options=options)


def section_method(grow: syntax.Grow) -> syntax.Using | None:
    """The ``using`` of a section's options, whichever way it is written."""
    for argument in grow.options:
        if argument.name == "using":
            if isinstance(argument.value, syntax.Using):
                return argument.value
            word = _constant(argument.value)
            return syntax.Using(word, span=argument.value.span) if isinstance(word, str) else None
    return None


def section_seed(grow: syntax.Grow) -> int | None:
    """The ``seed`` of a section's options."""
    for argument in grow.options:
        value = None if isinstance(argument.value, syntax.Using) else _constant(argument.value)
        if argument.name == "seed" and type(value) is int:
            return value
    return None


def check_grows(grows: Sequence[syntax.Grow], faults: Diagnostics) -> None:
    """Hold every section and directive against the language; collects the faults."""
    for grow in grows:
        _check_options(grow, faults)
        for directive in grow.directives:
            _check_numbers(directive, faults)
            if not isinstance(directive, syntax.Require) and directive.using is not None:
                _method(directive.using, _KINDS[type(directive)], faults)


# --- sections ------------------------------------------------------------------------------------


def _check_options(grow: syntax.Grow, faults: Diagnostics) -> None:
    for argument in _once(grow.options, "a `grow` section", faults):
        if argument.name == "seed":
            value = _constant(argument.value)
            if type(value) is not int or not 0 <= value <= MAX_SEED:
                faults.add("F135", "`seed` must be a whole number from 0 to 2^63 - 1", argument.value.span)
        elif argument.name == "using":
            method = section_method(grow)
            if method is None:
                hint = f"name one of {', '.join(METHODS)}"
                faults.add("F135", "`using` must name a method", argument.value.span, hint=hint)
            else:
                _check_section_method(method, grow, faults)
        else:
            hint = did_you_mean(argument.name or "", ("using", "seed")) or "it knows `using` and `seed`"
            faults.add("F135", f"a `grow` section has no option `{argument.name}`", argument.span, hint=hint)


def _check_section_method(method: syntax.Using, grow: syntax.Grow, faults: Diagnostics) -> None:
    """The section's method must serve every directive that has none of its own."""
    kinds = {_KINDS[type(d)] for d in grow.directives if not isinstance(d, syntax.Require) and d.using is None}
    asked: list[Kind] = sorted(kinds) or list(METHODS.get(method.method, _ANY))
    for kind in asked:
        _method(_fitting(method, kind) if len(kinds) != 1 else method, kind, faults)


# --- methods -------------------------------------------------------------------------------------


def _method(using: syntax.Using, kind: Kind, faults: Diagnostics) -> Method | None:
    before = len(faults.items)
    place = _name_span(using)
    serves = METHODS.get(using.method)
    if serves is None:
        hint = did_you_mean(using.method, METHODS) or f"the methods are {', '.join(METHODS)}"
        faults.add("F131", f"there is no method `{using.method}`", place, hint=hint)
        return None
    if kind not in serves:
        others = [name for name, kinds in METHODS.items() if kind in kinds]
        hint = (
            f"for `{kind}` there are {', '.join(others)}" if others else f"`{kind}` has one way only: leave `using` out"
        )
        faults.add("F134", f"the method `{using.method}` cannot `{kind}`", place, hint=hint)
        return None
    model = serves[kind]
    what = f"`{using.method}` in `{kind}`"
    values: dict[str, Any] = {}
    spans: dict[str, Span | None] = {}
    for argument in _once(using.options, what, faults):
        name = str(argument.name)
        if name not in model.model_fields:
            faults.add("F132", f"{what} has no option `{name}`", argument.span, hint=_option_hint(name, using, kind))
            continue
        values[name], spans[name] = _constant(argument.value), argument.value.span
    try:
        options = model(**values)
    except ValidationError as error:
        for item in error.errors(include_url=False, include_context=True):
            name = str(item["loc"][0])
            faults.add("F133", f"`{name}` of `{using.method}` {_wanted(item)}", spans[name])
        return None
    return Method(using.method, kind, options, frozenset(values), using.span) if len(faults.items) == before else None


def _once(arguments: Sequence[syntax.Argument], what: str, faults: Diagnostics) -> list[syntax.Argument]:
    """The named arguments, each once; the others are faults."""
    seen: dict[str, syntax.Argument] = {}
    for argument in arguments:
        if argument.name is None:
            faults.add("F132", f"the options of {what} are written `name=value`", argument.span)
        elif argument.name in seen:
            first = Note("first given here", seen[argument.name].span)
            faults.add("F111", f"`{argument.name}` is given twice", argument.span, notes=(first,))
        else:
            seen[argument.name] = argument
    return list(seen.values())


def _name_span(using: syntax.Using) -> Span | None:
    """The place of the method's name alone."""
    if using.span is None:
        return None
    text = using.span.text
    start = using.span.start + (text.index(using.method, 5) if text.startswith("using") else 0)
    return Span(using.span.source, start, start + len(using.method))


def _option_hint(name: str, using: syntax.Using, kind: Kind) -> str:
    fields = METHODS[using.method][kind].model_fields
    elsewhere = [k for k, model in METHODS[using.method].items() if k != kind and name in model.model_fields]
    if elsewhere:
        return f"`{name}` is an option of `{using.method}` in `{elsewhere[0]}`"
    return did_you_mean(name, fields) or (
        f"it knows {', '.join(f'`{f}`' for f in fields)}" if fields else "it has none"
    )


def _constant(value: syntax.Expr | syntax.Using) -> Any:
    """The value of a constant: a literal, a bare word (as a string), a signed number; else the node."""
    if isinstance(value, syntax.Literal_):
        return value.value
    if isinstance(value, syntax.Name):
        return value.name
    if isinstance(value, syntax.Unary) and isinstance(value.operand, syntax.Literal_):
        number = value.operand.value
        if value.op != "not" and isinstance(number, (int, float)) and not isinstance(number, bool):
            return -number if value.op == "-" else number
    return value


def _wanted(item: Mapping[str, Any]) -> str:
    """What a pydantic error asks for, in words."""
    context = item.get("ctx", {})
    if item["type"] == "literal_error":
        return "must be one of " + str(context["expected"]).replace("'", "`").replace(" or ", ", ")
    words = {
        "greater_than": f"must be greater than {context.get('gt'):g}" if "gt" in context else "",
        "greater_than_equal": f"must be at least {context.get('ge'):g}" if "ge" in context else "",
        "less_than": f"must be less than {context.get('lt'):g}" if "lt" in context else "",
        "less_than_equal": f"must be at most {context.get('le'):g}" if "le" in context else "",
        "bool_type": "must be true or false",
        "float_type": "must be a number",
        "finite_number": "must be a finite number",
    }
    return words.get(item["type"]) or f"is wrong: {item['msg']}"


# --- numbers -------------------------------------------------------------------------------------


def _check_numbers(directive: syntax.Directive, faults: Diagnostics) -> None:
    def within(value: float, low: float, high: float, what: str, span: Span | None) -> None:
        if not low <= value <= high:
            bound = f"at least {low:g}" if value < low else f"at most {'2^31' if high == MAX_SIZE else f'{high:,}'}"
            faults.add("F130", f"{what} must be {bound}, not {value}", span)

    span = directive.span
    if isinstance(directive, syntax.Widen):
        amount = directive.amount
        if amount.kind != "factor":
            what = {"to": "a size", "by": "the number of new units", "multiple": "the multiple"}[amount.kind]
            within(amount.value, 1, MAX_SIZE, what, amount.span)
        elif not 0 < amount.value <= MAX_SIZE:
            faults.add("F130", "a factor must be greater than 0 and at most 2^31", amount.span)
    elif isinstance(directive, syntax.Deepen):
        within(directive.by, 1, MAX_NEW, "the number of new elements", span)
        if directive.to is not None:
            within(directive.to, 1, MAX_SIZE, "the width", span)
        if directive.after is not None:
            within(directive.after, 0, MAX_NEW, "the number of the element", span)
    elif isinstance(directive, syntax.Enlarge):
        for value in directive.to if isinstance(directive.to, tuple) else (directive.to,):
            within(value, 1, MAX_SIZE, "a size", span)
    elif isinstance(directive, syntax.Branch):
        within(directive.into, 2, MAX_NEW, "the number of branches", span)
    elif directive.limit is not None and not directive.limit > 0:
        faults.add("F130", "a limit must be greater than 0", span)
