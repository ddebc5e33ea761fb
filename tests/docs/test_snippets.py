"""Code in the documents works: specs lower, Python runs, and commands print what the pages say.

In a ``console`` block each ``$ fptdsl ...`` line is followed by its output. A block after an HTML comment
``<!-- needs: ... -->`` uses files of the reader and is not run here.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fptdsl.architecture import elaborate, lower
from fptdsl.language import load, parse
from fptdsl.language.syntax import Model

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def snippets(language: str) -> list[object]:
    """Each block of a language, named by its page and line; those with a ``needs`` comment left out."""
    pattern = re.compile(rf"(<!-- needs:[^\n]*-->\n+)?^```{language}\n(.*?)^```", re.DOTALL | re.MULTILINE)
    found: list[object] = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in pattern.finditer(text):
            if match[1] is None:
                line = text.count("\n", 0, match.start(2)) + 1
                found.append(pytest.param(match[2], id=f"{page.relative_to(ROOT)}:{line}"))
    return found


def commands(block: str) -> list[tuple[str, str]]:
    """``(command, expected output)`` for each ``$`` line of a console block."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize("text", snippets("fpt"))
def test_spec_can_be_read_and_lowered(text: str, tmp_path: Path) -> None:
    file = parse(text, "snippet")
    assert file.items
    if any(isinstance(item, Model) for item in file.items):
        path = tmp_path / "snippet.fpt"
        path.write_text(text, encoding="utf-8")
        assert lower(elaborate(load(path))).parameters() > 0


@pytest.mark.parametrize("text", snippets("python"))
def test_python_runs(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    exec(compile(text, "snippet", "exec"), names)
    assert "fptdsl" in names


@pytest.mark.parametrize("text", snippets("console"))
def test_commands_print_what_the_page_says(text: str, tmp_path: Path) -> None:
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    for command, expected in commands(text):
        if not command.startswith("fptdsl "):
            continue
        line = f"{sys.executable} -m {command}"
        done = subprocess.run(line, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        faulty = expected.startswith("error[")
        assert done.returncode == int(faulty), done.stderr
        said = done.stderr if faulty else done.stdout
        assert [row.rstrip() for row in said.strip().splitlines()] == [
            row.rstrip() for row in expected.strip().splitlines()
        ], f"`{command}` prints something else now"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{target} in {page.name}"
