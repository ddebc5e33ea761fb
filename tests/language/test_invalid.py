"""All the specs at fault in ``tests/invalid``: every fault at its place, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fptdsl.api.later_faults import add_later_faults
from fptdsl.architecture import elaborate, lower
from fptdsl.diagnostics import Diagnostic, Diagnostics, FptError
from fptdsl.growth import make_plan
from fptdsl.language import load

FOLDER = Path(__file__).resolve().parents[1] / "invalid"
FILES = sorted(path for path in FOLDER.rglob("*.fpt") if path.parent.name != "parts")
MARK = re.compile(r"#! (F\d{3})(?: at (nowhere|\d+:\d+|[^\s:]+:\d+:\d+|\d+))?(?:: ((?:(?!\s*#!).)*))?")
OPTION = re.compile(r"^#\? --(model|grow) (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Mark:
    """An expected fault; None stands for "anything"."""

    code: str
    source: str | None
    line: int | None
    column: int | None
    words: str

    def fits(self, fault: Diagnostic, spec: Path) -> bool:
        said = " ".join((fault.message, fault.hint or "", *(note.message for note in fault.notes)))
        if fault.code != self.code or self.words not in said:
            return False
        if self.source is None:
            return fault.span is None
        if fault.span is None or (self.column is not None and fault.span.column != self.column):
            return False
        name = fault.span.source.name
        same = name == self.source or Path(name).resolve() == (spec.parent / self.source).resolve()
        return same and fault.span.line == self.line


def marks(text: str, spec: Path) -> Iterator[Mark]:
    for number, line in enumerate(text.split("\n"), 1):
        for code, place, words in MARK.findall(line):
            parts = place.split(":")
            if place == "nowhere":
                yield Mark(code, None, None, None, words.strip())
            elif not place:
                yield Mark(code, str(spec), number, None, words.strip())
            elif len(parts) == 1:
                yield Mark(code, str(spec), number, int(place), words.strip())
            else:
                source = parts[-3] if len(parts) == 3 else str(spec)
                yield Mark(code, source, int(parts[-2]), int(parts[-1]), words.strip())


def faults_of(spec: Path, text: str) -> list[Diagnostic]:
    options = OPTION.findall(text)
    models = [spec.parent / value for name, value in options if name == "model"]
    found = Diagnostics()
    grow = [value for name, value in options if name == "grow"]
    document = load(spec, model=models[0] if models else None, grow=grow, diagnostics=found)
    if found.errors:
        add_later_faults(document, {}, found)
    else:
        try:
            network = elaborate(document)
            make_plan(network, lower(network), document.grows)
        except FptError as error:
            found.items.extend(error.diagnostics)
    return found.items


def told(fault: Diagnostic) -> str:
    place = f"{fault.span.source.name}:{fault.span.line}:{fault.span.column}" if fault.span else "nowhere"
    return f"{fault.code} at {place}: {fault.message} | {fault.hint}"


@pytest.mark.parametrize("spec", FILES, ids=lambda path: path.relative_to(FOLDER).with_suffix("").as_posix())
def test_every_fault_is_reported_at_its_place(spec: Path) -> None:
    text = spec.read_bytes().decode("utf-8", "replace")
    missing, extra = list(marks(text, spec)), faults_of(spec, text)
    assert missing, "a spec at fault has at least one mark"
    for mark in tuple(missing):
        fault = next((fault for fault in extra if mark.fits(fault, spec)), None)
        if fault is not None:
            missing.remove(mark)
            extra.remove(fault)
    problems = [f"missing: {mark}" for mark in missing] + [f"extra: {told(fault)}" for fault in extra]
    assert not problems, "\n".join(problems)


def test_there_are_enough_of_them() -> None:
    assert len(FILES) >= 60
