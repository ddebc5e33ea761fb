"""Standard streams that are full or closed: one line, never an internal error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli import tiny


def through_shell(words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", f'"$0" -m fptdsl {words}', sys.executable],
        cwd=folder, env=tiny.environment(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("words", ["--help", "apply --help", "--version", "plan grow.fpt --json"])
def test_a_full_standard_output(folder: Path, words: str) -> None:
    done = through_shell(f"{words} > /dev/full", folder)
    assert done.returncode == 1
    assert done.stderr == "fptdsl: cannot write to standard output: No space left on device\n"


@pytest.mark.parametrize("words", ["plan grow.fpt --json", "apply grow.fpt tiny.pt"])
def test_a_closed_standard_output(folder: Path, words: str) -> None:
    before = sorted(path.name for path in folder.iterdir())
    done = through_shell(f"{words} >&-", folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "fptdsl: cannot write to standard output: it is closed\n"
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_closed_standard_error(folder: Path) -> None:
    done = through_shell("validate grow.fpt 2>&-", folder)
    assert done.returncode == 0
    assert "Tiny" in done.stdout
