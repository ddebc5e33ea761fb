"""docs/diagnostics.md is what its script makes of the catalogue."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from fptdsl.diagnostics import CODES

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "make_diagnostics.py"


def test_page_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), "--check"], check=False)
    assert done.returncode == 0, "run `make docs`"


def test_every_code_is_in_an_area_of_the_page() -> None:
    spec = importlib.util.spec_from_file_location("make_diagnostics", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = module.page()
    for code, summary in CODES.items():
        assert f"| `{code}` | {summary} |" in text
