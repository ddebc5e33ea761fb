"""Folders as they lie about: other types, shards, ``pytorch_model.bin``, tied weights, files beside the weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
import torch

pytest.importorskip("transformers")

import fptdsl
from fptdsl.diagnostics import FptError
from hf.clients import Pair, fields_of, open_folder, save, tensors
from hf.families import FAMILIES

ROOT = Path(__file__).resolve().parents[2]
GROWTH = {
    "llama": "widen * by 1.5x; deepen model.layers by 1",
    "llama 3, biases, tied": "widen * by 1.5x; deepen model.layers by 1",
    "gpt2": "widen * by 1.5x; deepen transformer.h by 1",
    "gemma": "widen * by 1.5x; deepen model.layers by 1",
    "gpt_neox": "widen * by 2x; deepen gpt_neox.layers by 1",
    "bert": "widen * by 2x",
}
EPS = {torch.float64: 1e-16, torch.float32: 2.0**-24, torch.bfloat16: 2.0**-9}
"""Half a unit in the last place."""


def grow(name: str, folder: Path) -> None:
    fptdsl.apply(f"hf/{FAMILIES[name].spec}", folder / "old", out=folder / "new", grow=[GROWTH[name]])


def some(names: Iterable[str], *fast: str) -> list[object]:
    """The names as parameters; those that are not ``fast`` are of the sweep."""
    return [pytest.param(name, marks=() if name in fast else pytest.mark.sweep) for name in names]


@pytest.mark.parametrize("name", some(GROWTH, "llama", "gpt2"))
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_types(name: str, dtype: torch.dtype, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The type stays; the stored values agree within what rounding them does to the old model (V-2, 4a)."""
    family, old = FAMILIES[name], save(name, tmp_path / "old", dtype)
    grow(name, tmp_path)
    assert {tensor.dtype for tensor in tensors(tmp_path / "new").values()} == {dtype}
    new = open_folder(family, tmp_path / "new")
    assert next(new.parameters()).dtype == dtype
    pair = Pair(family, old, new)
    computed = pair.error()  # in the type itself
    exact = pair.in_float64(monkeypatch.setattr)
    sensitivity = exact.sensitivity(EPS[dtype])
    assert exact.error() <= 10 * sensitivity
    # Each layer rounds what it computes, too: a few times more than rounding the weights.
    assert computed <= 30 * sensitivity


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_shards(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family, old = FAMILIES[name], save(name, tmp_path / "old", shard="40KB")
    assert len(list((tmp_path / "old").glob("model-*.safetensors"))) > 2
    grow(name, tmp_path)
    index = json.loads((tmp_path / "new" / "model.safetensors.index.json").read_text())
    found = tensors(tmp_path / "new")
    assert sorted(index["weight_map"]) == sorted(found)
    assert index["metadata"]["total_size"] == sum(tensor.nbytes for tensor in found.values())
    assert {path.name for path in (tmp_path / "new").glob("*.safetensors")} == set(index["weight_map"].values())
    pair = Pair(family, old, open_folder(family, tmp_path / "new"))
    assert pair.in_float64(monkeypatch.setattr).error() <= 1e-12


OLDER = {
    **GROWTH,
    "opt": "widen model.decoder.layers.*.fc1 by 1.5x",
    "bert": "widen * by 2x",
    "roberta": "widen * by 2x",
    "distilbert": "widen * by 2x",
    "t5": "widen * by 1.5x",
}


@pytest.mark.parametrize("name", some(OLDER, "gpt2", "bert", "t5"))
def test_the_older_container(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``torch.save`` of the state dictionary, where tied tensors are there under all their names."""
    family, old = FAMILIES[name], save(name, tmp_path / "old")
    (tmp_path / "old" / "model.safetensors").unlink()
    torch.save(old.state_dict(), tmp_path / "old" / "pytorch_model.bin")
    growth = OLDER[name]
    fptdsl.apply(f"hf/{family.spec}", tmp_path / "old", out=tmp_path / "new", grow=[growth])
    assert not (tmp_path / "new" / "model.safetensors").exists()
    before, after = tensors(tmp_path / "old"), tensors(tmp_path / "new")
    assert set(before) <= set(after)
    assert ("deepen" in growth) == (len(after) > len(before))
    groups = tied(before)
    assert (groups == []) == (name in ("llama", "gpt_neox"))
    assert tied(after) == groups
    pair = Pair(family, old, open_folder(family, tmp_path / "new"))
    assert pair.in_float64(monkeypatch.setattr).error() <= 1e-12


def tied(state: Mapping[str, torch.Tensor]) -> list[list[str]]:
    """Keys that are one tensor in memory."""
    groups: dict[int, list[str]] = {}
    for key, tensor in state.items():
        groups.setdefault(tensor.data_ptr(), []).append(key)
    return sorted(sorted(group) for group in groups.values() if len(group) > 1)


@pytest.mark.parametrize("twice", [False, True], ids=["stored once", "stored twice"])
def test_tied_weights_are_stored_as_they_were(twice: bool, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    family = FAMILIES["llama 3, biases, tied"]
    old = save("llama 3, biases, tied", tmp_path / "old")
    state = tensors(tmp_path / "old")
    assert "lm_head.weight" not in state
    if twice:
        state["lm_head.weight"] = state["model.embed_tokens.weight"].clone()
        save_file(state, tmp_path / "old" / "model.safetensors", {"format": "pt"})
    grow("llama 3, biases, tied", tmp_path)
    found = tensors(tmp_path / "new")
    assert ("lm_head.weight" in found) == twice
    if twice:
        assert torch.equal(found["lm_head.weight"], found["model.embed_tokens.weight"])
    assert fields_of(tmp_path / "new")["tie_word_embeddings"] is True
    new = open_folder(family, tmp_path / "new")
    assert new.get_output_embeddings().weight is new.get_input_embeddings().weight  # type: ignore[operator]
    assert Pair(family, old, new).error() <= 2e-5


OWN_NAMES = """
use "hf/gpt2"

checkpoint {
  rename "backbone." to "transformer."
  alias "lm_head" to "transformer.wte"
}
"""


def test_a_folder_with_names_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spec of four lines around the shipped one, as ``docs/folders.md`` has it."""
    from safetensors.torch import save_file

    assert OWN_NAMES.strip() in (ROOT / "docs" / "folders.md").read_text(encoding="utf-8")
    old = save("gpt2", tmp_path / "old")
    state = {key.replace("transformer.", "backbone."): value for key, value in tensors(tmp_path / "old").items()}
    save_file(state, tmp_path / "old" / "model.safetensors", {"format": "pt"})
    with pytest.raises(FptError):
        fptdsl.plan("hf/gpt2", tmp_path / "old", grow=[GROWTH["gpt2"]])
    (tmp_path / "own.fpt").write_text(OWN_NAMES)
    fptdsl.apply(tmp_path / "own.fpt", tmp_path / "old", out=tmp_path / "new", grow=[GROWTH["gpt2"]])
    found = tensors(tmp_path / "new")
    assert "backbone.h.2.attn.c_attn.weight" in found
    assert not any(key.startswith("transformer.") for key in found)
    renamed = {key.replace("backbone.", "transformer."): value for key, value in found.items()}
    save_file(renamed, tmp_path / "new" / "model.safetensors", {"format": "pt"})
    new = open_folder(FAMILIES["gpt2"], tmp_path / "new")
    assert Pair(FAMILIES["gpt2"], old, new).in_float64(monkeypatch.setattr).error() <= 1e-12


STORED = {
    "llama": ("model.layers.{}.self_attn.rotary_emb.inv_freq",),
    "gpt_neox": tuple(
        f"gpt_neox.layers.{{}}.attention.{name}" for name in ("bias", "masked_bias", "rotary_emb.inv_freq")
    ),
    "bert": ("bert.embeddings.position_ids",),
}
"""Buffers that versions of the classes stored, and that those of today leave out."""


@pytest.mark.parametrize("name", STORED)
def test_buffers_of_older_versions_are_carried_over(name: str, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    old = save(name, tmp_path / "old")
    stored = {key.format(layer): torch.rand(4) for key in STORED[name] for layer in range(2)}
    save_file({**tensors(tmp_path / "old"), **stored}, tmp_path / "old" / "model.safetensors", {"format": "pt"})
    grow(name, tmp_path)
    found = tensors(tmp_path / "new")
    assert all(torch.equal(found[key], value) for key, value in stored.items())
    assert Pair(FAMILIES[name], old, open_folder(FAMILIES[name], tmp_path / "new")).error() <= 2e-5


def test_everything_else_stays(tmp_path: Path) -> None:
    """The tokenizer and the settings for making text, byte for byte; of the configuration only what grows."""
    save("llama", tmp_path / "old")
    grow("llama", tmp_path)
    for name in ("tokenizer.json", "generation_config.json"):
        assert (tmp_path / "new" / name).read_bytes() == (tmp_path / "old" / name).read_bytes()
    assert {path.name for path in (tmp_path / "new").iterdir()} == {
        *(path.name for path in (tmp_path / "old").iterdir()), "growth.fpt", "growth.receipt.json",
    }  # fmt: skip
    old, new = fields_of(tmp_path / "old"), fields_of(tmp_path / "new")
    assert {field: new[field] for field in new if new[field] != old.get(field)} == {
        "hidden_size": 48, "intermediate_size": 72, "num_hidden_layers": 4, "num_attention_heads": 6,
        "num_key_value_heads": 3,
    }  # fmt: skip


def test_a_field_that_the_family_would_derive_is_written(tmp_path: Path) -> None:
    """Heads alone: the class would divide the width by them, so the size of a head is set."""
    save("llama", tmp_path / "old")
    config = tmp_path / "old" / "config.json"
    config.write_text(json.dumps({key: value for key, value in fields_of(config.parent).items() if key != "head_dim"}))
    growth = "widen model.layers.*.self_attn kv_heads to 4"
    fptdsl.apply("hf/llama", tmp_path / "old", out=tmp_path / "new", grow=[growth])
    new = fields_of(tmp_path / "new")
    assert (new["num_attention_heads"], new["num_key_value_heads"], new["head_dim"]) == (8, 4, 8)
    assert open_folder(FAMILIES["llama"], tmp_path / "new").config.head_dim == 8  # type: ignore[union-attr]


CLIENT = """
import torch, transformers
for name in ("old", "new"):
    model, report = transformers.AutoModelForCausalLM.from_pretrained(name, output_loading_info=True)
    assert not any(report.values()), report
    torch.save(model.eval()(torch.arange(2, 13)[None]).logits.detach(), name + ".pt")
"""


def test_the_command_line_and_a_process_that_knows_only_transformers(tmp_path: Path) -> None:
    save("gpt2", tmp_path / "old")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = ["-m", "fptdsl", "apply", "hf/gpt2", "old", "-o", "new", "--grow", GROWTH["gpt2"]]
    for arguments in (words, ["-c", CLIENT]):
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    old, new = (torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("old", "new"))
    assert old.dtype == torch.float64
    assert ((new - old).abs().max() / old.abs().max()).item() <= 1e-12
