"""Files as they were published: without the prefix, with old names, with what training had besides the head."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

pytest.importorskip("transformers")

import fptdsl
from hf import growths
from hf.clients import Pair, save, tensors
from hf.families import FAMILIES, Family

State = dict[str, Tensor]


def without(prefix: str) -> Callable[[State], State]:
    return lambda state: {key.removeprefix(prefix): value for key, value in state.items()}


def masks(prefix: str) -> Callable[[State], State]:
    """The causal masks that early versions of the class stored as buffers."""

    def added(state: State) -> State:
        for layer in range(2):
            state[f"{prefix}h.{layer}.attn.bias"] = torch.ones(1, 1, 8, 8, dtype=torch.uint8).tril()
            state[f"{prefix}h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
        return state

    return added


def old_norms(state: State) -> State:
    pairs = (("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta"))
    for new, old in pairs:
        state = {key.replace(new, old): value for key, value in state.items()}
    return state


def pretraining(prefix: str) -> Callable[[State], State]:
    """The pooler and the second head, which the class of the file does not have."""

    def added(state: State) -> State:
        width = state[f"{prefix}embeddings.word_embeddings.weight"].shape[1]
        state[f"{prefix}pooler.dense.weight"] = torch.randn(width, width)
        state[f"{prefix}pooler.dense.bias"] = torch.randn(width)
        if prefix == "bert.":
            state["cls.seq_relationship.weight"] = torch.randn(2, width)
            state["cls.seq_relationship.bias"] = torch.randn(2)
        return state

    return added


def second_bias(state: State) -> State:
    key = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
    state[key] = torch.randn_like(state["decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"])
    return state


PUBLISHED: dict[str, tuple[str, tuple[Callable[[State], State], ...]]] = {
    "gpt2": ("gpt2", (masks("transformer."), without("transformer."))),
    "gpt2, with the prefix": ("gpt2", (masks("transformer."),)),
    "bert": ("bert", (pretraining("bert."), old_norms)),
    "bert, norms alone": ("bert", (old_norms,)),
    "roberta": ("roberta", (pretraining("roberta."),)),
    "distilbert": ("distilbert", (without("distilbert."),)),
    "opt": ("opt", (without("model."),)),
    "gpt_neox": ("gpt_neox", (without("gpt_neox."),)),
    "llama": ("llama", (without("model."),)),
    "qwen3": ("qwen3", (without("model."),)),
    "t5": ("t5", (second_bias,)),
}
"""What is made of the file that the class saves."""


def opened(family: Family, folder: Path) -> tuple[nn.Module, set[str]]:
    """What ``from_pretrained`` makes of a folder in which nothing is missing, and the keys that it does not use."""
    import transformers

    model, report = getattr(transformers, family.model).from_pretrained(
        folder, output_loading_info=True, attn_implementation="eager"
    )
    assert not report["missing_keys"]
    assert not report["mismatched_keys"]
    return model.eval(), set(report["unexpected_keys"])


@pytest.mark.parametrize("name", PUBLISHED)
def test_they_grow_and_keep_their_names(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known, changes = PUBLISHED[name]
    family, places = FAMILIES[known], growths.PLACES[known]
    save(known, tmp_path / "old")
    state = tensors(tmp_path / "old")
    for change in changes:
        state = change(state)
    save_file({key: value.contiguous() for key, value in state.items()}, tmp_path / "old" / "model.safetensors")
    growth = ["widen * by 2x"]
    if known not in growths.POST_NORM and known != "t5":
        growth.append(f"deepen {places.layers} by 1")
    fptdsl.apply(f"hf/{family.spec}", tmp_path / "old", out=tmp_path / "new", grow=growth)
    old, unused = opened(family, tmp_path / "old")
    new, unused_after = opened(family, tmp_path / "new")
    assert unused_after == unused
    assert Pair(family, old, new).in_float64(monkeypatch.setattr).error() <= 1e-12
    grown = tensors(tmp_path / "new")
    assert set(state) <= set(grown)
    if not set(state) & set(old.state_dict()):  # every name is another one than the class has: new ones too
        assert not set(grown) & set(new.state_dict())
    for key in unused:
        assert torch.equal(grown[key], state[key])


@pytest.mark.parametrize(
    ("name", "grow", "first"),
    [
        ("bert", "widen * by 2x", "bert.pooler.dense.weight"),
        ("bert", "widen *.embeddings.position_embeddings num_embeddings by 2x", None),
        ("gpt2", "widen * by 2x", None),
        ("gpt2", "deepen transformer.h by 1", None),
    ],
)
def test_what_keeps_a_size_that_grows_is_told(name: str, grow: str, first: str | None, tmp_path: Path) -> None:
    """Heads that the class of the spec does not have cannot be read afterwards; masks have no units."""
    known, changes = PUBLISHED[name]
    save(known, tmp_path / "old")
    state = tensors(tmp_path / "old")
    for change in changes:
        state = change(state)
    if name == "gpt2":
        width = state["wte.weight"].shape[1]
        for layer in range(2):
            state[f"h.{layer}.attn.bias"] = torch.ones(1, 1, width, width).tril()
    save_file({key: value.contiguous() for key, value in state.items()}, tmp_path / "old" / "model.safetensors")
    result = fptdsl.apply(f"hf/{FAMILIES[known].spec}", tmp_path / "old", out=tmp_path / "new", grow=grow)
    told = [text for text in result.document["warnings"] if "ignored entries" in text]
    assert len(told) == (first is not None)
    if first is not None:
        width = state[first].shape[0]
        assert f"and 2 more keep their size {width}, which grows" in told[0], told


@pytest.mark.parametrize("name", ["gpt2", "bert", "llama"])
def test_a_planted_fault_is_seen(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known, changes = PUBLISHED[name]
    family = FAMILIES[known]
    save(known, tmp_path / "old")
    state = tensors(tmp_path / "old")
    for change in changes:
        state = change(state)
    save_file(state, tmp_path / "old" / "model.safetensors")
    fptdsl.apply(f"hf/{family.spec}", tmp_path / "old", out=tmp_path / "new", grow=["widen * by 2x"])
    grown = tensors(tmp_path / "new")
    key = {"gpt2": "h.1.ln_1.weight", "bert": "bert.encoder.layer.1.output.LayerNorm.gamma",
           "llama": "layers.1.input_layernorm.weight"}[name]  # fmt: skip
    grown[key] = grown[key] * 1.5
    save_file(grown, tmp_path / "new" / "model.safetensors")
    old, new = opened(family, tmp_path / "old")[0], opened(family, tmp_path / "new")[0]
    assert Pair(family, old, new).in_float64(monkeypatch.setattr).error() > 1e-3
    spec = tmp_path / "new" / "growth.fpt"
    assert not fptdsl.verify(f"hf/{family.spec}", tmp_path / "old", spec, tmp_path / "new").passed
