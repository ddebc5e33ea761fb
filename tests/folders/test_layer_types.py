"""Lists with one entry per layer: read by the spec, kept in step with the depth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

from fptdsl.architecture import elaborate, lower
from fptdsl.diagnostics import FptError
from fptdsl.language import load

from .stock import Stock

S, F = "sliding_attention", "full_attention"
FIELDS: dict[str, dict[str, Any]] = {
    "gemma2": {"num_hidden_layers": 4, "sliding_window": 3},
    "qwen2": {"num_hidden_layers": 4, "use_sliding_window": True, "sliding_window": 3, "max_window_layers": 1},
    "qwen3": {"num_hidden_layers": 4, "use_sliding_window": True, "sliding_window": 3, "max_window_layers": 1},
}
TYPES = {"gemma2": [S, F, S, F], "qwen2": [F, S, S, S], "qwen3": [F, S, S, S]}
WAYS = {"": [0, 1, 2, 3, 3], "at start": [0, 0, 1, 2, 3], "after 1": [0, 1, 1, 2, 3], "after 2": [0, 1, 2, 2, 3]}


@pytest.mark.parametrize(
    ("name", "way"),
    [("gemma2", ""), ("gemma2", "at start"), ("gemma2", "after 1"), ("qwen2", "at start"), ("qwen3", "")],
)
def test_new_layers_have_the_type_of_those_they_are_modelled_on(
    name: str, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown = Stock(name, tmp_path, monkeypatch, **FIELDS[name]).grow(f"deepen model.layers by 1 {way}")
    assert grown.error <= 1e-12
    assert grown.document["exactness"] == "bitwise"
    assert grown.fields == {"num_hidden_layers": 5, "layer_types": [TYPES[name][n] for n in WAYS[way]]}
    text = (tmp_path / "grown" / "growth.fpt").read_text()
    assert "repeat num_hidden_layers as i" in text, "not written out layer by layer"


@pytest.mark.parametrize("name", FIELDS)
def test_the_list_decides_where_it_is_given(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other layers than the class would choose by itself."""
    types = [F, S, F, F]
    stock = Stock(name, tmp_path, monkeypatch, **FIELDS[name], layer_types=types)
    graph = lower(elaborate(load(stock.spec), {}, config=stock.saved.config))
    windows = [node.args.window for node in graph.nodes if node.op == "attention"]  # type: ignore[attr-defined]
    assert windows == [None, 3, None, None]
    grown = stock.grow("deepen model.layers by 1 after 1; widen model.layers.*.mlp hidden to 64")
    assert grown.error <= 1e-12
    assert grown.fields["layer_types"] == [F, S, S, F, F]


def test_a_list_that_says_nothing_yet_grows_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grown = Stock("qwen2", tmp_path, monkeypatch, use_sliding_window=False).grow("deepen model.layers by 2")
    assert grown.fields == {"num_hidden_layers": 5, "layer_types": [F] * 5}


def without_the_list(stock: Stock, null: bool = False) -> None:
    """Older files of the family, which do not have the field."""
    path = stock.folder / "config.json"
    fields = {**json.loads(path.read_text()), "layer_types": None}
    if not null:
        del fields["layer_types"]
    path.write_text(json.dumps(fields, indent=2))


@pytest.mark.parametrize(
    ("name", "way", "null"),
    [
        ("gemma2", "after 1", False),
        ("gemma2", "at start", True),
        ("gemma2", "after 2", False),
        ("qwen2", "at start", False),
        ("qwen3", "at start", True),
    ],
)
def test_types_that_were_derived_are_told_where_they_would_be_others(
    name: str, way: str, null: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock = Stock(name, tmp_path, monkeypatch, **FIELDS[name])
    without_the_list(stock, null)
    grown = stock.grow(f"deepen model.layers by 1 {way}")
    assert grown.error <= 1e-12
    assert grown.fields == {"num_hidden_layers": 5, "layer_types": [TYPES[name][n] for n in WAYS[way]]}
    assert [text for text in grown.document["warnings"] if "`layer_types`" in text and "is new" in text]
    assert "repeat num_hidden_layers as i" in (tmp_path / "grown" / "growth.fpt").read_text()


@pytest.mark.parametrize(
    ("name", "way"), [("gemma2", "by 2 at end"), ("gemma2", "by 1"), ("qwen2", "by 1 after 2"), ("qwen3", "by 1")]
)
def test_types_that_are_derived_alike_are_left_to_the_family(
    name: str, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock = Stock(name, tmp_path, monkeypatch, **FIELDS[name])
    without_the_list(stock)
    grown = stock.grow(f"deepen model.layers {way}")
    assert grown.error <= 1e-12
    assert set(grown.fields) == {"num_hidden_layers"}


def test_growth_of_one_layer_is_refused_with_or_without_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock = Stock("gemma2", tmp_path, monkeypatch, **FIELDS["gemma2"])
    without_the_list(stock)
    with pytest.raises(FptError) as caught:
        stock.plan("deepen model.layers by 1 after 1; widen model.layers.0.mlp hidden to 64")
    assert [fault.code for fault in caught.value.diagnostics] == ["F351"]


def test_a_type_that_is_not_described_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = Stock("gemma2", tmp_path, monkeypatch, **FIELDS["gemma2"])
    fields = {**stock.saved.config, "layer_types": [S, F, "chunked_attention", F]}
    with pytest.raises(FptError) as caught:
        elaborate(load(stock.spec), {}, config=fields)
    assert "of layer_types" in caught.value.diagnostics[0].message
