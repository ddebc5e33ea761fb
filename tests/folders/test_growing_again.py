"""The spec of a grown folder reads its ``config.json``, also where several fields changed together, and grows again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("transformers")

import fptdsl

from .stock import Stock

CASES = {
    "mistral": ("kv_heads", {"num_attention_heads": 8, "num_key_value_heads": 4}),
    "phi3": ("heads", {"num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 8}),
}


@pytest.mark.parametrize("name", CASES)
def test_more_heads_twice(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size of a head, by default the width over the number of heads, is not the default any more."""
    size, fields = CASES[name]
    grow = f"widen model.layers.*.self_attn {size} by {1 if size == 'kv_heads' else 2}"
    stock = Stock(name, tmp_path, monkeypatch)
    assert stock.grow(grow).error <= 1e-12
    text = (stock.out / "growth.fpt").read_text()
    assert "from config(" in text
    assert "self_attn: Attention(hidden_size, num_attention_heads, num_key_value_heads, head_dim," in text
    assert "num_attention_heads = 6" in text
    alone = fptdsl.api.show(stock.out / "growth.fpt").document["parameters"]
    assert alone == fptdsl.api.show(stock.out / "growth.fpt", stock.out).document["parameters"]
    stock.spec, stock.folder, stock.out = str(stock.out / "growth.fpt"), stock.out, tmp_path / "twice"
    assert stock.grow(grow).error <= 1e-12
    config = json.loads((stock.out / "config.json").read_text())
    assert {key: config[key] for key in fields} == fields
