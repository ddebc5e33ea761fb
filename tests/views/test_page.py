"""Lines, wrapping, and text that must not act on the terminal."""

from __future__ import annotations

import io
import re

import pytest
from rich.cells import cell_len

from fptdsl.views import VIEWS, render
from fptdsl.views.page import LIMIT, Page
from fptdsl.views.printable import printable
from views.documents import plan, residual_network, step, tensor, tie

HOSTILE = [
    "\x1b[31mred\x1b[0m.weight",
    "a\rb.weight",
    "line\nbreak.weight",
    "[bold red]markup[/bold red].weight",
    "[link=file:///etc/passwd]x[/link].weight",
    ":smiley: :warning:.weight",
    "\u202eesrever.weight",
    "zero\u200bwidth.weight",
    "surrogate\udce9.weight",
    "wide\u4e2d\u6587\u4e2d\u6587.weight",
    "tab\there.weight",
    "x" * 400 + ".weight",
    "",
]


def text(page: Page) -> list[str]:
    return [line.plain for line in page.lines()]


def drawn(document: dict, *, full: bool = False, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    render(document, file, full=full)
    file.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", ["plan", "diff"])
@pytest.mark.parametrize("full", [False, True])
def test_a_name_cannot_act_on_the_terminal(name: str, kind: str, full: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    entries = [tensor(name, [4, 3], [8, 3]), tensor("ok.weight", [4], [8])]
    steps = [step(f"widen {name} to 8", target=name, ties=[tie(name, 4, 8, f"sum at {name}")])]
    found = drawn({**plan(entries, steps, model=name, warnings=[name]), "kind": kind}, full=full)
    assert all(char == "\n" or char.isprintable() for char in found)
    assert "\u202e" not in found
    assert max(map(cell_len, found.split("\n"))) <= 80
    if "[" in name and name.isprintable():
        assert name.partition(".")[0] in found.replace("\n", "").replace("    ", " ")


def test_escapes_are_visible() -> None:
    assert printable("a\x1b[0m\u202e\udce9\n") == "a\\x1b[0m\\u202e\\udce9\\x0a"
    assert printable("é→×", encoding="ascii") == "\\xe9->x"
    assert printable("é→×", encoding="latin-1") == "é->×"
    assert printable("plain.name") == "plain.name"


@pytest.mark.parametrize("kind", ["plan", "diff"])
def test_ascii_output_where_the_encoding_needs_it(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    found = drawn({**plan(residual_network(), [step()]), "kind": kind}, encoding="ascii")
    assert "->" in found
    assert max(map(len, found.split("\n"))) <= 80


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_line_is_wider_than_the_page(width: int) -> None:
    document = plan(residual_network(), [step(ties=[tie("layer3", 64, 96, "residual sum at layer3.0 " * 4)])])
    for kind in ("plan", "diff"):
        page = Page(width)
        VIEWS[kind](document, page)
        assert max(line.cell_len for line in page.lines()) <= width


@pytest.mark.parametrize("kind", ["plan", "diff"])
@pytest.mark.parametrize("steps", [1, 3, 6, 400])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_thousand_changed_tensors_fit_on_forty_lines(kind: str, steps: int, width: int) -> None:
    entries = residual_network(140)
    assert sum(entry["action"] != "keep" for entry in entries) > 1000
    ties = [tie(f"layer{n}", 64, 96, f"residual sum at layer{n}.0") for n in range(30)]
    page = Page(width)
    VIEWS[kind](plan(entries, [step(f"widen layer2.{i} to 64", ties=ties) for i in range(steps)]), page)
    assert len(page.lines()) <= LIMIT


def test_a_thousand_unlike_tensors_fit_too_and_full_shows_them_all() -> None:
    entries = [tensor(f"part{n}x.weight", [n + 1, 3], [n + 5, 3]) for n in range(1000)]
    document = {**plan(entries, [step()]), "kind": "diff"}
    page = Page(80)
    VIEWS["diff"](document, page)
    short = text(page)
    assert len(short) <= LIMIT
    assert any(re.search(r"… \d+ more groups of tensors \(--full shows all\)", line) for line in short)
    page = Page(80, full=True)
    VIEWS["diff"](document, page)
    joined = "\n".join(text(page))
    assert all(entry["name"] in joined for entry in entries)
    assert "--full" not in joined


def test_wrapping_keeps_every_word_and_hangs() -> None:
    page = Page(30)
    page.line("why: ", "one two three four five six seven eight", indent=2)
    assert text(page) == ["  why: one two three four five", "      six seven eight"]
    page = Page(30)
    page.line("x" * 70)
    assert "".join(line.strip() for line in text(page)) == "x" * 70


def test_plain_text_in_a_pipe_and_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    document = plan(residual_network(), [step()])
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in drawn(document)
    monkeypatch.delenv("NO_COLOR")
    assert "\x1b" in drawn(document)
    monkeypatch.delenv("FORCE_COLOR")
    assert "\x1b" not in drawn(document)


def test_the_width_is_that_of_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    document = plan(residual_network(), [step(why="because " * 40)])
    monkeypatch.setenv("COLUMNS", "50")
    assert max(map(len, drawn(document).split("\n"))) <= 50
    monkeypatch.setenv("COLUMNS", "150")
    assert max(map(len, drawn(document).split("\n"))) > 100
