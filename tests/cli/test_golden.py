"""Whole sessions at the command line, as files: commands, what they print, and their exit status.

A line ``$ fptdsl ...`` is run; what follows is its standard output, then its standard error behind ``! ``, then
``[status]`` where that is not 0.  Times are written as ``#`` and errors as ``#e-#``.  To write the files
anew, run pytest with FPTDSL_UPDATE=1 and look at the difference.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from cli.conftest import Run

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.txt"))


def normal(text: str) -> str:
    """Without what differs between processors: times, and rounding errors, which may be exactly zero on some."""
    text = re.sub(r"\d+\.\d+e-\d+|(?<= )0(?=  limit)|(?<=relative error )0\.0e\+00", "#e-#", text)
    text = re.sub(
        r"^(  (?:unrounded recipe|stored file|train mode|train mode \(no limit\))) +(?:#e-#|0)",
        r"\1  #e-#",
        text,
        flags=re.MULTILINE,
    )
    text = re.sub(r"\b\d+(\.\d+)?(?=\s+s\b)", "#", text)
    text = re.sub(r"(?<=drift in float32 )( *)\S+|(?<=float32 drift)( +)\S+|(?<=old network)( +)\S+", " #e-#", text)
    text = re.sub(r"^  plan # s.*?\n\n", "  (times)\n\n", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_session(path: Path, run: Run) -> None:
    expected = path.read_text(encoding="utf-8")
    commands = [line for line in expected.splitlines() if line.startswith("$ ")]
    pieces = []
    for command in commands:
        words = shlex.split(command[2:])
        assert words[0] == "fptdsl"
        status, out, err = run(*words[1:])
        errors = "".join(f"! {line}".rstrip() + "\n" for line in normal(err).splitlines())
        pieces.append(f"{command}\n{normal(out)}{errors}" + (f"[{status}]\n" if status else ""))
    found = "\n".join(pieces)
    if os.environ.get("FPTDSL_UPDATE"):
        path.write_text(found, encoding="utf-8")
    assert found == expected


def test_there_are_sessions() -> None:
    assert len(GOLDEN) >= 5
