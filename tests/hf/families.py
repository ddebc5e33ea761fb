"""Small random models of every family that has a spec, as ``transformers`` builds them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

DECODER = {
    "vocab_size": 50, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 64,
}  # fmt: skip
ENCODER = {
    "vocab_size": 50, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 64,
}  # fmt: skip
VISION = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 16,
    "patch_size": 4, "num_labels": 5,
}  # fmt: skip
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}  # fmt: skip


@dataclass(frozen=True)
class Family:
    """``spec`` under ``specs/hf``, the class's name (its configuration is named alike) and the fields."""

    spec: str
    model: str
    config: str
    fields: Mapping[str, Any]


PARTS = frozenset({"activation", "rotary"})
"""What specs of several families share."""

FAMILIES: dict[str, Family] = {
    "gpt2": Family("gpt2", "GPT2LMHeadModel", "GPT2Config",
                   {"vocab_size": 50, "n_positions": 32, "n_embd": 24, "n_layer": 2, "n_head": 4}),
    "gpt_neox": Family("gpt_neox", "GPTNeoXForCausalLM", "GPTNeoXConfig", ENCODER),
    "gpt_neox, branches in turn": Family("gpt_neox", "GPTNeoXForCausalLM", "GPTNeoXConfig",
                                         {**ENCODER, "use_parallel_residual": False, "num_attention_heads": 2}),
    "opt": Family("opt", "OPTForCausalLM", "OPTConfig",
                  {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
                   "ffn_dim": 48, "max_position_embeddings": 64, "word_embed_proj_dim": 32}),
    "opt, norms behind": Family("opt", "OPTForCausalLM", "OPTConfig",
                                {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2,
                                 "num_attention_heads": 4, "ffn_dim": 48, "max_position_embeddings": 64,
                                 "word_embed_proj_dim": 24, "do_layer_norm_before": False}),
    "llama": Family("llama", "LlamaForCausalLM", "LlamaConfig", DECODER),
    "llama 3, biases, tied": Family("llama", "LlamaForCausalLM", "LlamaConfig",
                                    {**DECODER, "head_dim": 16, "tie_word_embeddings": True, "attention_bias": True,
                                     "mlp_bias": True, "rope_parameters": LLAMA3}),
    "mistral": Family("mistral", "MistralForCausalLM", "MistralConfig", {**DECODER, "sliding_window": 4}),
    "qwen2": Family("qwen2", "Qwen2ForCausalLM", "Qwen2Config",
                    {**DECODER, "use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1}),
    "qwen3": Family("qwen3", "Qwen3ForCausalLM", "Qwen3Config", {**DECODER, "head_dim": 16}),
    "gemma": Family("gemma", "GemmaForCausalLM", "GemmaConfig", {**DECODER, "head_dim": 16}),
    "gemma2": Family("gemma2", "Gemma2ForCausalLM", "Gemma2Config",
                     {**DECODER, "head_dim": 16, "sliding_window": 5, "query_pre_attn_scalar": 9}),
    "phi3": Family("phi3", "Phi3ForCausalLM", "Phi3Config", {**DECODER, "pad_token_id": 0}),
    "olmo2": Family("olmo2", "Olmo2ForCausalLM", "Olmo2Config", DECODER),
    "bert": Family("bert", "BertForMaskedLM", "BertConfig", ENCODER),
    "roberta": Family("roberta", "RobertaForMaskedLM", "RobertaConfig", ENCODER),
    "distilbert": Family("distilbert", "DistilBertForMaskedLM", "DistilBertConfig",
                         {"vocab_size": 50, "dim": 32, "hidden_dim": 48, "n_layers": 2, "n_heads": 4,
                          "max_position_embeddings": 64}),
    "vit": Family("vit", "ViTForImageClassification", "ViTConfig", VISION),
    "deit": Family("deit", "DeiTForImageClassification", "DeiTConfig", VISION),
    "t5": Family("t5", "T5ForConditionalGeneration", "T5Config",
                 {"vocab_size": 50, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4}),
    "t5, gated": Family("t5", "T5ForConditionalGeneration", "T5Config",
                        {"vocab_size": 50, "d_model": 32, "d_kv": 16, "d_ff": 48, "num_layers": 2,
                         "num_decoder_layers": 3, "num_heads": 4, "feed_forward_proj": "gated-gelu"}),
}  # fmt: skip


@dataclass(frozen=True)
class Saved:
    """A model that was saved: the folder, its ``config.json``, its tensors by key."""

    family: Family
    model: nn.Module
    config: Mapping[str, Any]
    state: Mapping[str, Tensor]

    def inputs(self, length: int = 11) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(1)
        if "image_size" in self.family.fields:
            return {"pixel_values": torch.randn(2, 3, 16, 16, generator=generator, dtype=torch.float64)}
        inputs = {"input_ids": torch.randint(2, 50, (2, length), generator=generator)}
        if self.family.spec == "t5":
            inputs["decoder_input_ids"] = torch.randint(2, 50, (2, 7), generator=generator)
        return inputs

    def logits(self, inputs: Mapping[str, Tensor]) -> Tensor:
        with torch.no_grad():
            logits: Tensor = self.model(**inputs).logits
        return logits


def saved(name: str, folder: Path) -> Saved:
    """A model with every parameter perturbed, so that nothing is zero or one by construction, in eval mode."""
    import transformers
    from safetensors.torch import load_file

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    family = FAMILIES[name]
    config = getattr(transformers, family.config)(**family.fields)
    config._attn_implementation = "eager"
    torch.manual_seed(0)
    model = getattr(transformers, family.model)(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    fields = json.loads((folder / "config.json").read_text())
    return Saved(family, model.double(), fields, load_file(folder / "model.safetensors"))


class _Other:
    """A module with some attributes replaced."""

    def __init__(self, module: Any, **given: Any) -> None:
        self.__dict__.update(given)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def _softmax(x: Tensor, dim: int = -1, dtype: torch.dtype | None = None) -> Tensor:
    return nn.functional.softmax(x, dim=dim)


def lift_casts(model: nn.Module, put: Callable[[Any, str, Any], None]) -> None:
    """Compute in float64 what the class casts to float32 inside: norms, softmax, the embedding's scale (V-5).

    The angles of rotary positions stay in float32, where the class has them.  ``put(object, name, value)``
    sets an attribute for the time of the test.
    """
    module = sys.modules[type(model).__module__]
    put(module, "torch", _Other(torch, float32=torch.float64))
    if hasattr(module, "nn"):
        put(module, "nn", _Other(nn, functional=_Other(nn.functional, softmax=_softmax)))
    for layer in model.modules():
        if isinstance(getattr(layer, "embed_scale", None), Tensor):
            layer.embed_scale = torch.tensor(model.config.hidden_size**0.5, dtype=torch.float64)  # type: ignore[union-attr,operator]
        if "Gemma" in type(layer).__name__ and "RMSNorm" in type(layer).__name__:
            layer.forward = partial(_offset_norm, layer)  # type: ignore[method-assign]


def _offset_norm(layer: Any, x: Tensor) -> Tensor:
    return layer._norm(x) * (1.0 + layer.weight)  # type: ignore[no-any-return]
