"""What respelling does with expressions: value, names, substitution, literals, solving for one part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ...architecture.expressions import POISON, evaluate
from ...architecture.faults import Faults
from ...language import syntax

Expr = syntax.Expr


class Unknown:
    """The value of an expression that cannot be evaluated here."""

    def __repr__(self) -> str:
        return "<no value>"


UNKNOWN = Unknown()


def value(expr: Expr, names: Mapping[str, Any]) -> Any:
    """The value of ``expr``, or ``UNKNOWN`` where a name is missing or the arithmetic fails."""
    if isinstance(expr, syntax.Name):
        return names.get(expr.name, UNKNOWN)
    result = evaluate(expr, names, Faults())
    return UNKNOWN if result is POISON else result


def alike(left: Any, right: Any) -> bool:
    """Equality in which ``true`` is not 1."""
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def literal(value: Any) -> Expr:
    """``value`` as it is written: what the parser would read."""
    if isinstance(value, (tuple, list)):
        return syntax.List(tuple(literal(item) for item in value))
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value < 0:
        return syntax.Unary("-", syntax.Literal_(-value))
    return syntax.Literal_(value)


def parts(expr: Expr) -> tuple[Expr, ...]:
    """The expressions directly inside ``expr``."""
    if isinstance(expr, syntax.List):
        return expr.items
    if isinstance(expr, syntax.Unary):
        return (expr.operand,)
    if isinstance(expr, syntax.Binary):
        return (expr.left, expr.right)
    if isinstance(expr, syntax.Conditional):
        return (expr.then, expr.test, expr.otherwise)
    if isinstance(expr, syntax.Call):
        return expr.args
    return ()


def with_parts(expr: Expr, new: tuple[Expr, ...]) -> Expr:
    """``expr`` with other parts; the very same object when none changed."""
    if all(a is b for a, b in zip(parts(expr), new)):
        return expr
    if isinstance(expr, syntax.List):
        return replace(expr, items=new)
    if isinstance(expr, syntax.Unary):
        return replace(expr, operand=new[0])
    if isinstance(expr, syntax.Binary):
        return replace(expr, left=new[0], right=new[1])
    if isinstance(expr, syntax.Conditional):
        return replace(expr, then=new[0], test=new[1], otherwise=new[2])
    if isinstance(expr, syntax.Call):
        return replace(expr, args=new)
    return expr


def names_in(expr: Expr) -> frozenset[str]:
    """The parameters and loop indices that ``expr`` uses."""
    if isinstance(expr, syntax.Name):
        return frozenset((expr.name,))
    return frozenset().union(*(names_in(part) for part in parts(expr))) if parts(expr) else frozenset()


def substitute(expr: Expr, mapping: Mapping[str, Expr]) -> Expr:
    """``expr`` with names replaced, and folded where that leaves no name in a part."""
    if not mapping or not names_in(expr) & mapping.keys():
        return expr
    return fold(_replaced(expr, mapping))


def _replaced(expr: Expr, mapping: Mapping[str, Expr]) -> Expr:
    if isinstance(expr, syntax.Name):
        return mapping.get(expr.name, expr)
    return with_parts(expr, tuple(_replaced(part, mapping) for part in parts(expr)))


def fold(expr: Expr) -> Expr:
    """Parts without names become their values; a conditional whose test is known becomes its branch."""
    if isinstance(expr, (syntax.Literal_, syntax.Name)):
        return expr
    folded = with_parts(expr, tuple(fold(part) for part in parts(expr)))
    if isinstance(folded, syntax.Conditional) and isinstance(folded.test, syntax.Literal_):
        return folded.then if folded.test.value is True else folded.otherwise
    if isinstance(folded, syntax.List) or names_in(folded):
        return folded
    result = value(folded, {})
    return folded if result is UNKNOWN else literal(result)


def solve(expr: Expr, hole: Callable[[Expr], bool], names: Mapping[str, Any], wanted: Any) -> Any:
    """The value that the part picked by ``hole`` must take for ``expr`` to be ``wanted``.

    ``UNKNOWN`` where there is none.  Where rounding loses information the answer is one candidate, to be
    checked by the caller.
    """
    if hole(expr):
        return wanted
    holding = [part for part in parts(expr) if _holds(part, hole)]
    if len(holding) != 1:
        return UNKNOWN
    part = holding[0]
    if isinstance(expr, syntax.Conditional):
        test = value(expr.test, names)
        active = expr.then if test is True else expr.otherwise
        return solve(part, hole, names, wanted) if part is active and test is not UNKNOWN else UNKNOWN
    if isinstance(expr, syntax.Call):
        return UNKNOWN if expr.function == "at" else solve(part, hole, names, wanted)
    if isinstance(wanted, bool) or not isinstance(wanted, (int, float)):
        return UNKNOWN
    if isinstance(expr, syntax.Unary) and expr.op in "+-":
        return solve(part, hole, names, -wanted if expr.op == "-" else wanted)
    if isinstance(expr, syntax.Binary):
        left = part is expr.left
        other = value(expr.right if left else expr.left, names)
        if isinstance(other, bool) or not isinstance(other, (int, float)):
            return UNKNOWN
        inner = _undo(expr.op, wanted, other, left)
        return UNKNOWN if inner is UNKNOWN else solve(part, hole, names, inner)
    return UNKNOWN


def _holds(expr: Expr, hole: Callable[[Expr], bool]) -> bool:
    return hole(expr) or any(_holds(part, hole) for part in parts(expr))


def _undo(op: str, wanted: float, other: float, left: bool) -> Any:
    """``x`` with ``x op other == wanted`` (``left``) or ``other op x == wanted``."""
    if op == "+":
        return wanted - other
    if op == "-":
        return wanted + other if left else other - wanted
    if op == "*" and other:
        return _whole(wanted, other)
    if op in ("//", "/") and left:
        return wanted * other
    if op in ("//", "/") and wanted:
        return _whole(other, wanted)
    return UNKNOWN


def _whole(above: float, below: float) -> Any:
    """The quotient, an integer where it is one."""
    quotient = above / below
    return int(quotient) if quotient == int(quotient) else UNKNOWN if isinstance(above, int) else quotient
