"""Architectures at fault: every fault in one run, with the code and the line written beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from architecture.helpers import document

from fptdsl.architecture import elaborate, lower
from fptdsl.diagnostics import Diagnostic, FptError

FOLDER = Path(__file__).parent.parent / "invalid" / "architecture"
MARK = re.compile(r"#! (F\d{3})(?:: ([^#]*))?")


def expected(text: str) -> list[tuple[int, str, str]]:
    return [
        (number, code, part.strip())
        for number, line in enumerate(text.splitlines(), 1)
        for code, part in MARK.findall(line)
    ]


def words(fault: Diagnostic) -> str:
    return " ".join([fault.message, fault.hint or "", *(note.message for note in fault.notes)])


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.fpt")), ids=lambda path: path.stem)
def test_faults_are_reported_where_they_are(path: Path) -> None:
    text = path.read_text()
    with pytest.raises(FptError) as caught:
        lower(elaborate(document(text)))
    faults = caught.value.diagnostics
    wanted = expected(text)
    assert sorted((f.span.line if f.span else 0, f.code) for f in faults) == sorted((n, c) for n, c, _ in wanted)
    for line, code, part in wanted:
        here = [words(f) for f in faults if f.code == code and f.span and f.span.line == line]
        assert any(part in text for text in here), f"{part!r} is in none of {here}"


def test_a_document_without_a_model() -> None:
    with pytest.raises(FptError) as caught:
        elaborate(document("block B { relu }"))
    assert caught.value.diagnostics[0].code == "F229"


def test_unknown_setting_names_the_nearest() -> None:
    text = "model M(num_classes = 10) {\n input x: float[4]\n fc: linear(num_classes)\n}"
    with pytest.raises(FptError) as caught:
        elaborate(document(text), {"num_clases": 5})
    (fault,) = caught.value.diagnostics
    assert (fault.code, fault.hint) == ("F230", "did you mean `num_classes`?")


def test_settings_of_a_kind_that_no_spec_can_write() -> None:
    text = "model M(n = 10) {\n input x: float[4]\n fc: linear(n)\n}"
    for value in (2**70, object(), float("inf")):
        with pytest.raises(FptError) as caught:
            elaborate(document(text), {"n": value})
        assert caught.value.diagnostics[0].code == "F211"


def chained_blocks(count: int) -> str:
    blocks = [f"block B{i} {{ B{i + 1} }}" for i in range(count)]
    return "\n".join([*blocks, f"block B{count} {{ relu }}", "model M {\n input x: float[4]\n B0\n}"])


def test_blocks_may_call_one_another_64_deep() -> None:
    assert lower(elaborate(document(chained_blocks(63)))).nodes
    with pytest.raises(FptError) as caught:
        elaborate(document(chained_blocks(64)))
    assert [fault.code for fault in caught.value.diagnostics] == ["F227"]


def test_deep_nesting_through_blocks_is_refused_and_does_not_overflow() -> None:
    inside = "{ " * 20
    blocks = [f"block B{i} {{ {inside} B{i + 1} {'}' * 20} }}" for i in range(30)]
    text = "\n".join([*blocks, "block B30 { relu }", "model M {\n input x: float[4]\n B0\n}"])
    with pytest.raises(FptError) as caught:
        elaborate(document(text))
    assert [fault.code for fault in caught.value.diagnostics] == ["F227"]


def test_long_expressions_are_refused_and_do_not_overflow() -> None:
    with pytest.raises(FptError):
        elaborate(document(f"model M {{\n input x: float[4]\n fc: linear({'1 + ' * 20000} 1)\n}}"))
