"""T5 has no rotary positions: the size of its queries and keys grows by copies too (T-6), opened by its class."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("transformers")

import fptdsl
from hf.clients import Pair, fields_of, open_folder, save
from hf.families import FAMILIES


@pytest.mark.parametrize("to", [16, 19])
def test_the_class_computes_the_same(to: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = save("t5", tmp_path / "old")
    growth = f"widen **.SelfAttention d_kv to {to} using net2net"
    result = fptdsl.apply("hf/t5", tmp_path / "old", out=tmp_path / "new", grow=[growth])
    assert result.passed
    assert result.document["steps"][0]["method"] == "net2net"
    assert fields_of(tmp_path / "new")["d_kv"] == to
    pair = Pair(FAMILIES["t5"], old, open_folder(FAMILIES["t5"], tmp_path / "new"))
    assert pair.in_float64(monkeypatch.setattr).error() <= 1e-12
