"""The pages that repeat what the code says are up to date."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from fptdsl.architecture.ops import OPERATIONS
from fptdsl.diagnostics import CODES

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def make_pages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_pages", DOCS / "make_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["diagnostics.md", "operations.md", "../specs/README.md", "methods.md"])
def test_page_is_up_to_date(make_pages: ModuleType, name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == make_pages.PAGES[name](), "run `make docs`"


def test_pages_name_every_code_and_operation() -> None:
    diagnostics = (DOCS / "diagnostics.md").read_text(encoding="utf-8")
    operations = (DOCS / "operations.md").read_text(encoding="utf-8")
    assert len(CODES) > 50
    for code, summary in CODES.items():
        assert f"| `{code}` | {summary} |" in diagnostics
    for name in OPERATIONS:
        assert f"| `{name}" in operations


def test_every_code_has_an_area(make_pages: ModuleType) -> None:
    assert {code[1] for code in CODES} <= set(make_pages.AREAS)
