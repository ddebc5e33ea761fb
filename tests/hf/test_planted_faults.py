"""One mistake in one tensor of a grown folder: the comparison with the class must see it by orders of magnitude."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

pytest.importorskip("transformers")

import fptdsl
from hf.clients import Pair, open_folder, save, tensors
from hf.families import FAMILIES

K = (40 / 32) ** 0.5
"""The factor of the stream: 32 to 40 units, or 24 to 30 in GPT-2."""


def times(factor: float) -> Callable[[Tensor], None]:
    def change(tensor: Tensor) -> None:
        tensor *= factor

    return change


def last_columns(tensor: Tensor) -> None:
    """What is read of the last head, which is new, is not zero."""
    tensor[:, -8:] = tensor[:, :8]


def last_rows(tensor: Tensor) -> None:
    """As the columns, where weights are stored ``[in, out]``."""
    tensor[-7:] = tensor[:7]


def first_units(tensor: Tensor) -> None:
    """The first two rows are exchanged."""
    tensor[:2] = tensor[:2].flip(0).clone()


FAULTS = [
    ("llama", "widen model.embed_tokens to 40", "model.layers.1.input_layernorm.weight", times(K)),
    ("llama", "widen model.embed_tokens to 40", "model.layers.2.mlp.down_proj.weight", times(1 / K)),
    ("mistral", "widen model.layers.*.self_attn kv_heads to 3", "model.layers.0.self_attn.o_proj.weight", last_columns),
    ("llama 3, biases, tied", "widen model.embed_tokens to 40", "model.norm.weight", times(K)),
    ("qwen2", "widen model.layers.*.self_attn kv_heads to 3 using r2r", "model.layers.1.self_attn.k_proj.bias",
     first_units),
    ("gemma", "widen model.embed_tokens to 40", "model.layers.0.post_attention_layernorm.weight", times(K)),
    ("gemma2", "widen model.embed_tokens to 40", "model.norm.weight", times(K)),
    ("olmo2", "widen model.layers.*.self_attn kv_heads to 3", "model.layers.1.self_attn.k_norm.weight",
     times(1.5**0.5)),
    ("phi3", "widen model.layers.*.mlp hidden by 7 using net2net", "model.layers.0.mlp.gate_up_proj.weight",
     first_units),
    ("gpt2", "widen transformer.wte by 6", "transformer.h.1.ln_2.weight", times(K)),
    ("gpt2", "widen transformer.h.*.mlp hidden by 7", "transformer.h.0.mlp.c_proj.weight", last_rows),
    ("bert", "widen bert.embeddings.word_embeddings by 2x", "cls.predictions.transform.LayerNorm.weight", times(2.0)),
    ("vit", "widen vit.embeddings.cls_token by 8", "vit.embeddings.cls_token", times(1 / K)),
    ("t5", "widen shared by 8", "decoder.final_layer_norm.weight", times(K)),
]  # fmt: skip
"""Family, growth, the tensor, the mistake."""


FAST = ("llama", "gpt2", "bert")


@pytest.mark.parametrize(
    ("name", "growth", "tensor", "change"),
    [pytest.param(*fault, marks=() if fault[0] in FAST else pytest.mark.sweep) for fault in FAULTS],
)
def test_a_planted_fault_is_seen(
    name: str, growth: str, tensor: str, change: Callable[[Tensor], None], tmp_path: Path
) -> None:
    family, old = FAMILIES[name], save(name, tmp_path / "old")
    fptdsl.apply(f"hf/{family.spec}", tmp_path / "old", out=tmp_path / "new", grow=[growth])
    right = Pair(family, old, open_folder(family, tmp_path / "new")).error()
    state = tensors(tmp_path / "new")
    before = state[tensor].clone()
    change(state[tensor])
    assert not torch.equal(before, state[tensor])
    save_file(state, tmp_path / "new" / "model.safetensors", {"format": "pt"})
    wrong = Pair(family, old, open_folder(family, tmp_path / "new")).error()
    assert right <= 2e-5
    assert wrong > 1e-3
    assert wrong > 1000 * right
