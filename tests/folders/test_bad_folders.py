"""Folders that are not what they seem: each a diagnostic that names the file and the way out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import fptdsl
from fptdsl.diagnostics import Diagnostic, FptError

from . import family

INDEX = "model.safetensors.index.json"
FIRST, SECOND, THIRD = (f"model-{number:05d}-of-00003.safetensors" for number in (1, 2, 3))


def faults(action: Callable[[], object]) -> tuple[Diagnostic, ...]:
    with pytest.raises(FptError) as caught:
        action()
    assert caught.value.exit_status == 1
    return caught.value.diagnostics


def refused(code: str, *words: str, grow: str = "", **options: Any) -> Diagnostic:
    """The only diagnostic of planning with the folder ``model``; its message or hint holds each of ``words``."""
    found = faults(lambda: fptdsl.plan("tiny.fpt", "model", grow=grow or "widen embed to 12", **options))
    assert [item.code for item in found] == [code], found
    text = f"{found[0].message} {found[0].hint} {found[0].path}"
    assert found[0].hint
    assert all(word in text for word in words), text
    return found[0]


def edit_index(place: Path, **changes: Any) -> None:
    path = place / "model" / INDEX
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def weight_map(place: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((place / "model" / INDEX).read_text())["weight_map"]
    return found


def edit_config(place: Path, **changes: Any) -> None:
    path = place / "model" / "config.json"
    path.write_text(json.dumps({k: v for k, v in {**family.CONFIG, **changes}.items() if v != "absent"}))


@pytest.fixture
def shards(place: Path) -> Path:
    family.write(place / "model", "safetensors shards")
    return place


@pytest.fixture
def single(place: Path) -> Path:
    family.write(place / "model")
    return place


# --- weights ---------------------------------------------------------------------------------------


def test_an_empty_folder(place: Path) -> None:
    (place / "model").mkdir()
    (place / "model" / "config.json").write_text(json.dumps(family.CONFIG))
    refused("F430", "model.safetensors", "pytorch_model.bin")


def test_weights_under_another_name(single: Path) -> None:
    (single / "model" / "model.safetensors").rename(single / "model" / "weights.safetensors")
    refused("F430", "weights.safetensors")


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_a_pointer_in_place_of_weights(single: Path, name: str) -> None:
    (single / "model" / "model.safetensors").unlink()
    (single / "model" / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n")
    refused("F404", "pointer of Git LFS", "git lfs pull")


def test_shards_without_an_index(shards: Path) -> None:
    (shards / "model" / INDEX).unlink()
    refused("F430", INDEX)


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"weight_map": []}', '{"weight_map": {}}', "\xff", '{"a":' * 100_000, "null"]
)
def test_an_index_that_is_none(shards: Path, text: str) -> None:
    (shards / "model" / INDEX).write_text(text, encoding="latin-1")
    refused("F431", INDEX)


@pytest.mark.parametrize("file", [3, None, "", "../secret", "a/b", "..", ["x"], "/etc/passwd"])
def test_an_index_that_leads_elsewhere(shards: Path, file: object) -> None:
    edit_index(shards, weight_map={**weight_map(shards), "embed.weight": file})
    refused("F431", "embed.weight")


def test_missing_shards(shards: Path) -> None:
    (shards / "model" / SECOND).unlink()
    refused("F432", SECOND, INDEX)
    (shards / "model" / FIRST).unlink()
    found = faults(lambda: fptdsl.plan("tiny.fpt", "model"))
    assert [item.code for item in found] == ["F432", "F432"]


def test_a_key_that_its_shard_does_not_hold(shards: Path) -> None:
    edit_index(shards, weight_map={**weight_map(shards), "lost.weight": FIRST})
    refused("F433", "lost.weight", FIRST)


def test_a_key_that_is_in_another_shard(shards: Path) -> None:
    edit_index(shards, weight_map={**weight_map(shards), "embed.weight": THIRD})
    refused("F433", "embed.weight", FIRST, THIRD)


def test_a_key_in_two_shards(shards: Path) -> None:
    tensors = family.state()
    where = weight_map(shards)
    twice = {key: tensors[key] for key in tensors if where[key] == SECOND} | {"embed.weight": tensors["embed.weight"]}
    family.save(twice, shards / "model" / SECOND)
    refused("F433", "embed.weight", FIRST, SECOND)


def test_a_key_that_the_index_does_not_list(shards: Path) -> None:
    where = weight_map(shards)
    del where["head.bias"]
    edit_index(shards, weight_map=where)
    refused("F433", "head.bias", THIRD)


def test_many_disagreements_are_summed_up(shards: Path) -> None:
    where = weight_map(shards)
    edit_index(shards, weight_map={**where, **{f"lost.{k}": FIRST for k in range(40)}})
    found = faults(lambda: fptdsl.plan("tiny.fpt", "model"))
    assert len(found) == 11
    assert found[-1].message == "and 30 more like it"


def test_shards_of_two_containers(shards: Path) -> None:
    tensors = family.state()
    torch.save(
        {key: tensors[key] for key, file in weight_map(shards).items() if file == THIRD}, shards / "model" / THIRD
    )
    refused("F434", THIRD)


def test_a_shard_that_is_cut_short(shards: Path) -> None:
    path = shards / "model" / SECOND
    path.write_bytes(path.read_bytes()[:-7])
    refused("F405", SECOND)


def test_a_shard_that_is_a_folder(shards: Path) -> None:
    (shards / "model" / SECOND).unlink()
    (shards / "model" / SECOND).mkdir()
    refused("F401", SECOND)


def test_a_shard_that_is_a_dead_link(shards: Path) -> None:
    (shards / "model" / SECOND).unlink()
    os.symlink("nowhere", shards / "model" / SECOND)
    refused("F432", SECOND)


def test_weights_of_another_size(single: Path) -> None:
    edit_config(single, intermediate_size=13)
    found = faults(lambda: fptdsl.plan("tiny.fpt", "model"))
    assert {item.code for item in found} == {"F442"}
    edit_config(single, num_hidden_layers=4)
    found = faults(lambda: fptdsl.plan("tiny.fpt", "model"))
    assert {item.code for item in found} == {"F440"}


# --- config.json -----------------------------------------------------------------------------------


def test_no_config(single: Path) -> None:
    (single / "model" / "config.json").unlink()
    refused("F450", "input_size")
    settings = {k: family.CONFIG[k] for k in ("input_size", "hidden_size", "num_hidden_layers", "num_labels")}
    assert fptdsl.plan("tiny.fpt", "model", settings={**settings, "intermediate_size": 12}).steps == ()


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", '"x"', "null", '{"hidden_size": 8,}', "\xff", "[" * 100_000])
def test_a_config_that_is_none(single: Path, text: str) -> None:
    (single / "model" / "config.json").write_text(text, encoding="latin-1")
    refused("F451", "config.json")


def test_an_adapter_is_no_model(single: Path) -> None:
    (single / "model" / "config.json").rename(single / "model" / "adapter_config.json")
    refused("F450", "adapter_config.json", "merge it into its model")


def test_a_parameter_that_there_is_not(single: Path) -> None:
    """``--set`` with a name that is misspelt changes nothing, and must not pass for a change."""
    (fault,) = faults(lambda: fptdsl.plan("tiny.fpt", "model", grow="widen embed to 12", settings={"hiden_size": 9}))
    assert (fault.code, fault.hint) == ("F230", "did you mean `hidden_size`?")


def test_a_field_is_missing(single: Path) -> None:
    edit_config(single, hidden_size="absent", hiden_size=8)
    refused("F452", "hidden_size", "did you mean `hiden_size`")
    edit_config(single, hidden_size=None, input_size="absent")
    assert [item.code for item in faults(lambda: fptdsl.plan("tiny.fpt", "model"))] == ["F452", "F452"]
    assert fptdsl.plan("tiny.fpt", "model", settings={"hidden_size": 8, "input_size": 6}).steps == ()


@pytest.mark.parametrize("value", ["3", True, [3], {"a": 3}])
def test_a_field_of_another_type_than_its_default(single: Path, value: object) -> None:
    edit_config(single, num_labels=value)
    refused("F453", "num_labels", "config.json")


@pytest.mark.parametrize("value", ["8", True, [8], 8.5, 0, -8, 10**30])
@pytest.mark.parametrize("field", ["hidden_size", "num_hidden_layers", "input_size"])
def test_a_field_that_the_network_cannot_have(single: Path, field: str, value: object) -> None:
    if (field, value) == ("num_hidden_layers", 0):
        pytest.skip("a network may have no layers")
    edit_config(single, **{field: value})
    found = faults(lambda: fptdsl.plan("tiny.fpt", "model"))
    assert any(field in f"{item.message} {item.hint}" for item in found), found
    assert all(item.code[:2] in ("F2", "F4") for item in found)


def test_a_table_is_not_a_value(single: Path) -> None:
    (single / "tiny.fpt").write_text(family.SPEC.replace("num_labels = 2", "num_labels = 2, rope_scaling = none"))
    refused("F453", "rope_scaling", "rope_scaling__factor")


def test_growth_with_a_spec_that_does_not_read_the_config(single: Path) -> None:
    numbers = ", ".join(f"{k} = {family.CONFIG[k]}" for k in ("input_size", "hidden_size", "intermediate_size"))
    head = f"model TinyMlp({numbers}, num_hidden_layers = 3, num_labels = 3) {{"
    start, _, end = family.SPEC.partition("model TinyMlp")
    (single / "tiny.fpt").write_text(start + head + end.partition("{")[2])
    assert fptdsl.plan("tiny.fpt", "model").steps == ()
    refused("F454", "from config")
    (single / "model" / "config.json").unlink()
    assert fptdsl.plan("tiny.fpt", "model", grow="widen embed to 12").steps


# --- growth ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "grow",
    [
        "widen layers.1.up to 20",
        "widen layers.0 hidden to 12; widen layers.2.up to 16",
        "deepen embed by 1",
        "deepen layers.1.up by 1",
        "branch layers.0.up into 2",
    ],
)
def test_growth_that_the_config_cannot_express(single: Path, grow: str) -> None:
    found = refused("F351", "model.safetensors", grow=grow)
    assert "config.json" in found.message
    before = family.digests(single / "model")
    assert faults(lambda: fptdsl.apply("tiny.fpt", "model", grow=grow))[0].code == "F351"
    assert family.digests(single / "model") == before
    assert not (single / "model.grown").exists()
    assert not [path for path in single.iterdir() if path.name.startswith(".")]


def test_a_list_that_may_mean_something_else(single: Path) -> None:
    edit_config(single, layer_types="absent", sparse_layers=[0, 1, 2])
    refused("F352", "sparse_layers", grow="deepen layers by 1")
    assert fptdsl.plan("tiny.fpt", "model", grow="widen embed to 12").steps


# --- output ----------------------------------------------------------------------------------------


def outputs_refused(code: str, out: object, *, force: bool = False) -> None:
    found = faults(lambda: fptdsl.apply("tiny.fpt", "model", grow="widen embed to 12", out=str(out), force=force))
    assert {item.code for item in found} == {code}, found


def test_where_a_folder_may_not_go(single: Path) -> None:
    (single / "other").mkdir()
    (single / "other" / "thesis.tex").write_text("ten years of work")
    (single / "file").write_text("x")
    before = family.digests(single)
    outputs_refused("F602", "other")
    outputs_refused("F602", "other", force=True)
    outputs_refused("F602", "file", force=True)
    family.write(single / "grown")
    outputs_refused("F600", "grown")
    before |= family.digests(single)
    outputs_refused("F601", "model", force=True)
    outputs_refused("F601", "model/grown")
    outputs_refused("F601", single, force=True)
    outputs_refused("F603", "no/such")
    outputs_refused("F653", "grown.safetensors")
    os.symlink("model", single / "link")
    outputs_refused("F601", "link", force=True)
    (single / "link").unlink()
    assert family.digests(single) == before


def test_a_file_that_cannot_be_read(single: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (single / "model" / "tokenizer.json").chmod(0)
    found = faults(lambda: fptdsl.apply("tiny.fpt", "model", grow="widen embed to 12"))
    assert [item.code for item in found] == ["F435"]
    assert not (single / "model.grown").exists()


def test_a_subfolder_that_cannot_be_read(single: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told, and not left out in silence."""
    scan = os.scandir

    def denied(path: Any = ".") -> Any:
        if Path(path).name == "extra":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", denied)
    found = faults(lambda: fptdsl.apply("tiny.fpt", "model", grow="widen embed to 12"))
    assert [item.code for item in found] == ["F435"]
    assert "extra` cannot be copied: Permission denied" in found[0].message
    assert not (single / "model.grown").exists()


def test_a_folder_that_is_not_there(single: Path) -> None:
    found = faults(lambda: fptdsl.plan("tiny.fpt", "modle"))
    assert [item.code for item in found] == ["F400"]
    assert "`model`" in str(found[0].hint)
    assert [item.code for item in faults(lambda: fptdsl.plan("tiny.fpt"))] == ["F231"] * 3


def test_a_name_of_the_hub_is_no_folder(place: Path) -> None:
    (fault,) = faults(lambda: fptdsl.plan("tiny.fpt", "someone/some-model-1.5"))
    assert "downloaded first" in (fault.hint or "")


def test_adapters_beside_the_weights_no_longer_fit(single: Path) -> None:
    for name in ("adapter_model.safetensors", "optimizer.pt"):
        (single / "model" / name).write_bytes(b"x")
    done = fptdsl.plan("tiny.fpt", "model", grow="widen embed to 12")
    for name in ("adapter_model.safetensors", "optimizer.pt"):
        assert f"`{name}` is copied as it is and does not fit the grown weights" in done.to_json()["warnings"]


def test_a_plan_for_another_configuration(single: Path) -> None:
    fptdsl.plan("tiny.fpt", "model", grow="widen embed to 12", out="plan.json")
    family.write(single / "model", config={**family.CONFIG, "num_labels": 4})
    with pytest.raises(FptError) as caught:
        fptdsl.apply("tiny.fpt", "model", plan="plan.json")
    (fault,) = caught.value.diagnostics
    assert fault.message == "the plan no longer fits: the spec, its directives or config.json have changed"
