"""What is imported: commands that read no torch file do without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cli import tiny

SCRIPT = """
import sys
from fptdsl.cli import main
status = main(sys.argv[1:])
heavy = sorted({"torch", "lark", "numpy", "safetensors"} & set(sys.modules))
print("\\nimported:", *heavy)
sys.exit(status)
"""


def imported(folder: Path, *words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words],
        cwd=folder,
        env=tiny.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stdout.rpartition("imported:")[2].split())


def test_help_imports_nothing_heavy(folder: Path) -> None:
    assert imported(folder, "--help") == set()
    assert imported(folder, "apply", "--help") == set()
    assert imported(folder, "--version") == set()


@pytest.mark.parametrize(
    "words",
    [
        ("show", "tiny.fpt"),
        ("validate", "grow.fpt"),
        ("validate", "grow.fpt", "tiny.safetensors"),
        ("plan", "grow.fpt"),
        ("plan", "grow.fpt", "tiny.safetensors", "--out", "plan.json"),
        ("diff", "grow.fpt", "tiny.safetensors"),
        ("diff", "tiny.fpt", "tiny.safetensors", "tiny.fpt", "tiny.safetensors"),
    ],
)
def test_specs_and_safetensors_are_read_without_torch(folder: Path, words: tuple[str, ...]) -> None:
    assert "torch" not in imported(folder, *words)


def test_import_fptdsl_is_light() -> None:
    script = (
        "import sys, fptdsl; heavy = {'torch', 'pydantic', 'lark', 'numpy', 'rich', 'typer'};"
        "print(*sorted(heavy & set(sys.modules))); assert set(fptdsl.__all__) <= set(dir(fptdsl))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=tiny.environment(), capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == ""
