"""Diagnostics as plain text."""

from __future__ import annotations

from fptdsl.diagnostics import Diagnostic, Note, Source, Span
from fptdsl.diagnostics.render import columns, render, render_one


def lines(text: str, start: int, end: int, **options: object) -> list[str]:
    span = Span(Source("net.fpt", text), start, end)
    return render_one(Diagnostic("F101", "wrong", span, **options)).splitlines()  # type: ignore[arg-type]


def test_the_place_is_underlined() -> None:
    assert lines("model M {\n  a = relu\n}", 14, 15, hint="write `:`") == [
        "error[F101]: wrong",
        "  --> net.fpt:2:5",
        "    2 |   a = relu",
        "      |     ^",
        "  hint: write `:`",
    ]


def test_several_with_notes_and_a_count() -> None:
    source = Source("net.fpt", "model A {}\nmodel B {}")
    note = Note("first given here", Span(source, 0, 7))
    error = Diagnostic("F111", "a file holds one model", Span(source, 11, 18), notes=(note,))
    warning = Diagnostic("F101", "odd", severity="warning", path="net.pt")
    assert (
        render([error, error, warning]).count("  note: first given here\n  --> net.fpt:1:1\n    1 | model A {}\n") == 2
    )
    assert render([error, error, warning]).endswith("warning[F101]: odd\n  --> net.pt\n\n2 errors, 1 warning\n")
    assert render([]) == ""


def test_tabs_wide_and_control_characters() -> None:
    text = '\tx: op("日本", 3 \x1b[31m4)'
    start = text.index("4")
    shown = lines(text, start, start + 1)
    assert "\x1b" not in "".join(shown)
    assert shown[2] == '    1 |     x: op("日本", 3 \\x1b[31m4)'
    assert columns(shown[2][: shown[2].index("4)")]) == shown[3].index("^")


def test_names_and_messages_cannot_move_the_terminal() -> None:
    item = Diagnostic("F101", "bad\nname \x9b", Span(Source("a\x1bb", "x"), 0, 1))
    assert render_one(item).splitlines()[:2] == ["error[F101]: bad\\x0aname \\x9b", "  --> a\\x1bb:1:1"]


def test_long_lines_are_cut_around_the_place() -> None:
    text = "a" * 500 + " X " + "b" * 500
    shown = lines(text, 501, 502)
    assert len(shown[2]) <= 80
    assert shown[2].count("...") == 2
    assert shown[2][shown[3].index("^")] == "X"
    for start in (0, 3, 70, 999, 1002):
        shown = lines(text, start, start + 1)
        assert len(shown[2]) <= 80
        assert shown[2][shown[3].index("^")] == text[start]


def test_a_place_longer_than_the_line() -> None:
    shown = lines("x" * 300 + "\nyy", 10, 302)
    assert len(shown[2]) <= 80
    assert len(shown[3]) <= 80
    assert shown[3].count("^") > 20


def test_the_end_of_a_text() -> None:
    assert lines("abc", 3, 3)[2:4] == ["    1 | abc", "      |    ^"]
    assert lines("", 0, 0)[2:4] == ["    1 |", "      | ^"]
    assert lines("abc\n", 4, 4)[1] == "  --> net.fpt:2:1"
