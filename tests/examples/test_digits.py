"""The demonstration of ``make demo``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fptdsl.architecture import elaborate, lower
from fptdsl.language import load

ROOT = Path(__file__).resolve().parents[2]
DIGITS = ROOT / "examples" / "digits"


def test_the_growth_file_is_two_directives() -> None:
    assert (DIGITS / "growth.fpt").read_text().strip() == "widen stage2 to 256; deepen block3 by 2"


def test_the_spec_has_the_keys_of_the_handwritten_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DIGITS)
    from network import DigitsNet

    expected = {key: tuple(value.shape) for key, value in DigitsNet().state_dict().items()}
    graph = lower(elaborate(load(DIGITS / "digits.fpt")))
    assert {key: tensor.shape for key, tensor in graph.tensors.items()} == expected


@pytest.mark.slow
def test_the_demonstration_runs_to_its_end(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="needs scikit-learn (an examples-only dependency)")
    words = [sys.executable, str(DIGITS / "run.py"), "--out", str(tmp_path), "--epochs", "2", "--more-epochs", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    before, after = re.findall(r"Test accuracy (?:before|after) +([\d.]+%)", done.stdout)
    assert before == after
    assert "Same prediction for 500 of 500 test images" in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"digits.pt", "grown.pt", "grown.fpt", "grown.receipt.json"}
