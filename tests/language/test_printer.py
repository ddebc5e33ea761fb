"""The formatter: what it prints means the same, is stable, and reads as a person would write it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from language.trees import expressions, files

from fptdsl.language import parse, syntax, unparse
from fptdsl.resources import shipped_specs

SPECS = shipped_specs()


@given(files())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_printed_parses_to_the_same_tree(tree: syntax.File) -> None:
    text = unparse(tree)
    again = parse(text)
    assert again == tree
    assert unparse(again) == text


@given(expressions)
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_expressions_keep_their_structure(tree: syntax.Expr) -> None:
    file = parse(f"model M {{ a: op({unparse(tree)}) }}")
    model = file.items[0]
    assert isinstance(model, syntax.Model)
    layer = model.body[0]
    assert isinstance(layer, syntax.Apply)
    assert layer.args[0].value == tree


@pytest.mark.parametrize("path", SPECS.values(), ids=list(SPECS))
def test_shipped_specs_survive(path: Path) -> None:
    tree = parse(path.read_text(encoding="utf-8"), path.name)
    assert parse(unparse(tree)) == tree


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("(a+b)*c", "(a + b) * c"),
        ("a+(b*c)", "a + b * c"),
        ("a-(b-c)", "a - (b - c)"),
        ("(a-b)-c", "a - b - c"),
        ("not (a and b)", "not (a and b)"),
        ("-(-3)", "--3"),
        ("(not a) == b", "(not a) == b"),
        ("(a if b else c) if d else (e if f else g)", "(a if b else c) if d else e if f else g"),
        ("(1 < 2) < 3", "(1 < 2) < 3"),
        ("1e-05", "1e-5"),
        ("1_000", "1000"),
        ("10000.0", "10000.0"),
        ("'it\\'s \"x\"'", '"it\'s \\"x\\""'),
    ],
)
def test_expressions_have_the_least_parentheses(text: str, printed: str) -> None:
    file = parse(f"model M {{ a: op({text}) }}")
    assert unparse(file) == f"model M {{\n  a: op({printed})\n}}\n"


def test_layout() -> None:
    text = (
        'use "parts.fpt"\n'
        "\n"
        "model M(n = 3) {\n"
        "  input image: float[3, 32, 32]\n"
        "  layer1: repeat n as i { Basic(16, stride = 2 if i == 0 else 1) }\n"
        "  parallel(concat) {\n"
        "    a: { conv2d(16, 1, bias=false) }\n"
        "    b: {\n"
        "      relu\n"
        "      tanh\n"
        "    }\n"
        "  }\n"
        "  residual { F(3) } shortcut {\n"
        "    if n != 1 { relu } else { tanh }\n"
        "  }\n"
        "  shared: sequential {}\n"
        "  reuse conv1 from h\n"
        "  output head: h\n"
        "}\n"
        "\n"
        "checkpoint {\n"
        '  rename "old." to "new."\n'
        "}\n"
        "\n"
        "widen layer2 hidden to multiple of 64\n"
        "deepen a.*.b, c[-1] by 2 to 5 after 3 as extra using net2net(noise=0)\n"
        "require params <= 2.5M\n"
        "\n"
        "grow (using=net2net(split=equal), seed=3) {\n"
        "  widen * by 1.5x\n"
        "}\n"
    )
    assert unparse(parse(text)) == text


def test_long_arguments_are_filled_over_lines() -> None:
    parameters = ", ".join(f"parameter_{n} = {n}" for n in range(12))
    lines = unparse(parse(f"model M({parameters}) {{ relu }}")).splitlines()
    assert lines[0] == "model M("
    assert lines[-3].endswith("parameter_11 = 11) {")
    assert max(map(len, lines)) <= 100


def test_what_the_language_cannot_write_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        unparse(syntax.Literal_(float("inf")))
