"""Text surgery keeps what it does not touch."""

from __future__ import annotations

import pytest

from fptdsl.diagnostics import Source, Span
from fptdsl.language import parse, replace_spans, syntax
from fptdsl.language.edit import whole_lines

TEXT = "model M {\n  a: linear(16)  # first\n  b: linear(16)\n  relu; tanh\n}\n"


def layers(text: str) -> list[syntax.Apply]:
    model = parse(text).items[0]
    assert isinstance(model, syntax.Model)
    return [statement for statement in model.body if isinstance(statement, syntax.Apply)]


def span(layer: syntax.Node) -> Span:
    assert layer.span is not None
    return layer.span


def test_comments_and_layout_stay() -> None:
    a, b, *_ = layers(TEXT)
    edits = [(span(b.args[0]), "24"), (span(a.args[0]), "32")]
    assert replace_spans(TEXT, edits) == TEXT.replace("a: linear(16)", "a: linear(32)").replace(
        "b: linear(16)", "b: linear(24)"
    )


def test_an_empty_span_inserts() -> None:
    source = Source("x", "ab")
    place = Span(source, 1, 1)
    assert replace_spans("ab", [(place, "1"), (place, "2"), (Span(source, 2, 2), "!")]) == "a12b!"


def test_overlaps_and_places_outside_are_refused() -> None:
    source = Source("x", "abcd")
    with pytest.raises(ValueError, match="overlap"):
        replace_spans("abcd", [(Span(source, 0, 2), ""), (Span(source, 1, 3), "")])
    with pytest.raises(ValueError, match="ends at"):
        replace_spans("ab", [(Span(source, 0, 3), "")])


def test_removing_a_statement_takes_its_line_with_it() -> None:
    a, b, relu, tanh = layers(TEXT)
    removed = replace_spans(TEXT, [(whole_lines(TEXT, span(a)), ""), (whole_lines(TEXT, span(relu)), "")])
    assert removed == "model M {\n  b: linear(16)\n  tanh\n}\n"
    assert whole_lines(TEXT, span(tanh)) == span(tanh)
    assert whole_lines(TEXT, span(b)).text == "  b: linear(16)\n"
