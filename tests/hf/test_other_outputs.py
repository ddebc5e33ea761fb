"""Classes with several results, or with a part of the network: DeiT with its two heads, T5 without its head.

The reference is the class on both sides, in float64, with casts to float32 inside lifted (V-5).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

pytest.importorskip("transformers")

import fptdsl
from fptdsl.architecture import elaborate, lower
from fptdsl.diagnostics import FptError
from fptdsl.language import load
from fptdsl.modules import build
from hf.clients import fields_of, open_folder, save, tensors
from hf.families import FAMILIES, Family, Saved, lift_casts

EXACT = 1e-12
CLASSES = {
    "DeiTForImageClassificationWithTeacher": ("deit", ("logits", "cls_logits", "distillation_logits")),
    "T5Model": ("t5", ("last_hidden_state", "encoder_last_hidden_state")),
    "T5EncoderModel": ("t5", ("last_hidden_state",)),
    "MT5EncoderModel": ("t5, gated", ("last_hidden_state",)),
    "MT5ForConditionalGeneration": ("t5", ("logits",)),
}
"""The family, and what the class gives."""

GROWTHS = [
    ("DeiTForImageClassificationWithTeacher", "widen * by 1.5x; deepen deit.encoder.layer by 2 interleaved"),
    ("DeiTForImageClassificationWithTeacher", "widen deit.embeddings.cls_token by 8"),
    (
        "T5Model",
        "widen **.DenseReluDense hidden by 7; widen **.SelfAttention num_heads to 6; deepen decoder.block by 1",
    ),
    (
        "T5EncoderModel",
        "widen **.DenseReluDense hidden by 7; widen **.SelfAttention d_kv to 11; deepen encoder.block by 2",
    ),
    ("MT5EncoderModel", "widen encoder.block.*.layer.0.SelfAttention num_heads to 6"),
    # Of the class of mT5 nothing is divided by the width before the head, also where it is the embedding.
    ("MT5ForConditionalGeneration", "widen * by 1.5x; deepen decoder.block by 1"),
    ("MT5ForConditionalGeneration", "widen shared by 2x"),
]


def made(model: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Family, nn.Module]:
    known = FAMILIES[CLASSES[model][0]]
    config = f"M{known.config}" if model.startswith("MT5") else known.config
    family = replace(known, model=model, config=config)
    monkeypatch.setitem(FAMILIES, model, family)
    return family, save(model, folder)


def results(model: nn.Module, family: Family) -> dict[str, Tensor]:
    inputs = Saved(family, model, {}, {}).inputs()
    if family.model.endswith("EncoderModel"):
        inputs.pop("decoder_input_ids")
    with torch.no_grad():
        out: Any = model(**inputs)
    return {name: out[name] for name in CLASSES[family.model][1]}


def difference(old: dict[str, Tensor], new: dict[str, Tensor]) -> float:
    """The largest over all results, relative to the largest value of each."""
    assert old.keys() == new.keys()
    assert all(value.dtype == torch.float64 for value in (*old.values(), *new.values()))
    return max(((new[name] - value).abs().max() / value.abs().max()).item() for name, value in old.items())


@pytest.mark.parametrize("model", CLASSES)
def test_the_spec_is_the_class(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family, stock = made(model, tmp_path, monkeypatch)
    graph = lower(elaborate(load(f"hf/{family.spec}"), {}, config=fields_of(tmp_path)))
    state = tensors(tmp_path)
    assert {key: each.shape for key, each in graph.tensors.items()} == {k: tuple(v.shape) for k, v in state.items()}
    ours = build(graph).double().eval()
    ours.load_state_dict(state, strict=True)
    lift_casts(stock, monkeypatch.setattr)
    inputs = Saved(family, stock, {}, {}).inputs()
    with torch.no_grad():
        found = ours(*(inputs[name] for name in graph.inputs))
    expected = results(stock, family)
    assert difference(expected, found if isinstance(found, dict) else {CLASSES[model][1][0]: found}) <= EXACT


@pytest.mark.parametrize(("model", "growth"), GROWTHS)
def test_grown_folders(model: str, growth: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family, old = made(model, tmp_path / "old", monkeypatch)
    assert fptdsl.apply(f"hf/{family.spec}", tmp_path / "old", out=tmp_path / "new", grow=[growth]).passed
    new = open_folder(family, tmp_path / "new")
    assert sum(p.numel() for p in new.parameters()) > sum(p.numel() for p in old.parameters())
    for each in (old, new):
        lift_casts(each, monkeypatch.setattr)
    assert difference(results(old, family), results(new, family)) <= EXACT


@pytest.mark.parametrize("tensor", ["cls_classifier.weight", "distillation_classifier.weight"])
def test_a_fault_in_either_head_of_deit_is_seen(tensor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = "DeiTForImageClassificationWithTeacher"
    family, old = made(model, tmp_path / "old", monkeypatch)
    fptdsl.apply("hf/deit", tmp_path / "old", out=tmp_path / "new", grow=["widen * by 1.5x"])
    state = tensors(tmp_path / "new")
    state[tensor][:2] = state[tensor][:2].flip(0).clone()
    save_file(state, tmp_path / "new" / "model.safetensors", {"format": "pt"})
    assert difference(results(old, family), results(open_folder(family, tmp_path / "new"), family)) > 1e-3
    assert not fptdsl.verify("hf/deit", tmp_path / "old", tmp_path / "new" / "growth.fpt", tmp_path / "new").passed


@pytest.mark.parametrize("model", ["T5Model", "T5EncoderModel"])
def test_states_that_are_the_result_do_not_grow(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(model, tmp_path, monkeypatch)
    with pytest.raises(FptError) as caught:
        fptdsl.plan("hf/t5", tmp_path, grow=["widen shared by 2x"])
    assert caught.value.diagnostics[0].code == "F304"
