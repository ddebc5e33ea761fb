"""Fields that a ``config.json`` does not have: the specs take what the classes take, and growth writes what it must."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("transformers")

import fptdsl
from fptdsl.architecture import elaborate, lower
from fptdsl.diagnostics import FptError
from fptdsl.language import load
from fptdsl.language.document import Document
from fptdsl.modules import build
from hf.clients import Pair, open_folder, save, tensors
from hf.families import FAMILIES, Family

PLAIN = {family.spec: family for name, family in reversed(FAMILIES.items()) if family.spec == name}
HEADS = {"num_attention_heads": 32, "n_head": 32, "n_heads": 32, "num_heads": 32}
"""As many as the heads of keys and values that a class has by default, at most."""
DERIVED = {"n_inner": 1024, "classifier_dropout": 0.1}
"""Fields that a class leaves at none and its layers derive."""
NOT_FIELDS = {
    "architectures", "hidden_dropout", "classifier_dropout", "token_classification_bias", "rope_scaling__type",
    "factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings", "beta_fast", "beta_slow",
    "attention_factor", "truncate", "mscale", "mscale_all_dim", "scaling", "short_factor", "long_factor",
    "rotary_emb_base", "rotary_pct", "hidden_activation", "head_dim",
}  # fmt: skip
"""What no configuration has by itself: names of old files, of scaled positions (none by default) and of other heads.

Layers take ``head_dim`` from elsewhere where a configuration does not have it: the shapes below.
"""
LAYER_BY_LAYER = {"layer_types", "sliding_window"}
"""What the layers have of them is below."""


def spare(family: Family) -> dict[str, Any]:
    """The fields that a spec has no defaults for, and no others."""
    fields = {**family.fields, **{name: 32 for name in HEADS if name in family.fields}}
    fields |= {name: 256 for name in ("hidden_size", "n_embd", "dim", "d_model") if name in fields}
    model = document(family).model
    assert model is not None
    return {param.name: fields[param.name] for param in model.params if param.default is None}


def document(family: Family) -> Document:
    return load(f"hf/{family.spec}")


def given(config: Any, name: str) -> Any:
    """What a configuration of ``transformers`` has under a name, the parameters of its positions included."""
    if name.endswith("__count"):
        return len(getattr(config, name.removesuffix("__count")))
    if hasattr(config, name):
        return getattr(config, name)
    return (getattr(config, "rope_parameters", None) or {}).get(name, ...)


@pytest.mark.parametrize("name", PLAIN)
def test_every_default_is_that_of_the_class(name: str) -> None:
    import transformers

    family = PLAIN[name]
    fields = spare(family)
    config = getattr(transformers, family.config).from_dict(dict(fields))
    values = elaborate(document(family), {}, config=fields).frame.values
    compared = []
    for param, ours in values.items():
        theirs = given(config, param)
        if param.endswith("__null") or (param in NOT_FIELDS and theirs in (..., None)) or param in LAYER_BY_LAYER:
            continue
        compared.append(param)
        if theirs is None:
            theirs = DERIVED.get(param, False)
        assert ours == theirs, (param, ours, theirs)
    assert len(compared) >= 12, compared


@pytest.mark.parametrize("name", PLAIN)
def test_without_a_field_the_shapes_and_windows_are_those_of_the_class(name: str) -> None:
    import transformers

    family = PLAIN[name]
    fields = spare(family)
    graph = lower(elaborate(document(family), {}, config=fields))
    config = getattr(transformers, family.config).from_dict({**fields, "pad_token_id": 1})
    with torch.device("meta"):
        model = getattr(transformers, family.model)._from_config(config)
    shapes = sorted(tuple(value.shape) for value in model.parameters())  # their names are those of the files, or not
    assert sorted(tensor.shape for tensor in graph.tensors.values()) == shapes
    windows = [getattr(node.args, "window", None) for node in graph.nodes if node.op == "attention"]
    types = getattr(config, "layer_types", None)
    window = getattr(config, "sliding_window", None)
    if window is None or types is not None:
        types = types or ["full_attention"] * len(windows)
        assert windows == [window if kind == "sliding_attention" else None for kind in types]
    else:
        assert set(windows) == {window}


NULLS: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("mistral", {}, ("sliding_window",)),
    ("qwen2", {"num_key_value_heads": 4, "use_sliding_window": False}, ("num_key_value_heads",)),
    ("qwen2", {"layer_types": None, "sliding_window": None}, ("sliding_window", "layer_types")),
    ("qwen3", {"num_key_value_heads": 4}, ("num_key_value_heads", "layer_types")),
    ("gemma2", {"attn_logit_softcapping": None, "final_logit_softcapping": None}, ("attn_logit_softcapping",)),
    ("llama", {"num_key_value_heads": 4}, ("num_key_value_heads", "head_dim")),
    ("gpt2", {}, ("n_inner",)),
]
MISSING: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("gemma2", {}, ("attn_logit_softcapping", "final_logit_softcapping", "query_pre_attn_scalar", "layer_types")),
    ("roberta", {}, ("layer_norm_eps", "type_vocab_size")),
    ("mistral", {"num_attention_heads": 8, "num_key_value_heads": 8}, ("num_key_value_heads", "head_dim")),
    ("qwen2", {"sliding_window": 4096, "max_window_layers": 1}, ("sliding_window", "layer_types")),
]


@pytest.mark.parametrize(("name", "changed", "names"), NULLS)
def test_null_is_what_the_class_takes_it_for(
    name: str, changed: dict[str, Any], names: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute_alike(name, changed, dict.fromkeys(names), tmp_path, monkeypatch)


@pytest.mark.parametrize(("name", "changed", "names"), MISSING)
def test_a_missing_field_is_what_the_class_takes_instead(
    name: str, changed: dict[str, Any], names: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "gemma2":
        changed = {**changed, "query_pre_attn_scalar": 256}
    if name == "roberta":
        changed = {**changed, "type_vocab_size": 2}
    compute_alike(name, changed, dict.fromkeys(names, ...), tmp_path, monkeypatch)


def compute_alike(
    name: str, changed: dict[str, Any], edits: dict[str, Any], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network of the spec and the class on a folder whose ``config.json`` was edited."""
    save(name, place, **changed)
    fields = edited(place, **edits)
    family = FAMILIES[name]
    model = open_folder(family, place).double()
    built = build(lower(elaborate(document(family), {}, config=fields))).double().eval()
    built.load_state_dict({key: value.double() for key, value in tensors(place).items()}, strict=True)
    pair = Pair(family, model, model).in_float64(monkeypatch.setattr)
    with torch.no_grad():
        found = built(*pair.inputs().values())
    expected = pair.logits()[0]
    assert ((found - expected).abs().max() / expected.abs().max()).item() <= 1e-12


def edited(folder: Path, **edits: Any) -> dict[str, Any]:
    """The fields of a ``config.json`` after other values, or none (``...``), for some."""
    path = folder / "config.json"
    fields: dict[str, Any] = {**json.loads(path.read_text()), **edits}
    fields = {name: value for name, value in fields.items() if value is not ...}
    path.write_text(json.dumps(fields))
    return fields


FALLBACKS = [("mistral", 8, 32), ("gemma2", 4, 32), ("qwen2", 32, 64), ("qwen3", 32, 64), ("gemma", 16, 32)]
"""Families whose class has a number of heads of keys and values by default, and a folder that has just as many."""


@pytest.mark.parametrize(("name", "heads", "width"), FALLBACKS)
def test_heads_that_the_class_would_take_for_others_are_written(
    name: str, heads: int, width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = FAMILIES[name]
    sizes: dict[str, Any] = {
        "hidden_size": width,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "num_hidden_layers": 2,
    }
    old = save(name, tmp_path / "old", **sizes)
    edited(tmp_path / "old", num_key_value_heads=...)
    fptdsl.apply(f"hf/{family.spec}", tmp_path / "old", out=tmp_path / "new", grow=["widen * by 1.5x"])
    assert json.loads((tmp_path / "new" / "config.json").read_text())["num_key_value_heads"] == heads * 3 // 2
    pair = Pair(family, old, open_folder(family, tmp_path / "new"))
    assert pair.in_float64(monkeypatch.setattr).error() <= 1e-12


LABELS = [
    ("llama", "LlamaForSequenceClassification", "score"),
    ("bert", "BertForTokenClassification", "classifier"),
    ("distilbert", "DistilBertForSequenceClassification", "classifier"),
    ("vit", "ViTForImageClassification", "classifier"),
]


@pytest.mark.parametrize(("name", "model", "head"), LABELS)
def test_labels_are_counted_where_they_have_no_names(
    name: str, model: str, head: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``num_labels`` counts without the table of their names; the table counts where it is there."""
    known = FAMILIES[name]
    family = Family(known.spec, model, known.config, known.fields)
    monkeypatch.setitem(FAMILIES, name, family)
    extra: dict[str, Any] = {"num_labels": 3, "pad_token_id": 0}
    old = save(name, tmp_path / "old", **extra)
    edited(tmp_path / "old", num_labels=7)
    assert fptdsl.plan(f"hf/{family.spec}", tmp_path / "old").plan.old.tensors[f"{head}.weight"].shape[0] == 3
    edited(tmp_path / "old", id2label=..., label2id=..., num_labels=3)
    fptdsl.apply(f"hf/{family.spec}", tmp_path / "old", out=tmp_path / "new", grow=["widen * by 2x"])
    pair = Pair(family, old, open_folder(family, tmp_path / "new"))
    assert pair.logits()[1].shape[-1] == 3
    assert pair.in_float64(monkeypatch.setattr).error() <= 1e-12


@pytest.mark.parametrize("classes", [[], None])
def test_no_name_of_a_class_is_that_of_the_pretraining(classes: Any, tmp_path: Path) -> None:
    family = FAMILIES["llama"]
    save("llama", tmp_path / "old")
    edited(tmp_path / "old", architectures=classes)
    fptdsl.apply("hf/llama", tmp_path / "old", out=tmp_path / "new", grow=["deepen model.layers by 1"])
    assert json.loads((tmp_path / "new" / "config.json").read_text())["architectures"] == classes
    open_folder(family, tmp_path / "new")


def test_a_list_of_nothing_is_no_value_for_a_field_that_is_needed(tmp_path: Path) -> None:
    save("llama", tmp_path)
    edited(tmp_path, hidden_size=[])
    with pytest.raises(FptError) as caught:
        fptdsl.plan("hf/llama", tmp_path)
    assert [fault.code for fault in caught.value.diagnostics] == ["F452"]
