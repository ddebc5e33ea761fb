"""Expressions, arguments and paths as text: the least parentheses, numbers as a person writes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

from . import syntax

_CONDITIONAL, _OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _SIGN, _ATOM = range(9)
_LEVEL = {
    "or": _OR,
    "and": _AND,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), _COMPARE),
    **dict.fromkeys("+-", _SUM),
    **dict.fromkeys(("*", "/", "//", "%"), _PRODUCT),
}
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def expression(node: syntax.Expr, level: int = _CONDITIONAL) -> str:
    """The text of an expression; parentheses where it binds weaker than ``level``."""
    text, own = _text(node)
    return text if own >= level else f"({text})"


def _text(node: syntax.Expr) -> tuple[str, int]:
    if isinstance(node, syntax.Literal_):
        text = literal(node.value)
        return text, _SIGN if text.startswith("-") else _ATOM
    if isinstance(node, syntax.Name):
        return node.name, _ATOM
    if isinstance(node, syntax.List):
        return f"[{', '.join(map(expression, node.items))}]", _ATOM
    if isinstance(node, syntax.Call):
        return f"{node.function}({', '.join(map(expression, node.args))})", _ATOM
    if isinstance(node, syntax.Unary):
        if node.op == "not":
            return f"not {expression(node.operand, _NOT)}", _NOT
        return node.op + expression(node.operand, _SIGN), _SIGN
    if isinstance(node, syntax.Binary):
        own = _LEVEL[node.op]
        left = expression(node.left, own + (own == _COMPARE))
        return f"{left} {node.op} {expression(node.right, own + 1)}", own
    then, test = expression(node.then, _OR), expression(node.test, _OR)
    return f"{then} if {test} else {expression(node.otherwise)}", _CONDITIONAL


def literal(value: int | float | str | bool | None) -> str:
    """The text of a constant.  Raises ValueError for infinity and NaN, which the language cannot write."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return string(value)
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be written in a spec")
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def string(value: str) -> str:
    """A string in double quotes; control characters as escapes."""

    def escape(char: str) -> str:
        return _ESCAPES.get(char) or (f"\\u{ord(char):04x}" if ord(char) < 32 or 127 <= ord(char) < 160 else char)

    return f'"{"".join(map(escape, value))}"'


def factor(value: float) -> str:
    """``1.5x``; no exponent, no needless decimals."""
    text = format(Decimal(repr(float(value))), "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) + "x"


def limit(value: float) -> str:
    """The bound of ``require params``: ``25M`` where that is exact."""
    for suffix, unit in (("B", 10**9), ("M", 10**6), ("K", 10**3)):
        text = literal(round(value / unit, 3)).removesuffix(".0")
        if unit <= value and len(text) <= 5 and float(text) * unit == value:
            return text + suffix
    return literal(value).removesuffix(".0")


def argument(node: syntax.Argument) -> str:
    if isinstance(node.value, syntax.Using):
        return f"{node.name}={node.value.method}{arguments(node.value.options)}"
    text, level = _text(node.value)
    if node.name is None:
        return text
    return f"{node.name}={text}" if level > _COMPARE else f"{node.name} = {text}"


def arguments(nodes: Sequence[syntax.Argument]) -> str:
    """``(a, b=c)``, or nothing where there are none."""
    return f"({', '.join(map(argument, nodes))})" if nodes else ""


def parameter(node: syntax.Param) -> str:
    return node.name if node.default is None else f"{node.name} = {expression(node.default)}"
