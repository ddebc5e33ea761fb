"""Expressions mean what Python means by them, where they are allowed at all."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fptdsl.architecture.expressions import DEEPEST, POISON, describe, evaluate
from fptdsl.architecture.faults import Faults
from fptdsl.language import parse, syntax


def expression(text: str) -> syntax.Expr:
    file = parse(f"model M(p = {text}) {{ input x: float[1] }}", "spec.fpt")
    (model,) = file.items
    assert isinstance(model, syntax.Model)
    default = model.params[0].default
    assert default is not None
    return default


def value(text: str, **names: Any) -> Any:
    faults = Faults()
    result = evaluate(expression(text), names, faults)
    faults.check()
    return result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("7 // 2", 3),
        ("-7 // 2", -4),
        ("7 % 4", 3),
        ("7 / 2", 3.5),
        ("4 / 2", 2.0),
        ("1 < 2 and 2 <= 2", True),
        ("not (1 == 1.0)", False),
        ("true == 1", False),
        ("none == none", True),
        ('"a" != "b"', True),
        ("min(3, 1, 2)", 1),
        ("max([3, 1, 2])", 3),
        ("ceil(1.2) + floor(1.8)", 3),
        ("round(2.5)", 2),
        ("[1, 2 * 2, [true]]", (1, 4, (True,))),
        ("2 if n == 0 else 1", 1),
        ("n * 4 if n else 0", None),
        ("false and n // 0 == 1", False),
        ("true or n // 0 == 1", True),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_values(text: str, result: Any) -> None:
    faults = Faults()
    got = evaluate(expression(text), {"n": 3}, faults)
    if result is None:
        assert got is POISON
        assert [fault.code for fault in faults.diagnostics.errors] == ["F211"]
    else:
        assert not faults.diagnostics.errors
        assert (got, type(got)) == (result, type(result))


@given(st.integers(-99, 99), st.integers(-99, 99), st.sampled_from(["+", "-", "*", "//", "%", "/", "<", "==", ">="]))
def test_arithmetic_is_pythons(a: int, b: int, op: str) -> None:
    if b == 0 and op in ("//", "%", "/"):
        return
    assert value(f"a {op} b", a=a, b=b) == eval(f"a {op} b", {"a": a, "b": b})


def test_an_expression_reports_its_first_fault_with_its_place() -> None:
    faults = Faults()
    assert evaluate(expression("1 + wdth * 2"), {"width": 8}, faults) is POISON
    (fault,) = faults.diagnostics.errors
    assert fault.span is not None
    assert (fault.code, fault.span.text, fault.hint) == ("F210", "wdth", "did you mean `width`?")


def test_what_depends_on_a_fault_is_not_reported() -> None:
    faults = Faults()
    assert evaluate(expression("n + 1"), {"n": POISON}, faults) is POISON
    assert not faults.diagnostics.errors


def test_overflow_of_floats_is_a_fault() -> None:
    faults = Faults()
    assert evaluate(expression("x * x"), {"x": 1e200}, faults) is POISON
    assert evaluate(expression("round(x)"), {"x": 1e300}, faults) is POISON
    assert {fault.code for fault in faults.diagnostics.errors} == {"F213"}


def test_trees_deeper_than_the_limit_are_refused() -> None:
    tree: syntax.Expr = syntax.Literal_(1)
    for _ in range(DEEPEST * 50):
        tree = syntax.Unary("-", tree)
    faults = Faults()
    assert evaluate(tree, {}, faults) is POISON
    assert [fault.code for fault in faults.diagnostics.errors] == ["F213"]


def test_describe_writes_values_as_a_spec_does() -> None:
    assert describe((1, True, None, "a", (math.pi,))) == '[1, true, none, "a", [3.141592653589793]]'
