"""config.json: read by name, written back with nothing else changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fptdsl
from fptdsl import api
from fptdsl.checkpoint.config import Config, read_config
from fptdsl.checkpoint.json_text import edit_json
from fptdsl.diagnostics import FptError

from . import family

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=200)
@given(
    table=st.dictionaries(st.text(max_size=4), VALUES, max_size=6),
    changes=st.dictionaries(st.text(max_size=4), VALUES, max_size=3),
    indent=st.sampled_from([None, 0, 2, "\t"]),
    ordered=st.booleans(),
)
def test_an_edit_is_what_it_says(table: dict[str, Any], changes: dict[str, Any], indent: Any, ordered: bool) -> None:
    text = json.dumps(table, indent=indent, sort_keys=ordered)
    new = edit_json(text, {(key,): value for key, value in changes.items()})
    assert json.loads(new) == {**table, **changes}
    assert edit_json(text, {}) == text


def test_the_layout_of_a_text_is_kept() -> None:
    text = '{\n    "a" : [1,2],\n\n    "c":{ "x": 1e-06, "y": [\n        1,\n        2\n    ] },\n    "z": 1.50\n}\n'
    assert edit_json(text, {("c", "x"): 2}) == text.replace("1e-06", "2")
    assert edit_json(text, {("a",): [3]}) == text.replace("[1,2]", "[3]")
    assert edit_json(text, {("b",): True}) == text.replace('    "c"', '    "b": true,\n\n    "c"')
    assert edit_json(text, {("zz",): 1}) == text.replace("1.50", '1.50,\n    "zz": 1')
    assert json.loads(edit_json(text, {("c", "y"): [1]}))["c"] == {"x": 1e-06, "y": [1]}


def test_values_of_what_json_does_not_have_are_kept() -> None:
    assert edit_json('{"limit": [0.0, Infinity], "n": 1}', {("n",): 2}) == '{"limit": [0.0, Infinity], "n": 2}'


def test_of_a_key_that_is_there_twice_the_last_counts() -> None:
    assert json.loads(edit_json('{"a": 1, "a": 2}', {("a",): 3})) == {"a": 3}


def config(text: str) -> Config:
    return Config(Path("config.json"), text, json.loads(text))


def test_fields_in_tables() -> None:
    found = config('{"rope": {"theta": 5.0, "inner": {"x": 1}}, "rope__theta2": 7, "null": null, "n": 0}')
    assert found.values == {"rope__theta": 5.0, "rope__inner__x": 1, "rope__theta2": 7, "null": None, "n": 0}
    new = json.loads(found.rewritten({"rope__inner__x": 2, "rope__theta2": 8, "rope__new": 3, "null": 4, "other": 5}))
    assert new == {
        "rope": {"theta": 5.0, "inner": {"x": 2}, "new": 3},
        "rope__theta2": 8,
        "null": 4,
        "n": 0,
        "other": 5,
    }


def test_a_spec_can_ask_for_a_field_in_a_table(place: Path) -> None:
    family.write(place / "model")
    spec = family.SPEC.replace("num_labels = 2", "num_labels = 2, rope_scaling__factor = 1.0, gone__factor = 1.0")
    (place / "tiny.fpt").write_text(spec)
    parameters = api.show("tiny.fpt", "model").document["parameters"]
    assert (parameters["rope_scaling__factor"], parameters["gone__factor"]) == (2.0, 1.0)


def test_a_byte_order_mark_and_no_config(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    found = read_config(tmp_path)
    assert found is not None
    assert found.values == {"a": 1}
    assert read_config(tmp_path / "none") is None


# --- lists with one entry per layer ------------------------------------------------------------------


def grown(place: Path, grow: str, **fields: Any) -> dict[str, Any]:
    """The new fields of a plan, by name; the warnings under ``warnings``."""
    family.write(place / "model", config={**family.CONFIG, **fields})
    document = fptdsl.plan("tiny.fpt", "model", grow=grow).document
    return {"warnings": document["warnings"], **{item["field"]: item["new"] for item in document["config"]["fields"]}}


def test_lists_that_are_not_about_layers_are_left_with_a_warning(place: Path) -> None:
    found = grown(place, "deepen layers by 1", eos_token_id=[1, 2, 3])
    assert "eos_token_id" not in found
    assert any("`eos_token_id`" in text for text in found["warnings"])
    found = grown(place, "widen embed to 12", eos_token_id=[1, 2, 3])
    assert set(found) == {"warnings", "hidden_size"}
    assert found["warnings"] == []


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("layer_types", ["a", "b", "c"], ["a", "a", "b", "c"]),
        ("layers_block_type", ["x", "x", "x"], ["x"] * 4),
        ("no_rope_layers", [1, 1, 0], [1, 1, 1, 0]),
        ("mlp__layer_types", None, None),
    ],
)
def test_lists_about_layers_grow_with_them(place: Path, name: str, old: Any, new: Any) -> None:
    found = grown(place, "deepen layers by 1 after 0", **{"layer_types": None, name: old})
    assert found.get(name) == new


def test_a_list_in_a_table(place: Path) -> None:
    found = grown(place, "deepen layers by 1 at start", layer_types=None, text={"layer_types": ["a", "b", "c"]})
    assert found["text__layer_types"] == ["a", "a", "b", "c"]


def test_numbers_of_layers_are_left_with_a_warning_when_layers_move(place: Path) -> None:
    found = grown(place, "deepen layers by 1 at start", layer_types=None, dense_layers=[0, 1])
    assert any("`dense_layers`" in text for text in found["warnings"])
    found = grown(place, "deepen layers by 1 at end", layer_types=None, dense_layers=[0, 1])
    assert found["warnings"] == []


TWO = """\
model Two from config(size, encoder_layers, decoder_layers) {
  input x: float[size]
  encoder: repeat encoder_layers { residual { fc: linear(size) } }
  decoder: repeat decoder_layers { residual { fc: linear(size) } }
}
"""


def test_two_stacks_of_the_same_depth(place: Path) -> None:
    import torch

    (place / "two.fpt").write_text(TWO)
    fields = {"size": 4, "encoder_layers": 2, "decoder_layers": 2}
    names = [f"{stack}.{layer}.fc.{rest}" for stack in ("encoder", "decoder") for layer in range(2) for rest in "wb"]
    tensors = {
        n[:-1] + ("weight" if n[-1] == "w" else "bias"): torch.ones(4, 4) if n[-1] == "w" else torch.ones(4)
        for n in names
    }
    family.write(place / "model", config={**fields, "layer_types": ["a", "b"]}, tensors=tensors)
    with pytest.raises(FptError) as caught:
        fptdsl.plan("two.fpt", "model", grow="deepen encoder by 1")
    assert caught.value.diagnostics[0].code == "F352"
    both = fptdsl.plan("two.fpt", "model", grow="deepen encoder by 1; deepen decoder by 1")
    assert {item["field"]: item["new"] for item in both.document["config"]["fields"]} == {
        "encoder_layers": 3,
        "decoder_layers": 3,
        "layer_types": ["a", "b", "b"],
    }


HEADS = """\
model Heads from config(hidden_size, num_heads, head_dim = hidden_size // num_heads, num_kv_heads = num_heads) {
  input x: float[4]
  embed: linear(hidden_size)
  q: linear(num_heads * head_dim)
  o: linear(hidden_size)
  k: linear(num_kv_heads * head_dim)
  head: linear(2)
}
"""


def test_a_dependent_field_is_written_where_its_default_would_be_another(place: Path) -> None:
    import torch

    (place / "heads.fpt").write_text(HEADS)
    sizes = {"embed": (8, 4), "q": (8, 8), "o": (8, 8), "k": (8, 8), "head": (2, 8)}
    tensors = {f"{name}.weight": torch.randn(*size) for name, size in sizes.items()}
    tensors |= {f"{name}.bias": torch.randn(size[0]) for name, size in sizes.items()}
    family.write(place / "model", config={"hidden_size": 8, "num_heads": 2}, tensors=tensors)
    plan = fptdsl.plan("heads.fpt", "model", grow="widen embed to 12; widen o to 12")
    found = {item["field"]: item["new"] for item in plan.document["config"]["fields"]}
    assert found == {"hidden_size": 12, "head_dim": 4}


def test_null_can_be_told_from_missing(place: Path) -> None:
    spec = family.SPEC.replace("num_labels = 2", "rank__null = false, rank = 1 if rank__null else 5, num_labels = 2")
    (place / "tiny.fpt").write_text(spec)
    found = []
    for fields in ({}, {"rank": None}, {"rank": 7}):
        family.write(place / "model", config={**family.CONFIG, **fields})
        parameters = api.show("tiny.fpt", "model").document["parameters"]
        found.append((parameters["rank"], parameters["rank__null"]))
    assert found == [(5, False), (1, True), (7, False)]
