"""docs/proof.md says what the mutation list says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_the_page_is_up_to_date(root: Path) -> None:
    script = root / "docs" / "make_proof.py"
    result = subprocess.run([sys.executable, str(script), "--check"], cwd=root, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr or "run `python docs/make_proof.py`"
