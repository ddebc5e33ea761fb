"""Dropout of every family: at the places and with the probabilities of the class, and what it makes of growth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("transformers")

from fptdsl.architecture import elaborate, lower
from fptdsl.growth import make_plan
from fptdsl.growth.plan import Plan
from fptdsl.language import load
from fptdsl.modules import build
from hf.families import FAMILIES, Family, saved

FIELDS: dict[str, dict[str, float]] = {
    "gpt2": {"embd_pdrop": 0.11, "attn_pdrop": 0.12, "resid_pdrop": 0.13},
    "gpt_neox": {"hidden_dropout": 0.11, "attention_dropout": 0.12},
    "opt": {"dropout": 0.11, "attention_dropout": 0.12},
    "bert": {"hidden_dropout_prob": 0.11, "attention_probs_dropout_prob": 0.12},
    "roberta": {"hidden_dropout_prob": 0.11, "attention_probs_dropout_prob": 0.12},
    "distilbert": {"dropout": 0.11, "attention_dropout": 0.12},
    "vit": {"hidden_dropout_prob": 0.11, "attention_probs_dropout_prob": 0.12},
    "deit": {"hidden_dropout_prob": 0.11, "attention_probs_dropout_prob": 0.12},
    "t5": {"dropout_rate": 0.11},
    "t5, gated": {"dropout_rate": 0.11},
    "phi3": {"resid_pdrop": 0.11, "attention_dropout": 0.12},
    **{
        name: {"attention_dropout": 0.12} for name in ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "olmo2")
    },
}


def places(module: nn.Module, inputs: Mapping[str, Tensor], monkeypatch: pytest.MonkeyPatch) -> Counter[Any]:
    """What goes through dropout in train mode: numbers of values, sizes of the last axis, probabilities."""
    found: Counter[Any] = Counter()

    def record(x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        if training and p:
            found[x.numel(), x.shape[-1], p] += 1
        return x

    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.functional, "dropout", record)
        module.train()(**inputs)
    module.eval()
    return found


@pytest.mark.parametrize("name", FIELDS)
def test_dropout_is_where_the_class_has_it(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = FAMILIES[name]
    family = Family(known.spec, known.model, known.config, {**known.fields, **FIELDS[name]})
    monkeypatch.setitem(FAMILIES, name, family)
    stock = saved(name, tmp_path)
    graph = lower(elaborate(load(f"hf/{family.spec}"), {}, config=stock.config))
    ours = build(graph).double()
    inputs = stock.inputs()
    expected = places(stock.model, inputs, monkeypatch)
    assert sum(expected.values()) >= known.fields.get("num_hidden_layers", 2)
    assert places(ours, inputs, monkeypatch) == expected
    state = ours.state_dict()
    assert set(state) == set(stock.state)


def planned(name: str, grow: str, **fields: float) -> Plan:
    family = FAMILIES[name]
    document = load(f"hf/{family.spec}", grow=[grow])
    network = elaborate(document, {}, config={**family.fields, **fields})
    return make_plan(network, lower(network), document.grows)


HEADS = "widen transformer.h.*.attn heads to 6 using"
HIDDEN = "widen transformer.h.*.mlp hidden to 128 using"


@pytest.mark.parametrize(
    ("name", "grow", "field", "with_dropout"),
    [
        ("gpt2", f"{HEADS} net2net", "attn_pdrop", "eval-only"),
        ("gpt2", f"{HEADS} r2r", "attn_pdrop", "eval-only"),
        ("gpt2", f"{HEADS} netmorph", "attn_pdrop", "exact"),
        # No mask falls on the hidden units of a GPT-2.
        ("gpt2", f"{HIDDEN} r2r", "resid_pdrop", "exact"),
        ("t5", "widen decoder.block.*.layer.2.DenseReluDense hidden to 64 using r2r", "dropout_rate", "eval-only"),
        # New units of a stream under layer norms are means, and masks are drawn for each unit.
        ("gpt2", "widen transformer.wte to 30", "resid_pdrop", "eval-only"),
        ("llama", "widen model.embed_tokens to 37", "attention_dropout", "exact"),
        ("t5", "widen shared to 37", "dropout_rate", "exact"),
        ("gpt2", "deepen transformer.h by 1", "resid_pdrop", "bitwise"),
        ("gpt2", "deepen transformer.h by 1 using r2r", "attn_pdrop", "eval-only"),
        ("bert", "widen bert.embeddings.word_embeddings by 2x", "hidden_dropout_prob", "eval-only"),
    ],
)
def test_masks_make_copies_and_pairs_eval_only(name: str, grow: str, field: str, with_dropout: str) -> None:
    without = dict.fromkeys((name for each in FIELDS.values() for name in each), 0.0)
    assert planned(name, grow, **{**without, field: 0.1}).exactness == with_dropout
    assert planned(name, grow, **without).exactness == ("bitwise" if with_dropout == "bitwise" else "exact")


def test_configurations_without_the_field_have_the_dropout_of_the_class() -> None:
    assert planned("gpt2", f"{HEADS} net2net").exactness == "eval-only"
    assert planned("llama", "widen model.layers.*.self_attn kv_heads to 4 using net2net").exactness == "exact"


def test_attention_drops_shares_in_train_mode_only() -> None:
    config = {**FAMILIES["gpt2"].fields, "attn_pdrop": 0.5, "embd_pdrop": 0.0, "resid_pdrop": 0.0}
    module = build(lower(elaborate(load("hf/gpt2"), {}, config=config)))
    tokens = torch.arange(12).reshape(2, 6)
    with torch.no_grad():
        assert torch.equal(module.eval()(tokens), module(tokens))
        torch.manual_seed(0)
        first, second = module.train()(tokens), module(tokens)
    assert not torch.equal(first, second)
