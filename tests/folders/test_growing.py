"""Growing folders from end to end: the grown folder is what the stock class of the family would load."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

import fptdsl
from fptdsl import api
from fptdsl.diagnostics import FptError

from . import family

GROWTHS = {
    "widen embed to 12": {"hidden_size": 12},
    "widen layers.*.up to 20": {"intermediate_size": 20},
    "widen layers hidden by 2": {"hidden_size": 10},
    "deepen layers by 2": {"num_hidden_layers": 5, "layer_types": ["a", "b", "a", "a", "a"]},
    "deepen layers by 1 after 1": {"num_hidden_layers": 4, "layer_types": ["a", "b", "b", "a"]},
    "deepen layers by 1 at start": {"num_hidden_layers": 4, "layer_types": ["a", "a", "b", "a"]},
    "deepen layers by 3 interleaved; widen * by 2x": {
        "num_hidden_layers": 6,
        "hidden_size": 16,
        "intermediate_size": 24,
        "layer_types": ["a", "a", "b", "b", "a", "a"],
    },
}


def unchanged(old: Path, new: Path) -> None:
    """Everything but weights, index and config is there as it was."""
    before, after = family.digests(old), family.digests(new)
    companions = {name for name in before if not name.startswith(("model", "pytorch_model", "config"))}
    assert companions == {"tokenizer.json", "generation_config.json", "extra/notes.txt"}
    assert all(before[name] == after[name] for name in companions)
    assert set(after) - set(before) == {"growth.fpt", "growth.receipt.json"}


@pytest.mark.parametrize("layout", family.LAYOUTS)
@pytest.mark.parametrize("grow", GROWTHS)
def test_the_grown_folder_computes_the_same(place: Path, layout: str, grow: str) -> None:
    old = family.write(place / "model", layout)
    before = family.digests(old)
    result = fptdsl.apply("tiny.fpt", "model", grow=grow)
    new = place / "model.grown"
    assert result.passed
    assert result.outputs == {"checkpoint": new.relative_to(place), "spec": Path("model.grown/growth.fpt"),
                              "receipt": Path("model.grown/growth.receipt.json")}  # fmt: skip
    assert family.digests(old) == before
    assert family.config_of(new) == {**family.CONFIG, **GROWTHS[grow]}
    inputs = family.inputs()
    wanted = family.function(old, inputs)
    assert torch.allclose(family.function(new, inputs), wanted, rtol=1e-5, atol=1e-6)
    unchanged(old, new)
    assert not [path for path in place.iterdir() if path.name.startswith(".")]


def test_only_changed_fields_of_the_config_are_touched(place: Path) -> None:
    old = family.write(place / "model")
    text = '{"hidden_size": 8,   "input_size":6, "intermediate_size" : 12,\n'
    text += '\t"num_hidden_layers":3,"num_labels":3, "x": 1E-5}'
    (old / "config.json").write_text(text)
    fptdsl.apply("tiny.fpt", "model", grow="widen embed to 12; deepen layers by 1")
    new = (place / "model.grown" / "config.json").read_text()
    assert new == text.replace('"hidden_size": 8', '"hidden_size": 12').replace('layers":3', 'layers":4')


def test_a_derived_field_is_written_only_when_the_family_would_derive_another(place: Path) -> None:
    derived = {key: value for key, value in family.CONFIG.items() if key != "intermediate_size"}
    old = family.write(place / "model", config=derived)
    fptdsl.apply("tiny.fpt", "model", out="kept", grow="widen embed to 12")
    assert family.config_of(place / "kept")["intermediate_size"] == 32
    (old / "config.json").write_text(json.dumps({**derived, "intermediate_size": None}))
    fptdsl.apply("tiny.fpt", "model", out="both", grow="widen * by 2x")
    assert family.config_of(place / "both")["intermediate_size"] is None
    assert family.config_of(place / "both")["hidden_size"] == 16
    fptdsl.apply("tiny.fpt", "model", out="null", grow="widen layers.*.up to 40")
    assert family.config_of(place / "null")["intermediate_size"] == 40


def test_a_field_that_is_not_there_is_written_where_its_value_changes(place: Path) -> None:
    """The class may have a number of its own where the field is not there, which the default is by chance."""
    derived = {key: value for key, value in family.CONFIG.items() if key != "intermediate_size"}
    family.write(place / "model", config=derived)
    fptdsl.apply("tiny.fpt", "model", out="wider", grow="widen * by 2x")
    assert family.config_of(place / "wider")["intermediate_size"] == 64
    fptdsl.apply("tiny.fpt", "model", out="deeper", grow="deepen layers by 1")
    assert "intermediate_size" not in family.config_of(place / "deeper")


def test_what_was_set_besides_the_config_comes_into_it(place: Path) -> None:
    config = {key: value for key, value in family.CONFIG.items() if key != "num_labels"}
    family.write(place / "model", config=config, tensors=family.state())
    with pytest.raises(FptError):
        fptdsl.plan("tiny.fpt", "model")
    plan = fptdsl.plan("tiny.fpt", "model", settings={"num_labels": 3}, grow="widen embed to 9")
    assert {item["field"]: item["new"] for item in plan.document["config"]["fields"]} == {
        "hidden_size": 9,
        "num_labels": 3,
    }


def test_a_grown_folder_can_be_grown_again(place: Path) -> None:
    old = family.write(place / "model", "safetensors shards")
    fptdsl.apply("tiny.fpt", "model", out="once", grow="deepen layers by 1; widen embed to 12")
    assert "from config(" in (place / "once" / "growth.fpt").read_text()
    fptdsl.apply("once/growth.fpt", "once", out="twice", grow="widen layers.*.up to 30; deepen layers by 1 at start")
    inputs = family.inputs()
    assert torch.allclose(family.function(place / "twice", inputs), family.function(old, inputs), rtol=1e-5, atol=1e-6)
    assert family.config_of(place / "twice")["num_hidden_layers"] == 5
    assert api.verify("tiny.fpt", "model", "twice/growth.fpt", "twice").passed
    assert api.validate("once/growth.fpt", "twice").document["params"] > 0
    changes = api.diff("tiny.fpt", "model", "twice/growth.fpt", "twice").document["tensors"]
    assert {item["action"] for item in changes} == {"grow", "add", "keep"}
    # By itself the spec describes the same network as with the folder.
    alone = api.show("twice/growth.fpt").document
    assert alone["totals"] == api.show("tiny.fpt", "twice").document["totals"]


def test_a_grown_folder_is_certified_by_its_receipt(place: Path) -> None:
    family.write(place / "model", "safetensors shards")
    fptdsl.apply("tiny.fpt", "model", grow="widen embed to 12; deepen layers by 1")
    found = api.verify("tiny.fpt", "model", "model.grown/growth.fpt", "model.grown", certificate=True)
    assert found.document["certificate"]["outcome"] == "passed"


def test_load_takes_a_folder(place: Path) -> None:
    old = family.write(place / "model", "bin shards")
    model = fptdsl.load("tiny.fpt", "model").double()
    inputs = family.inputs()
    with torch.no_grad():
        assert torch.allclose(model(inputs), family.function(old, inputs), rtol=1e-12)


def test_a_file_beside_its_config_grows_into_a_file(place: Path) -> None:
    """The way out where the config cannot express the growth."""
    family.write(place / "model")
    fptdsl.apply("tiny.fpt", "model/model.safetensors", out="wide.safetensors", grow="widen layers.1.up to 20")
    assert "from config" not in (place / "wide.fpt").read_text()
    assert api.verify("tiny.fpt", "model", "wide.fpt", "wide.safetensors").passed


def test_a_saved_plan(place: Path) -> None:
    family.write(place / "model", "safetensors shards")
    fptdsl.plan("tiny.fpt", "model", grow="widen embed to 12", out="plan.json")
    fptdsl.apply("tiny.fpt", "model", plan="plan.json")
    assert family.config_of(place / "model.grown")["hidden_size"] == 12


def test_no_directives(place: Path) -> None:
    family.write(place / "model")
    result = fptdsl.apply("tiny.fpt", "model")
    assert result.outputs == {}
    assert not (place / "model.grown").exists()


def test_force_replaces_a_grown_folder_whole(place: Path) -> None:
    family.write(place / "model")
    fptdsl.apply("tiny.fpt", "model", out="grown", grow="widen embed to 12")
    (place / "grown" / "stale.txt").write_text("x")
    fptdsl.apply("tiny.fpt", "model", out="grown", grow="widen embed to 16", force=True)
    assert family.config_of(place / "grown")["hidden_size"] == 16
    assert not (place / "grown" / "stale.txt").exists()
    assert sorted(path.name for path in place.iterdir()) == ["grown", "model", "tiny.fpt"]


def test_other_weights_of_the_old_model_stay_behind(place: Path) -> None:
    old = family.write(place / "model")
    family.write(old, "bin")
    (old / "tf_model.h5").write_bytes(b"x")
    (old / "training_args.bin").write_bytes(b"x")
    (old / ".git").mkdir()
    (old / ".git" / "HEAD").write_text("ref")
    os.mkfifo(old / "pipe")
    os.symlink("..", old / "up")
    (old / "2_Dense").mkdir()
    family.save({"linear.weight": torch.ones(1)}, old / "2_Dense" / "model.safetensors")
    result = fptdsl.apply("tiny.fpt", "model", grow="widen embed to 12")
    there = {str(path.relative_to("model.grown")) for path in Path("model.grown").rglob("*")}
    assert {"training_args.bin", "2_Dense/model.safetensors", "model.safetensors"} <= there
    assert not there & {"pytorch_model.bin", "tf_model.h5", ".git", "pipe", "up"}
    warnings = " ".join(result.document["warnings"])
    assert all(f"`{name}`" in warnings for name in ("pytorch_model.bin", "tf_model.h5", "pipe", "up"))


def test_default_name_of_a_folder_given_as_a_dot(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family.write(place / "model")
    monkeypatch.chdir(place / "model")
    fptdsl.apply("../tiny.fpt", ".", grow="widen embed to 12")
    assert family.config_of(place / "model.grown")["hidden_size"] == 12


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_a_shard_that_grows_too_large_is_split(place: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from fptdsl.checkpoint import folder_writing

    real = folder_writing.new_files
    monkeypatch.setattr(folder_writing, "new_files", lambda source, slots, limit: real(source, slots, 1500))
    old = family.write(place / "model", kind, shards=1)
    fptdsl.apply("tiny.fpt", "model", grow="widen embed to 24")
    new = place / "model.grown"
    files = sorted(path.name for path in new.iterdir() if "-of-" in path.name)
    assert len(files) > 1
    assert files[0].endswith(f"-00001-of-{len(files):05d}.{kind}")
    index = json.loads(next(new.glob("*.index.json")).read_text())
    tensors = family.load(new)
    assert index["metadata"]["total_size"] == sum(tensor.nbytes for tensor in tensors.values())
    assert torch.allclose(family.function(new, family.inputs()), family.function(old, family.inputs()), atol=1e-5)


def test_an_old_tensor_stays_in_its_shard_and_a_new_one_comes_beside_it(place: Path) -> None:
    family.write(place / "model", "safetensors shards")
    fptdsl.apply("tiny.fpt", "model", grow="deepen layers by 1 at start")
    old, new = (index(place / name)["weight_map"] for name in ("model", "model.grown"))
    assert new["layers.0.up.weight"] == old["embed.weight"]
    for layer in range(3):
        for rest in ("up.weight", "up.bias", "down.weight", "down.bias"):
            assert new[f"layers.{layer + 1}.{rest}"] == old[f"layers.{layer}.{rest}"]
    assert list(new) == sorted(new)
    # The last shard holds nothing that changed but names; one without changed names is the same file.
    fptdsl.apply("tiny.fpt", "model", grow="deepen layers by 1 at end", out="end")
    before, after = family.digests(place / "model"), family.digests(place / "end")
    assert [name for name in before if "-of-" in name and before[name] == after[name]] == [
        f"model-{number:05d}-of-00003.safetensors" for number in (1, 2)
    ]


def index(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "model.safetensors.index.json").read_text())
    return found


# --- tied weights ----------------------------------------------------------------------------------

TIED = """\
model Tied from config(hidden_size, tie = true) {
  input x: float[4]
  enter: linear(hidden_size)
  first: linear(hidden_size, bias=false)
  relu
  if tie { reuse first } else { second: linear(hidden_size, bias=false) }
  head:  linear(2)
}
checkpoint { alias "second" to "first" }
"""


@pytest.mark.parametrize("layout", family.LAYOUTS)
@pytest.mark.parametrize("stored", ["first", "second", "both", "untied"])
def test_tied_weights_are_stored_as_they_were(place: Path, layout: str, stored: str) -> None:
    (place / "tied.fpt").write_text(TIED)
    generator = torch.Generator().manual_seed(0)
    weight, other = torch.randn(5, 5, generator=generator), torch.randn(5, 5, generator=generator)
    tensors = {
        "enter.weight": torch.randn(5, 4, generator=generator),
        "enter.bias": torch.randn(5, generator=generator),
    }
    if stored != "second":
        tensors["first.weight"] = weight
    tensors |= {"head.weight": torch.randn(2, 5, generator=generator), "head.bias": torch.zeros(2)}
    if stored != "first":
        tensors["second.weight"] = {"second": weight, "untied": other}.get(stored, weight)
        if layout.startswith("safetensors") and stored == "both":
            tensors["second.weight"] = weight.clone()
    family.write(place / "model", layout, {"hidden_size": 5, "tie": stored != "untied"}, tensors)
    fptdsl.apply("tied.fpt", "model", grow="widen * by 1.6x using net2net")
    grown = family.load(place / "model.grown")
    assert sorted(grown) == sorted(tensors)
    if stored == "both":
        assert torch.equal(grown["first.weight"], grown["second.weight"])
        if layout == "bin":
            assert grown["first.weight"].data_ptr() == grown["second.weight"].data_ptr()
    inputs = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    assert torch.allclose(tied(grown, inputs), tied(tensors, inputs), rtol=1e-5, atol=1e-5)


def tied(weights: dict[str, torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
    w = {key: value.double() for key, value in weights.items()}
    first = w.get("first.weight", w.get("second.weight"))
    second = w.get("second.weight", first)
    assert first is not None
    assert second is not None
    x = (inputs @ w["enter.weight"].T + w["enter.bias"]) @ first.T
    return x.relu() @ second.T @ w["head.weight"].T + w["head.bias"]
