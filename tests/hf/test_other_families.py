"""A configuration of another family than the spec's is told by its type, before a field or a tensor is missed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

import fptdsl
from fptdsl.diagnostics import Diagnostic, FptError
from hf.clients import open_folder, save
from hf.families import DECODER, ENCODER, FAMILIES

SPECS = sorted({f"hf/{family.spec}" for family in FAMILIES.values()})


def faults(spec: str, folder: Path, growth: str = "widen * by 2x") -> tuple[Diagnostic, ...]:
    with pytest.raises(FptError) as caught:
        fptdsl.plan(spec, folder, grow=[growth])
    return tuple(caught.value.diagnostics)


def configured(folder: Path, **fields: Any) -> Path:
    """A folder whose tensors have the names and shapes of a small Llama."""
    save("llama", folder)
    config = folder / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **fields}))
    return folder


def test_tensors_that_fit_do_not_make_it_the_family(tmp_path: Path) -> None:
    """Gemma's have the names and shapes of Llama's: norms and the embedding compute something else."""
    save("gemma", tmp_path, head_dim=8, tie_word_embeddings=True)
    fault, of_class = faults("hf/llama", tmp_path)
    assert "of architectures" in of_class.message
    assert fault.code == "F218"
    assert "model_type is that of another family" in fault.message
    assert '`model_type` = "gemma"' in (fault.hint or "")
    assert "the spec for its `model_type` is `hf/gemma`" in (fault.hint or "")


def test_fields_that_are_missing_are_those_of_another_family(tmp_path: Path) -> None:
    save("gpt2", tmp_path)
    found = faults("hf/llama", tmp_path)
    assert {fault.code for fault in found} == {"F452"}
    assert {fault.hint for fault in found} == {"the spec for its `model_type` is `hf/gpt2`"}


def test_a_field_that_is_missing_in_the_family_itself(tmp_path: Path) -> None:
    folder = configured(tmp_path, hidden_size=None)
    (fault,) = faults("hf/llama", folder)
    assert fault.hint == "set it with `--set hidden_size=...`, or give it a default"


def test_a_family_without_a_spec(tmp_path: Path) -> None:
    """Granite multiplies what Llama does not, and has the same tensors."""
    (fault,) = faults("hf/llama", configured(tmp_path, model_type="granite", residual_multiplier=0.5))
    assert '`model_type` = "granite"' in (fault.hint or "")
    assert "the spec for" not in (fault.hint or "")
    assert "`--set model_type=...`" in (fault.hint or "")


@pytest.mark.parametrize("spec", SPECS)
def test_every_spec_asks_for_its_type(spec: str, tmp_path: Path) -> None:
    every = {
        "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 1, "num_heads": 4, "n_positions": 8, "n_embd": 24,
        "n_layer": 1, "n_head": 4, "dim": 32, "hidden_dim": 8, "n_layers": 1, "n_heads": 4, "ffn_dim": 8,
    }  # fmt: skip
    config = tmp_path / "config.json"
    (tmp_path / "model.safetensors").write_bytes(b"")
    for name, refused in ((spec.removeprefix("hf/"), False), ("granite", True)):
        config.write_text(json.dumps({**DECODER, **ENCODER, **every, "model_type": name}))
        with pytest.raises(FptError) as caught:
            fptdsl.plan(spec, tmp_path)
        assert any("another family" in each.message for each in caught.value.diagnostics) == refused


@pytest.mark.parametrize("spec", SPECS)
def test_every_spec_asks_for_its_class(spec: str, tmp_path: Path) -> None:
    """A class that nobody knows may compute anything with tensors of these names."""
    name = next(name for name, family in FAMILIES.items() if f"hf/{family.spec}" == spec)
    save(name, tmp_path)
    config = tmp_path / "config.json"
    fields = json.loads(config.read_text())
    assert fptdsl.plan(spec, tmp_path, grow=["widen * by 2x"]).steps
    for other in ("SomeBiModel", 3):
        config.write_text(json.dumps({**fields, "architectures": [other]}))
        (fault,) = faults(spec, tmp_path)
        assert fault.code == "F218"
        assert "are described" in fault.message
    config.write_text(json.dumps({**fields, "architectures": None}))
    assert fptdsl.plan(spec, tmp_path, grow=["widen * by 2x"]).steps


@pytest.mark.parametrize(
    ("spec", "model_type"), [("hf/roberta", "xlm-roberta"), ("hf/roberta", "camembert"), ("hf/t5", "mt5")]
)
def test_families_of_the_same_computation(spec: str, model_type: str, tmp_path: Path) -> None:
    save(spec.removeprefix("hf/"), tmp_path)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "model_type": model_type}))
    assert fptdsl.plan(spec, tmp_path, grow=["widen * by 2x"]).steps


def test_what_is_set_is_what_the_grown_folder_is(tmp_path: Path) -> None:
    """A folder of another family that the class computes as well becomes one of the class."""
    folder = configured(tmp_path / "old", model_type="helium")
    settings = {"model_type": "llama"}
    fptdsl.apply("hf/llama", folder, out=tmp_path / "new", grow=["widen * by 1.5x"], settings=settings)
    assert json.loads((tmp_path / "new" / "config.json").read_text())["model_type"] == "llama"
    open_folder(FAMILIES["llama"], tmp_path / "new")


def test_a_refusal_that_cannot_be_told_is_not_told(tmp_path: Path) -> None:
    """``hidden_size % num_attention_heads`` where the one is no number: only that is at fault."""
    found = faults("hf/llama", configured(tmp_path, hidden_size="32"))
    assert any(fault.code == "F211" for fault in found)
    assert not any("the class takes only" in fault.message for fault in found)
