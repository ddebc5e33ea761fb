"""What a verification shows of train mode and of the file's half precision."""

from __future__ import annotations

from typing import Any

from fptdsl.views.page import Page
from fptdsl.views.verify import verification

FOUND: dict[str, Any] = {
    "passed": True, "verdict": "Function-preserving", "dtype": "bfloat16", "storage_drift": None,
    "float32": {"drift": None, "old": None, "new": None}, "reproduction": None, "inconclusive": [], "notes": [],
    "gates": [],
}  # fmt: skip
GATE = {"name": "train mode", "error": 2.4e-15, "limit": 1e-9, "basis": "", "passed": True}


def shown(**other: Any) -> str:
    page = Page(80, full=True)
    verification({**FOUND, **other}, page)
    return "\n".join(line.plain for line in page.lines())


def test_train_mode_is_one_line_with_or_without_a_limit() -> None:
    assert "train mode (no limit)  3.4e-02" in shown(train_mode=0.034)
    gated = shown(train_mode=2.4e-15, gates=[GATE])
    assert "train mode 2.4e-15 limit 1.0e-09 passed" in " ".join(gated.split())
    assert "no limit" not in gated
    assert "train mode" not in shown(train_mode=None)


def test_half_precision() -> None:
    half = {"dtype": "bfloat16", "drift": 0.002, "old": 0.004, "new": 0.004, "skipped": None}
    assert "bfloat16 drift                        2.0e-03" in shown(half=half)
    assert "bfloat16 rounding of the old network  4.0e-03" in shown(half=half)
    text = shown(half={**half, "drift": None, "old": None, "new": None, "skipped": "no kernel"})
    assert "no drift in bfloat16: no kernel" in text
    assert "rounding" not in text
