"""Values of expressions: numbers, strings, lists and names, nothing that can execute code.

Integers stay below 2**63 and floats finite; strings and lists cannot be added or multiplied, so no
expression can grow beyond its text.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from ..diagnostics import Span, did_you_mean
from ..language import syntax
from .faults import Faults

LARGEST = 2**63
DEEPEST = 100


class Poison:
    """The value of what is at fault; whatever uses it is unknown too and is not reported again."""

    def __repr__(self) -> str:
        return "<unknown>"


POISON = Poison()


class _Fault(Exception):
    def __init__(self, code: str, message: str, span: Span | None, hint: str | None = None) -> None:
        self.code, self.message, self.span, self.hint = code, message, span, hint


class _Unknown(Exception):
    """A poisoned name was used."""


def evaluate(expr: syntax.Expr, names: Mapping[str, Any], faults: Faults) -> Any:
    """The value of ``expr``, or ``POISON`` after reporting its fault; lists become tuples.

    An expression has at most one fault reported (its first).
    """
    if isinstance(expr, syntax.Literal_) and (type(expr.value) is not int or abs(expr.value) < LARGEST):
        return expr.value
    try:
        return _value(expr, names, 0)
    except _Unknown:
        return POISON
    except _Fault as fault:
        faults.add(fault.code, fault.message, fault.span or expr.span, hint=fault.hint)
        return POISON


def describe(value: Any) -> str:
    """A value as it is written in a spec."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(map(describe, value)) + "]"
    return str(value)


def _value(expr: syntax.Expr, names: Mapping[str, Any], depth: int) -> Any:
    if depth > DEEPEST:
        raise _Fault("F213", f"this expression is nested deeper than {DEEPEST} levels", expr.span)
    if isinstance(expr, syntax.Literal_):
        return _bounded(expr.value, expr)
    if isinstance(expr, syntax.Name):
        return _name(expr, names)
    if isinstance(expr, syntax.List):
        return tuple(_value(item, names, depth + 1) for item in expr.items)
    if isinstance(expr, syntax.Conditional):
        picked = expr.then if _truth(expr.test, names, depth, "the condition") else expr.otherwise
        return _value(picked, names, depth + 1)
    if isinstance(expr, syntax.Call):
        return _call(expr, [_value(arg, names, depth + 1) for arg in expr.args])
    if isinstance(expr, syntax.Unary):
        if expr.op == "not":
            return not _truth(expr.operand, names, depth, "`not`")
        value = _number(_value(expr.operand, names, depth + 1), expr.operand, f"`{expr.op}`")
        return -value if expr.op == "-" else value
    return _binary(expr, names, depth)


def _name(expr: syntax.Name, names: Mapping[str, Any]) -> Any:
    if expr.name not in names:
        known = ", ".join(f"`{name}`" for name in names)
        hint = did_you_mean(expr.name, (*names, "true", "false", "none"))
        hint = hint or (f"known here: {known}" if known else "there are no parameters here")
        raise _Fault("F210", f"`{expr.name}` is not a parameter or loop index", expr.span, hint)
    value = names[expr.name]
    if value is POISON:
        raise _Unknown
    return value


def _number(value: Any, expr: syntax.Expr, what: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _Fault("F211", f"{what} takes numbers, not {describe(value)}", expr.span)
    return value


def _truth(expr: syntax.Expr, names: Mapping[str, Any], depth: int, what: str) -> bool:
    value = _value(expr, names, depth + 1)
    if not isinstance(value, bool):
        hint = "compare it: `!= 0`" if isinstance(value, (int, float)) else None
        raise _Fault("F211", f"{what} takes true or false, not {describe(value)}", expr.span, hint)
    return value


def _bounded(value: Any, expr: syntax.Expr) -> Any:
    """The value, where it is a number of reasonable size."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= LARGEST:
        raise _Fault("F213", "this number does not fit into 63 bits", expr.span)
    if isinstance(value, float) and not math.isfinite(value):
        raise _Fault("F213", "this number is not finite", expr.span)
    return value


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _binary(expr: syntax.Binary, names: Mapping[str, Any], depth: int) -> Any:
    what = f"`{expr.op}`"
    if expr.op in ("and", "or"):
        if _truth(expr.left, names, depth, what) == (expr.op == "or"):
            return expr.op == "or"
        return _truth(expr.right, names, depth, what)
    left = _value(expr.left, names, depth + 1)
    right = _value(expr.right, names, depth + 1)
    if expr.op in ("==", "!="):
        return _equal(left, right) == (expr.op == "==")
    _number(left, expr.left, what)
    _number(right, expr.right, what)
    if expr.op in _ORDER:
        return _ORDER[expr.op](left, right)
    try:
        return _bounded(_ARITHMETIC[expr.op](left, right), expr)
    except ZeroDivisionError:
        raise _Fault("F212", f"{describe(left)} {expr.op} {describe(right)} divides by zero", expr.span) from None
    except OverflowError:
        raise _Fault("F213", "this number is not finite", expr.span) from None


def _equal(left: Any, right: Any) -> bool:
    """``==`` in which ``true`` is not 1."""
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _call(expr: syntax.Call, values: list[Any]) -> Any:
    what = f"`{expr.function}`"
    if expr.function in ("min", "max"):
        items = list(values[0]) if len(values) == 1 and isinstance(values[0], tuple) else values
        if not items:
            raise _Fault("F211", f"{what} takes at least one number", expr.span)
        pick = min if expr.function == "min" else max
        return pick(_number(item, expr, what) for item in items)
    if expr.function == "at":
        return _entry(expr, values)
    functions: dict[str, Callable[[Any], int]] = {"ceil": math.ceil, "floor": math.floor, "round": round}
    if expr.function not in functions:
        known = ("min", "max", "at", *functions)
        raise _Fault("F210", f"there is no function {what}", expr.span, did_you_mean(expr.function, known))
    if len(values) != 1:
        raise _Fault("F211", f"{what} takes one number, not {len(values)} values", expr.span)
    return _bounded(functions[expr.function](_number(values[0], expr.args[0], what)), expr)


def _entry(expr: syntax.Call, values: list[Any]) -> Any:
    """``at(list, index)``: entries count from 0."""
    if len(values) != 2 or not isinstance(values[0], tuple):
        raise _Fault("F211", "`at` takes a list and a number", expr.span)
    items, index = values
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(items):
        there = f"0 to {len(items) - 1}" if items else "none"
        raise _Fault("F211", f"the list has no entry {describe(index)}", expr.args[1].span, f"its entries: {there}")
    return items[index]
