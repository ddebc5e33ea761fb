"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_path() -> Callable[[str], Path]:
    """``shared_path("checkpoints/resnet20-12fca82f.th")``: a file of real input, or the test is skipped.

    The folder is ``$FPTDSL_SHARED``, else ``shared`` beside the checkout.
    """
    folder = Path(os.environ.get("FPTDSL_SHARED", ROOT.parent / "shared"))

    def find(name: str) -> Path:
        path = folder / name
        if not path.exists():
            pytest.skip(f"needs the real input {name}: not in {folder} (set FPTDSL_SHARED to its folder)")
        return path

    return find
