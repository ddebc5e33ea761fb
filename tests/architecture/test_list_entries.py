"""``at(list, i)``: the entry of a list."""

from __future__ import annotations

from pathlib import Path

import pytest

from fptdsl.architecture import elaborate
from fptdsl.architecture.tree import Layer, walk
from fptdsl.diagnostics import FptError
from fptdsl.language import load

SPEC = "model M(sizes = [4, 8, 6]) {{ input x: float[3]; body: repeat 3 as i {{ a: linear({size}) }} }}"


def widths(place: Path, size: str) -> list[int]:
    path = place / "m.fpt"
    path.write_text(SPEC.format(size=size))
    return [node.args.out_features for _, node in walk(elaborate(load(path))) if isinstance(node, Layer)]  # type: ignore[attr-defined]


def test_entries_count_from_zero(tmp_path: Path) -> None:
    assert widths(tmp_path, "at(sizes, i)") == [4, 8, 6]
    assert widths(tmp_path, "at([2, 3], i % 2) + 1") == [3, 4, 3]


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ("at(sizes, i + 1)", "no entry 3"),
        ("at(sizes, 0 - 1)", "no entry -1"),
        ("at(sizes, 1.0)", "no entry 1.0"),
        ("at([], 0)", "no entry 0"),
        ("at(4, 0)", "takes a list and a number"),
        ("at(sizes)", "takes a list and a number"),
    ],
)
def test_faults(size: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(FptError) as caught:
        widths(tmp_path, size)
    fault = caught.value.diagnostics[0]
    assert fault.code == "F211"
    assert words in fault.message
    assert fault.span is not None
