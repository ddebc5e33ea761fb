"""Fixtures of the tests of checkpoint folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import family


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the family's spec in it."""
    (tmp_path / "tiny.fpt").write_text(family.SPEC)
    monkeypatch.chdir(tmp_path)
    return tmp_path
