"""Expressions and tests on loop indices, as the grown spec needs them."""

from __future__ import annotations

from typing import Any

import pytest

from fptdsl.growth.respell.expressions import UNKNOWN, fold, literal, solve, substitute, value
from fptdsl.growth.respell.selectors import Apart, Loop, Occurrence, select
from fptdsl.growth.respell.spots import Reading
from fptdsl.language import parse, syntax, unparse


def expression(text: str) -> syntax.Expr:
    model = parse(f"model M {{\n  a: linear({text})\n}}", "test").items[0]
    assert isinstance(model, syntax.Model)
    layer = model.body[0]
    assert isinstance(layer, syntax.Apply)
    written = layer.args[0].value
    assert not isinstance(written, syntax.Using)
    return written


@pytest.mark.parametrize(
    ("text", "wanted", "answer"),
    [
        ("w", 7, 7),
        ("2 * w", 12, 6),
        ("w * 3", 10, UNKNOWN),
        ("w + 3", 10, 7),
        ("3 - w", 1, 2),
        ("w - 3", 1, 4),
        ("w // 4", 6, 24),
        ("48 // w", 6, 8),
        ("-w", -5, 5),
        ("4 * (w + 1)", 16, 3),
        ("w if k == 1 else 9", 5, 5),
        ("9 if k == 1 else w", 5, UNKNOWN),
        ("w * w", 9, UNKNOWN),
        ("min(w, 100)", 64, 64),
        ("k", 3, UNKNOWN),
        ("w", "zeros", "zeros"),
        ("2 * w", "zeros", UNKNOWN),
    ],
)
def test_solving_for_a_parameter(text: str, wanted: Any, answer: Any) -> None:
    found = solve(expression(text), lambda part: part == syntax.Name("w"), {"k": 1}, wanted)
    assert found == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("i + 1", "3"),
        ("2 if i == 0 else 1", "1"),
        ("w if i == 2 else 1", "w"),
        ("2 * w + (i - 1)", "2 * w + 1"),
        ("[i, w]", "[2, w]"),
        ("1 // (i - 2)", "1 // 0"),
        ("i - 5", "-3"),
    ],
)
def test_an_index_that_becomes_a_number(text: str, answer: str) -> None:
    assert unparse(substitute(expression(text), {"i": syntax.Literal_(2)})) == answer


@pytest.mark.parametrize("number", [3, -3, 0.5, -0.5, True, None, "zeros", (1, -2), ()])
def test_literals_are_what_the_parser_reads(number: Any) -> None:
    written = literal(number)
    assert value(written, {}) == number
    assert expression(unparse(written)) == written


def test_what_is_unknown_stays_unknown() -> None:
    assert value(expression("w + 1"), {}) is UNKNOWN
    assert value(expression("1 // 0"), {}) is UNKNOWN
    assert fold(expression("w + 1")) == expression("w + 1")


def occurrences(counts: tuple[int, ...], names: tuple[str, ...]) -> list[Occurrence]:
    """All readings of a statement inside loops that run so often."""
    model = syntax.Model("M", (), ())
    reading = Reading(model, [], {}, frozenset())
    found = [Occurrence(reading)]
    around: tuple[Loop, ...] = ()
    for count, name in zip(counts, names, strict=True):
        statement = syntax.Repeat(syntax.Literal_(count), name, syntax.Group(()))
        loop = Loop(name, statement, around, frozenset())
        found = [occurrence.inside(loop, index) for occurrence in found for index in range(count)]
        around = (*around, loop)
    return found


@pytest.mark.parametrize(
    ("chosen", "text", "terms"),
    [
        ({0}, "i == 0", 1),
        ({0, 1}, "i < 2", 1),
        ({6, 7}, "i >= 6", 1),
        ({0, 2, 3, 4, 5, 6, 7}, "i != 1", 1),
        ({1, 3, 5, 7}, "i % 2 == 1", 1),
        ({0, 3, 6}, "i % 3 == 0", 1),
        ({1, 4, 5}, "i == 1 or i >= 4 and i <= 5", 3),
        ({2, 3, 4}, "i >= 2 and i <= 4", 2),
    ],
)
def test_tests_on_one_index(chosen: set[int], text: str, terms: int) -> None:
    everyone = occurrences((8,), ("i",))
    found = select([everyone[k] for k in chosen], [o for k, o in enumerate(everyone) if k not in chosen])
    assert (unparse(found.test()), found.terms) == (text, terms)


def test_a_test_on_two_indices() -> None:
    everyone = occurrences((3, 2), ("i", "j"))
    chosen = [everyone[3]]
    found = select(chosen, [o for o in everyone if o not in chosen])
    assert unparse(found.test()) == "i == 1 and j == 1"


def test_a_hidden_index_cannot_be_tested() -> None:
    everyone = occurrences((2, 2), ("i", "i"))
    with pytest.raises(Apart):
        select(everyone[:2], everyone[2:])
