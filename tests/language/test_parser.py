"""From text to the tree: what each form means, and where it stands."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fptdsl.diagnostics import Diagnostics, FptError
from fptdsl.language import parse, syntax
from fptdsl.language.limits import MAX_BYTES


def first(text: str) -> syntax.Item:
    return parse(text).items[0]


def directive(text: str) -> syntax.Directive:
    item = first(text)
    assert isinstance(item, syntax.Grow)
    assert item.bare
    return item.directives[0]


def body(text: str) -> tuple[syntax.Stmt, ...]:
    item = first(f"model M {{\n{text}\n}}")
    assert isinstance(item, syntax.Model)
    return item.body


def codes(text: str) -> list[str]:
    found = Diagnostics()
    parse(text, diagnostics=found)
    return [item.code for item in found.items]


def test_directives() -> None:
    assert directive("widen * by 1.5x") == syntax.Widen(syntax.Path(("*",)), None, syntax.Amount("factor", 1.5))
    assert directive("widen layers.*.mlp hidden to multiple of 128") == syntax.Widen(
        syntax.Path(("layers", "*", "mlp")), "hidden", syntax.Amount("multiple", 128)
    )
    assert directive(
        "deepen layer1.*.conv1, layer2[0].conv2 by 1 to 128 after 3 as extra using net2net(noise=0)"
    ) == syntax.Deepen(
        (syntax.Path(("layer1", "*", "conv1")), syntax.Path(("layer2", 0, "conv2"))), 1, 128, "after", 3, "extra",
        syntax.Using("net2net", (syntax.Argument("noise", syntax.Literal_(0)),)),
    )  # fmt: skip
    assert directive("enlarge conv1 kernel_size to (3, 5)") == syntax.Enlarge(
        syntax.Path(("conv1",)), "kernel_size", (3, 5)
    )
    assert directive("branch conv2 into 2") == syntax.Branch(syntax.Path(("conv2",)), 2)
    assert directive("require params <= 25M") == syntax.Require("params", 25e6)
    assert directive("require params <= 1.5B") == syntax.Require("params", 1.5e9)
    assert directive("require exact") == syntax.Require("exact")


def test_clauses_of_deepen_come_in_any_order() -> None:
    assert directive("deepen a by 2 as x at start to 5") == directive("deepen a by 2 to 5 at start as x")


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("features.0.1.conv", ("features", "0", "1", "conv")),
        ("layer1[-1]", ("layer1", -1)),
        ("layer1[4:12:2].x", ("layer1", (4, 12, 2), "x")),
        ("layer1[ : 3 ]", ("layer1", (None, 3, None))),
        ("inception*.branch1x1", ("inception*", "branch1x1")),
        ("**.conv", ("**", "conv")),
        ("output.dense", ("output", "dense")),
        ("to.by", ("to", "by")),
    ],
)
def test_paths(text: str, segments: tuple[object, ...]) -> None:
    widen = directive(f"widen {text} to 4")
    assert isinstance(widen, syntax.Widen)
    assert widen.path.segments == segments
    assert widen.path.span is not None
    assert widen.path.span.text == text


def test_words_of_the_language_are_keys_and_names() -> None:
    words = ["input", "output", "to", "repeat", "if", "else", "shortcut", "let", "from", "widen", "model", "as"]
    statements = body("\n".join(f"{word}: relu" for word in words))
    assert [statement.key for statement in statements] == words
    (group,) = body("output: { dense: linear(4) from input, to }")
    assert group == syntax.Group(
        (syntax.Apply("linear", (syntax.Argument(None, syntax.Literal_(4)),), ("input", "to"), key="dense"),),
        key="output",
    )


def test_a_newline_or_semicolon_ends_a_statement_but_not_inside_brackets() -> None:
    text = "a: conv2d(\n  16,  # width\n  [3,\n 3]\n)\n\n;; relu; tanh\n"
    assert [statement.op for statement in body(text) if isinstance(statement, syntax.Apply)] == [
        "conv2d",
        "relu",
        "tanh",
    ]


def test_else_and_shortcut_may_stand_on_their_own_line() -> None:
    text = "residual {\n relu\n}\n\n  # why\n shortcut {\n tanh\n}\n"
    text += "if n == 1 { relu }\nelse if n == 2 { tanh }\nelse\t{ gelu }"
    residual, choice = body(text)
    assert isinstance(residual, syntax.Residual)
    assert residual.shortcut == (syntax.Apply("tanh"),)
    assert isinstance(choice, syntax.If)
    assert choice.otherwise is not None
    nested = choice.otherwise[0]
    assert isinstance(nested, syntax.If)
    assert nested.otherwise == (syntax.Apply("gelu"),)


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment", "\ufeff".strip("\ufeff"), "  ", ";;", "\r\n# x\r\n"])
def test_files_without_items(text: str) -> None:
    assert parse(text).items == ()


def test_line_ends_of_windows_mean_the_same() -> None:
    text = "model M {\n  a: linear(3) # x\n  if a { relu }\n  else { tanh }\n}\nwiden a to 5\n"
    assert parse(text.replace("\n", "\r\n")) == parse(text)


def test_operators_bind_as_in_python() -> None:
    (layer,) = body("op(1 + 2 * -3 // 4 == 5 and not a or b if c else d)")
    assert isinstance(layer, syntax.Apply)
    value = layer.args[0].value
    assert isinstance(value, syntax.Conditional)
    assert isinstance(value.then, syntax.Binary)
    assert value.then.op == "or"


def test_every_part_knows_its_place() -> None:
    text = "model M {\n  conv1: conv2d(width // 4, stride=2) from h\n}\n"
    (layer,) = parse(text, "net.fpt").items[0].body  # type: ignore[union-attr]
    assert isinstance(layer, syntax.Apply)
    assert layer.span is not None
    assert layer.op_span is not None
    assert (layer.span.line, layer.span.column) == (2, 3)
    assert layer.span.text == "conv1: conv2d(width // 4, stride=2) from h"
    assert layer.op_span.text == "conv2d"
    assert [argument.span.text for argument in layer.args if argument.span] == ["width // 4", "stride=2"]
    assert layer.args[1].value.span is not None
    assert layer.args[1].value.span.text == "2"


def test_what_can_be_read_is_in_the_tree_beside_the_faults() -> None:
    found = Diagnostics()
    file = parse("model M {\n  a = linear(3)\n  b: linear(4)\n}\nwyden a to 5\nwiden b to 6", diagnostics=found)
    assert [item.code for item in found.items] == ["F101", "F106"]
    model, grow = file.items
    assert isinstance(model, syntax.Model)
    assert [statement.key for statement in model.body] == ["b"]
    assert isinstance(grow, syntax.Grow)


def test_faults_are_raised_together() -> None:
    with pytest.raises(FptError) as caught:
        parse("wyden a to 5\nwiden b 6")
    assert [item.code for item in caught.value.diagnostics] == ["F106", "F101"]


@given(
    st.lists(st.sampled_from([*"{}()[];:,=\n\"'#*.-", "model M", "a", " ", "12", "widen", "to", "else", "if", "grow"]))
)
@settings(max_examples=300, deadline=None)
def test_any_text_gives_a_tree_and_diagnostics_inside_it(parts: list[str]) -> None:
    text = "".join(parts)
    found = Diagnostics()
    parse(text, diagnostics=found)
    for item in found.items:
        assert item.span is None or 0 <= item.span.start <= item.span.end <= len(text)


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_characters_at_all(text: str) -> None:
    parse(text, diagnostics=Diagnostics())


# --- limits --------------------------------------------------------------------------------------


def test_100_000_nested_braces_are_answered_at_once_without_the_parser() -> None:
    script = (
        "import sys\nfrom fptdsl.language import parse\nfrom fptdsl.diagnostics import FptError\n"
        "try:\n    parse('{' * 100_000)\n"
        "except FptError as error:\n    print(error.diagnostics[0].code, 'lark' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["F109", "False"]
    start = time.perf_counter()
    assert codes("model M { a: op" + "(" * 100_000) == ["F109"]
    assert time.perf_counter() - start < 0.2


def test_a_mebibyte_is_read_and_one_byte_more_is_not() -> None:
    assert codes("#" * MAX_BYTES) == []
    assert codes("#" * (MAX_BYTES + 1)) == ["F108"]
    assert codes("#" + "é" * (MAX_BYTES // 2)) == ["F108"]


@pytest.mark.parametrize(
    "text",
    [
        "model M { a: op(" + "1 + " * 3000 + "1) }",
        "model M { a: op(" + "-" * 3000 + "1) }",
        "model M { a: op(" + "1 if a else " * 3000 + "1) }",
        "model M { " + "repeat 2 " * 3000 + "x }",
        "model M { if a {}" + " else if a {}" * 3000 + " }",
    ],
)
def test_depth_without_brackets_is_bounded(text: str) -> None:
    assert codes(text) == ["F109"]


def test_nesting_of_64_is_allowed() -> None:
    assert codes("model M {" + "{" * 63 + "}" * 64) == []


def test_a_text_full_of_faults_is_given_up_on() -> None:
    found = codes("\n".join("wyden a to 5" for _ in range(200)))
    assert found[-1] == "F115"
    assert found[:-1] == ["F106"] * 50


def test_a_tuple_is_told_to_be_a_list() -> None:
    found = Diagnostics()
    parse("model M {\n  input x: float[3, 8, 8]\n  a: conv2d(8, (3, 1))\n}\n", diagnostics=found)
    assert [(item.code, item.hint) for item in found.items] == [("F101", "several values are a list: `[3, 1]`")]
