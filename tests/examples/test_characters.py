"""The example that trains character models with ``transformers`` and grows their folders."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHARACTERS = ROOT / "examples" / "characters"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def run(*words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, words)], cwd=ROOT, env={**ENVIRONMENT, **more}, check=False, capture_output=True,
        text=True,
    )  # fmt: skip


@pytest.mark.slow
def test_a_few_steps_of_everything(shared_path: Callable[[str], Path], tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs transformers (the optional extra hf)")
    shared = shared_path("data/tinyshakespeare.txt").parent.parent
    page = tmp_path / "page.md"
    done = run(
        CHARACTERS / "run.py", "--steps", "6", "--more-steps", "3", "--out", page, FPTDSL_SHARED=str(shared)
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("the same loss and text") == 2
    text = page.read_text(encoding="utf-8")
    assert text.count("| the same |") == 2
    assert text.count("| large, from nothing |") == 2


@pytest.mark.slow
def test_it_says_what_it_needs(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs transformers (the optional extra hf)")
    done = run(CHARACTERS / "run.py", FPTDSL_SHARED=str(tmp_path))
    assert done.returncode == 1
    assert "tinyshakespeare.txt (set FPTDSL_SHARED" in done.stderr


SAID = {"faults": [], "loss": 2.0, "text": "To be"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"loss": 2.0 * (1 + 3e-6)}, "the loss was 2.000000000"),
        ({"loss": float("nan")}, "the loss was 2.000000000"),
        ({"text": "To bee"}, "the text was"),
        ({"faults": ["missing_keys: lm_head.weight"]}, "missing_keys: lm_head.weight"),
    ],
)
def test_a_difference_ends_the_example(change: dict[str, object], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison itself: what differs is told, and the status is not 0."""
    monkeypatch.syspath_prepend(CHARACTERS)
    from comparing import check

    check(SAID, {**SAID, "loss": 2.0 * (1 + 1e-7)})
    with pytest.raises(SystemExit) as caught:
        check(SAID, {**SAID, **change})
    assert words in str(caught.value)
