"""The small models, as configurations of ``transformers``, and what is asked of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from text import CONTEXT
from transformers import GPT2Config, LlamaConfig, PretrainedConfig

NO_SPECIAL_TOKENS: dict[str, Any] = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}


@dataclass(frozen=True)
class Kind:
    """A family: its shipped spec, and the growth as it is written on the command line."""

    title: str
    spec: str
    growth: str


KINDS = {
    "llama": Kind("Llama-style", "hf/llama", "widen * by 1.5x; deepen model.layers by 2"),
    "gpt2": Kind("GPT-2-style", "hf/gpt2", "widen * by 1.5x; deepen transformer.h by 2"),
}


def small_config(kind: str, characters: int) -> PretrainedConfig:
    """Four blocks, 96 wide, 4 heads (2 key and value heads in the Llama), a feed-forward size of 256 or 384."""
    if kind == "llama":
        return LlamaConfig(
            vocab_size=characters, hidden_size=96, intermediate_size=256, num_hidden_layers=4, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=CONTEXT, **NO_SPECIAL_TOKENS,
        )  # fmt: skip
    return GPT2Config(
        vocab_size=characters, n_positions=CONTEXT, n_embd=96, n_layer=4, n_head=4, n_inner=384, resid_pdrop=0.0,
        embd_pdrop=0.0, attn_pdrop=0.0, **NO_SPECIAL_TOKENS,
    )  # fmt: skip
