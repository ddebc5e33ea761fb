"""Folders whose heads of keys and values are copied for their query heads (T-4), opened by their classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

pytest.importorskip("transformers")

import fptdsl
from fptdsl.diagnostics import FptError
from hf.clients import Pair, fields_of, open_folder, save, tensors
from hf.families import FAMILIES

ATTENTION = "model.layers.*.self_attn"
FOUR = f"enlarge {ATTENTION} kv_heads to 4"
CASTS = 2e-5
"""Float32 inside a class."""

CASES: list[tuple[str, dict[str, Any]]] = [
    ("llama", {}),
    ("llama", {"num_key_value_heads": 1}),
    ("llama", {"num_attention_heads": 8}),
    ("llama 3, biases, tied", {}),
    ("mistral", {}),
    ("qwen2", {}),
    ("qwen3", {}),
    ("gemma", {"num_key_value_heads": 1}),
    ("gemma2", {}),
    ("phi3", {}),
    ("olmo2", {}),
]
"""Grouped and multi-query attention, biases, norms of each head (Qwen 3) and of all (OLMo 2), fused layouts (Phi-3)."""


def grown(name: str, folder: Path, *growth: str, **changed: Any) -> Pair:
    family = FAMILIES[name]
    old = save(name, folder / "old", **changed)
    result = fptdsl.apply(f"hf/{family.spec}", folder / "old", out=folder / "new", grow=list(growth))
    assert result.passed
    return Pair(family, old, open_folder(family, folder / "new"))


@pytest.mark.parametrize(("name", "changed"), CASES)
def test_the_class_computes_the_same(
    name: str, changed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = grown(name, tmp_path, FOUR, **changed)
    before, after = fields_of(tmp_path / "old"), fields_of(tmp_path / "new")
    assert after["num_key_value_heads"] == 4
    assert after["num_attention_heads"] == before["num_attention_heads"]
    assert pair.error() <= CASTS
    assert pair.in_float64(monkeypatch.setattr).error() <= 1e-12
    assert pair.error() == 0.0 or name == "olmo2", "not even rounding differs, but for the longer mean"


def test_copies_are_those_of_transformers_own_function(tmp_path: Path) -> None:
    """``repeat_kv`` of the class makes the same heads of the old keys as the grown projection has."""
    from transformers.models.llama.modeling_llama import repeat_kv

    pair = grown("llama", tmp_path, FOUR)
    old, new = (model.model.layers[1].self_attn for model in (pair.old, pair.new))
    x = torch.randn(1, 5, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        for name in ("k_proj", "v_proj"):
            heads = getattr(old, name)(x).view(1, 5, 2, 8).transpose(1, 2)
            copied = getattr(new, name)(x).view(1, 5, 4, 8).transpose(1, 2)
            assert (repeat_kv(heads, 2) - copied).abs().max() <= 1e-14


TOGETHER = [
    ("llama", "widen * by 2x; deepen model.layers by 1"),
    ("phi3", "widen * by 1.5x; deepen model.layers by 1"),
    ("qwen3", "widen model.embed_tokens by 5; deepen model.layers by 1 using zero(copies=true)"),
    ("olmo2", "widen * by 2x"),
]


@pytest.mark.parametrize(("name", "more"), TOGETHER)
def test_with_other_growth(name: str, more: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = grown(name, tmp_path, FOUR, more)
    fields = fields_of(tmp_path / "new")
    assert fields["num_key_value_heads"] == fields["num_attention_heads"]
    assert pair.in_float64(monkeypatch.setattr).error() <= 1e-12


@pytest.mark.parametrize(
    ("name", "again"),
    [
        ("llama", f"widen {ATTENTION} kv_heads by 4; widen model.layers.*.mlp hidden by 7"),
        ("phi3", f"widen {ATTENTION} kv_heads by 1"),
        ("olmo2", f"widen {ATTENTION} kv_heads by 2x"),
    ],
)
def test_what_was_grown_grows_again(name: str, again: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = grown(name, tmp_path, FOUR)
    family = FAMILIES[name]
    assert fptdsl.apply(f"hf/{family.spec}", tmp_path / "new", out=tmp_path / "newer", grow=[again]).passed
    third = Pair(family, pair.old, open_folder(family, tmp_path / "newer"))
    assert third.in_float64(monkeypatch.setattr).error() <= 1e-12


def test_in_two_steps_and_in_one(tmp_path: Path) -> None:
    save("llama", tmp_path / "old", num_key_value_heads=1)
    for source, out, to in (("old", "two", 2), ("two", "four", 4), ("old", "at once", 4)):
        growth = f"enlarge {ATTENTION} kv_heads to {to}"
        assert fptdsl.apply("hf/llama", tmp_path / source, out=tmp_path / out, grow=[growth]).passed
    left, right = tensors(tmp_path / "four"), tensors(tmp_path / "at once")
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)


def tiled(tensor: Tensor) -> None:
    """All old heads, and then all again."""
    heads = tensor.reshape(2, 2, -1).transpose(0, 1).reshape(tensor.shape).clone()
    tensor.copy_(heads)


def one_copy(tensor: Tensor) -> None:
    tensor[9] *= 1.01


FAULTS = [
    ("llama", "model.layers.0.self_attn.k_proj.weight", tiled),
    ("llama", "model.layers.2.self_attn.v_proj.weight", one_copy),
    ("qwen2", "model.layers.1.self_attn.k_proj.bias", tiled),
    ("olmo2", "model.layers.1.self_attn.k_norm.weight", tiled),
]


@pytest.mark.parametrize(("name", "tensor", "change"), FAULTS)
def test_a_planted_fault_is_seen(
    name: str, tensor: str, change: Callable[[Tensor], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the comparison with the class, and by the certificate."""
    pair = grown(name, tmp_path, FOUR)
    state = tensors(tmp_path / "new")
    before = state[tensor].clone()
    change(state[tensor])
    assert not torch.equal(before, state[tensor])
    save_file(state, tmp_path / "new" / "model.safetensors", {"format": "pt"})
    wrong = Pair(pair.family, pair.old, open_folder(pair.family, tmp_path / "new"))
    assert wrong.in_float64(monkeypatch.setattr).error() > 1e-7
    spec = f"hf/{pair.family.spec}"
    result = fptdsl.verify(spec, tmp_path / "old", spec, tmp_path / "new", certificate=True)
    assert not result.passed
    assert result.document["certificate"]["outcome"] == "failed"


REFUSED = [
    ("llama", FOUR.replace("4", "3"), "F306", "3 is no multiple of 2"),
    ("llama", FOUR.replace("4", "8"), "F306", "4 query heads are no whole groups for 8"),
    ("llama", "enlarge model.layers.0.self_attn kv_heads to 4", "F351", "has no fields for this growth"),
    ("bert", "enlarge bert.encoder.layer.* kv_heads to 8", "F306", "each query head has its own already"),
    ("t5", "enlarge decoder.block.* kv_heads to 8", "F306", "each query head has its own already"),
]


@pytest.mark.parametrize(("name", "growth", "code", "words"), REFUSED)
def test_refusals(name: str, growth: str, code: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(FptError) as caught:
        grown(name, tmp_path, growth)
    first = caught.value.diagnostics[0]
    assert first.code == code, first.message
    assert words in first.message
    assert not (tmp_path / "new").exists()
