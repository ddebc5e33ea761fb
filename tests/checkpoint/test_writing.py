"""Writing: what comes back through torch and safetensors is what was there, with the new tensors in."""

from __future__ import annotations

import zipfile
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from fptdsl.checkpoint import NewTensor, dtype_for, open_checkpoint, stored_zip, write_checkpoint
from fptdsl.language import syntax

from .helpers import CONTAINERS, fault, grown, kept, load, rules, same, save

DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.float64]


def rewritten(
    item: Any, folder: Path, container: str, *new: NewTensor, section: syntax.Checkpoint | None = None
) -> Any:
    """Save, open, write with some tensors replaced or added (behind the one they follow), load."""
    path = save(item, folder / "old", container)
    with open_checkpoint(path, section) as source:
        tensors = kept(source)
        for tensor in new:
            names = [t.name for t in tensors]
            if tensor.source in names:
                tensors[names.index(tensor.source)] = tensor
            else:
                tensors.append(tensor)
        write_checkpoint(folder / "new", source, tensors)
        assert path.read_bytes() == (folder / "old").read_bytes()
    return load(folder / "new", container)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_unchanged_is_unchanged(tmp_path: Path, container: str, dtype: torch.dtype) -> None:
    state = {"b": torch.randn(5, 4).to(dtype), "a": torch.randn(3).to(dtype)}
    state |= {"n": torch.tensor(7), "none": torch.ones(0, 2)}
    same(rewritten(state, tmp_path, container), load(tmp_path / "old", container), ordered=container != "safetensors")


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_grown_and_added_tensors(tmp_path: Path, container: str, dtype: torch.dtype) -> None:
    state = {"a.weight": torch.randn(5, 4).to(dtype), "z.bias": torch.randn(3).to(dtype), "n": torch.tensor(7)}
    weight, extra = torch.randn(9, 4).to(dtype), torch.randn(6).to(dtype)
    new = rewritten(state, tmp_path, container, grown("a.weight", "a.weight", weight), grown("extra", None, extra))
    wanted = {"a.weight": weight, "z.bias": state["z.bias"], "n": state["n"], "extra": extra}
    same(new, wanted, ordered=container != "safetensors")


@pytest.mark.parametrize("container", ["zip", "legacy"])
def test_outer_objects_wrappers_and_metadata(tmp_path: Path, container: str) -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), torch.nn.BatchNorm2d(3), torch.nn.ReLU())
    state = model.state_dict(prefix="module.", keep_vars=True)
    state["module.note"] = "a text"
    item = {
        "args": {"lr": 0.1, "sizes": [1, 2, (3, None)]},
        "state_dict": state,
        "again": state,
        "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"params": [0]}]},
        "epoch": 12,
    }
    new = rewritten(item, tmp_path, container)
    same(new, load(tmp_path / "old", container))
    assert new["again"] is new["state_dict"]
    assert isinstance(new["state_dict"]["module.0.weight"], torch.nn.Parameter)
    assert isinstance(new["state_dict"], OrderedDict)


@pytest.mark.parametrize("container", ["zip", "legacy"])
def test_shared_storages_views_and_strides(tmp_path: Path, container: str) -> None:
    whole = torch.arange(60.0)
    state = {
        "a": whole[8:20].view(3, 4),
        "b": whole[8:20].view(3, 4),
        "t": whole[:24].view(4, 6).t(),
        "cl": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
        "own": torch.randn(4),
    }
    same(rewritten(state, tmp_path, container), load(tmp_path / "old", container))
    new = rewritten(state, tmp_path, container, grown("own", "own", torch.randn(6)))
    assert new["a"].untyped_storage()._cdata == new["t"].untyped_storage()._cdata
    assert new["a"].untyped_storage().nbytes() == 240


@pytest.mark.parametrize("container", ["zip", "legacy"])
def test_tied_tensors_stay_one(tmp_path: Path, container: str) -> None:
    tied = torch.nn.Parameter(torch.randn(4, 3))
    state = OrderedDict(embed=tied, other=torch.randn(2), head=tied)
    values = torch.randn(6, 3)
    new = rewritten(state, tmp_path, container, grown("embed", "embed", values), grown("head", "head", values.clone()))
    assert new["embed"].data_ptr() == new["head"].data_ptr()
    assert new["embed"] is new["head"]
    assert torch.equal(new["embed"], values)
    apart = rewritten(state, tmp_path, container, grown("embed", "embed", values), grown("head", "head", values + 1))
    assert torch.equal(apart["head"], values + 1)
    assert torch.equal(apart["embed"], values)


@pytest.mark.parametrize("container", CONTAINERS)
def test_an_alias_follows_what_it_names(tmp_path: Path, container: str) -> None:
    weight = torch.randn(3, 2)
    state = {"fc.0.w": weight, "x": torch.randn(2), "classifier.0.w": weight.clone()}
    section = rules(("alias", "fc", "classifier"))
    path = save(state, tmp_path / "old", container)
    values, added = torch.randn(5, 2), torch.randn(7)
    with open_checkpoint(path, section) as source:
        tensors = [NewTensor("x", "x", (2,), "float32"), grown("classifier.0.w", "classifier.0.w", values)]
        write_checkpoint(tmp_path / "new", source, [*tensors, grown("classifier.1.w", None, added)])
    new = load(tmp_path / "new", container)
    assert set(new) == {"fc.0.w", "fc.1.w", "x", "classifier.0.w", "classifier.1.w"}
    for number, wanted in ((0, values), (1, added)):
        assert torch.equal(new[f"fc.{number}.w"], wanted)
        assert torch.equal(new[f"classifier.{number}.w"], wanted)
        if container != "safetensors":
            assert new[f"fc.{number}.w"].data_ptr() == new[f"classifier.{number}.w"].data_ptr()
    with open_checkpoint(tmp_path / "new", section) as again:
        assert len(again.aliases) == 2


def test_new_keys_end_as_those_of_what_they_are_like(tmp_path: Path) -> None:
    """What a rule with a star names need not lie beside what is new, and what lies beside need not be like it."""
    section = rules(("rename", "*.norm.gamma", "*.norm.weight"), ("strip", "net."))
    state = {"net.0.norm.gamma": torch.zeros(2), "net.0.fc.weight": torch.ones(2), "net.1.fc.weight": torch.ones(2)}
    path = save(state, tmp_path / "old", "zip")
    with open_checkpoint(path, section) as source:
        assert source.keys() == ["0.norm.weight", "0.fc.weight", "1.fc.weight"]
        kept = [NewTensor(name, name, (2,), "float32") for name in source]
        models = {"2.norm.weight": "0.norm.weight", "2.fc.weight": "1.fc.weight", "0.norm_1.norm.weight": "0.fc.weight"}
        added = [replace(grown(new, None, torch.ones(2)), like=old) for new, old in models.items()]
        write_checkpoint(tmp_path / "new", source, [*kept, *added])
    new = ["net.2.norm.gamma", "net.2.fc.weight", "net.0.norm_1.norm.weight"]
    assert list(load(tmp_path / "new", "zip")) == [*state, *new]


def test_order_prefix_and_renames(tmp_path: Path) -> None:
    state = OrderedDict(
        (f"module.{key}", torch.full((2,), float(i)))
        for i, key in enumerate(["sum", "features.0.weight", "features.1.weight", "head.weight", "d2.x"])
    )
    section = rules(("strip", "module."), ("rename", "features.", "body."), ("ignore", "d2.*"), ("ignore", "sum"))
    path = save({"net": state}, tmp_path / "old", "zip")
    with open_checkpoint(path, section) as source:
        assert source.keys() == ["body.0.weight", "body.1.weight", "head.weight"]
        tensors = [
            grown("body.0.weight", None, torch.full((2,), 10.0)),
            NewTensor("body.1.weight", "body.0.weight", (2,), "float32"),
            NewTensor("body.2.weight", "body.1.weight", (2,), "float32"),
            grown("body.3.weight", None, torch.full((2,), 11.0)),
            NewTensor("head.weight", "head.weight", (2,), "float32"),
            grown("tail.weight", None, torch.full((2,), 12.0)),
        ]
        write_checkpoint(tmp_path / "new", source, tensors)
    new = load(tmp_path / "new", "zip")["net"]
    assert {key: value[0].item() for key, value in new.items()} == {
        "module.sum": 0,
        "module.features.0.weight": 10,
        "module.features.1.weight": 1,
        "module.features.2.weight": 2,
        "module.features.3.weight": 11,
        "module.head.weight": 3,
        "module.tail.weight": 12,
        "module.d2.x": 4,
    }
    assert list(new) == [
        "module.sum",
        *(f"module.features.{n}.weight" for n in range(4)),
        "module.head.weight",
        "module.tail.weight",
        "module.d2.x",
    ]


def test_metadata_is_extended(tmp_path: Path) -> None:
    def net(blocks: int) -> torch.nn.Module:
        nn = torch.nn
        parts = [nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2), nn.ReLU()) for _ in range(blocks)]
        return nn.ModuleDict({"body": nn.Sequential(*parts), "head": nn.Linear(2, 2)})

    old, wanted = net(2).state_dict(), net(3).state_dict()
    path = save(old, tmp_path / "old", "zip")
    with open_checkpoint(path) as source:
        old_ones = {tensor.name: tensor for tensor in kept(source)}
        tensors = [old_ones.get(name, grown(name, None, value)) for name, value in wanted.items()]
        write_checkpoint(tmp_path / "new", source, tensors)
    new = load(tmp_path / "new", "zip")
    assert list(new) == list(wanted)
    table = dict(wanted._metadata)  # type: ignore[attr-defined]
    del table["body.2.2"]  # a module without tensors leaves no trace in a plan
    assert new._metadata == table
    assert [name for name in new._metadata if name in table] == list(table)
    net(3).load_state_dict(new, strict=True)


def test_renamed_modules_in_the_metadata(tmp_path: Path) -> None:
    net = torch.nn.Sequential(torch.nn.Sequential(torch.nn.BatchNorm1d(2), torch.nn.ReLU()), torch.nn.Linear(2, 2))
    path = save(net.state_dict(), tmp_path / "old", "zip")
    with open_checkpoint(path) as source:
        tensors = [grown("0.0.weight", None, torch.ones(2)), grown("0.0.bias", None, torch.ones(2))]
        for name in source:
            tensors.append(NewTensor(f"{int(name[0]) + 1}{name[1:]}", name, source.shape(name), source.dtype(name)))
        write_checkpoint(tmp_path / "new", source, tensors)
    table = load(tmp_path / "new", "zip")._metadata
    versions = {name: value["version"] for name, value in table.items()}
    assert versions == {"": 1, "0": 1, "0.0": 2, "1": 1, "1.0": 2, "1.1": 1, "2": 1}


def test_a_source_used_twice_is_copied(tmp_path: Path) -> None:
    path = save({"a": torch.arange(6.0).view(2, 3).t()}, tmp_path / "old", "zip")
    with open_checkpoint(path) as source:
        tensors = [NewTensor(name, "a", (3, 2), "float32") for name in ("a", "b")]
        write_checkpoint(tmp_path / "new", source, tensors)
    new = load(tmp_path / "new", "zip")
    assert torch.equal(new["a"], new["b"])


def test_a_new_key_that_is_taken(tmp_path: Path) -> None:
    path = save({"a": torch.ones(2), "b": torch.ones(2)}, tmp_path / "old", "zip")
    with open_checkpoint(path, rules(("ignore", "b"))) as source:
        tensors = [*kept(source), grown("b", None, torch.ones(3))]
        assert "`b`" in fault(lambda: write_checkpoint(tmp_path / "new", source, tensors), "F428").message


@pytest.mark.parametrize("container", CONTAINERS)
def test_chunks_of_another_type_or_number_are_a_programming_error(tmp_path: Path, container: str) -> None:
    path = save({"a": torch.ones(4)}, tmp_path / "old", container)
    with open_checkpoint(path) as source:
        short = NewTensor("a", "a", (4,), "float32", lambda: iter([np.ones(3, np.float32)]))
        wrong = NewTensor("a", "a", (4,), "float32", lambda: iter([np.ones(4, np.float64)]))
        for tensor, kind in ((short, ValueError), (wrong, TypeError)):
            with pytest.raises(kind):
                write_checkpoint(tmp_path / "new", source, [tensor])


def test_the_same_bytes_every_time(tmp_path: Path) -> None:
    path = save({"a": torch.ones(40)}, tmp_path / "old", "zip")
    for name in ("one", "two"):
        with open_checkpoint(path) as source:
            write_checkpoint(tmp_path / name, source, kept(source))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_records_are_aligned_and_checked(tmp_path: Path) -> None:
    path = save({"a": torch.ones(5), "b": torch.ones(7, dtype=torch.uint8)}, tmp_path / "old", "zip")
    with open_checkpoint(path) as source:
        write_checkpoint(tmp_path / "new", source, kept(source))
    with open_checkpoint(tmp_path / "new") as again:
        assert all(again.entries[name].storage.offset % 64 == 0 for name in again)  # type: ignore[attr-defined]
        assert all(again.entries[name].storage.crc is not None for name in again)
    data = bytearray((tmp_path / "new").read_bytes())
    at = data.index(np.ones(5, np.float32).tobytes())
    data[at] ^= 1
    (tmp_path / "new").write_bytes(data)
    with open_checkpoint(tmp_path / "new") as damaged:
        fault(lambda: write_checkpoint(tmp_path / "third", damaged, kept(damaged)), "F410")


def test_zip64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_zip, "LIMIT", 300)
    monkeypatch.setattr(stored_zip, "MOST_RECORDS", 3)
    state = {"a": torch.randn(100), "b": torch.randn(3), "c": torch.randn(200)}
    same(rewritten(state, tmp_path, "zip"), state)
    assert len(zipfile.ZipFile(tmp_path / "new").namelist()) == 6


def test_safetensors_metadata_order_and_alignment(tmp_path: Path) -> None:
    state = {
        "odd": torch.ones(3, dtype=torch.uint8),
        "w": torch.randn(5),
        "n": torch.tensor(3),
        "h": torch.randn(3).half(),
    }
    save_file(state, tmp_path / "old", metadata={"format": "pt", "title": "ä"})
    with open_checkpoint(tmp_path / "old") as source:
        write_checkpoint(tmp_path / "new", source, [*kept(source), grown("n2", None, torch.tensor(4))])
    with safe_open(tmp_path / "new", "pt") as new:
        assert new.metadata() == {"format": "pt", "title": "ä"}
        for name, value in state.items():
            assert torch.equal(new.get_tensor(name), value)
        assert new.get_tensor("n2").item() == 4
    with open_checkpoint(tmp_path / "new") as again:
        for name in again:
            width = again.tensor(name).element_size()
            assert again.entries[name].storage.offset % width == 0  # type: ignore[attr-defined]


def test_types_for_new_tensors(tmp_path: Path) -> None:
    state = {
        "a.conv.weight": torch.ones(2).half(),
        "b.conv.weight": torch.ones(2).half(),
        "a.bn.weight": torch.ones(2),
        "a.bn.num_batches_tracked": torch.tensor(3, dtype=torch.int32),
    }
    with open_checkpoint(save(state, tmp_path / "old", "zip")) as source:
        assert dtype_for(source, "c.conv.weight") == "float16"
        assert dtype_for(source, "c.bn.weight") == "float32"
        assert dtype_for(source, "c.bn.bias") == "float16"
        assert dtype_for(source, "c.bn.num_batches_tracked", buffer=True, init="count") == "int32"
    with open_checkpoint(save({"w": torch.ones(2).bfloat16()}, tmp_path / "old", "zip")) as source:
        assert dtype_for(source, "bn.num_batches_tracked", buffer=True, init="count") == "int64"
        assert dtype_for(source, "x") == "bfloat16"


@pytest.mark.parametrize("container", CONTAINERS)
def test_an_alias_that_is_ignored_stays_as_it_is(tmp_path: Path, container: str) -> None:
    """Neither the ignored key nor one for a new neighbour repeats what grew, and they need not be equal then."""
    weight = torch.randn(3, 2)
    state = {"twin.0.w": weight.clone(), "body.0.w": weight}
    section = rules(("alias", "twin", "body"), ("ignore", "twin.*"))
    path = save(state, tmp_path / "old", container)
    values, added = torch.randn(5, 2), torch.randn(7)
    with open_checkpoint(path, section) as source:
        assert list(source) == ["body.0.w"]
        new = [grown("body.0.w", "body.0.w", values), grown("body.1.w", None, added)]
        write_checkpoint(tmp_path / "new", source, new)
    same(load(tmp_path / "new", container), {"twin.0.w": weight, "body.0.w": values, "body.1.w": added}, ordered=False)
    with open_checkpoint(tmp_path / "new", section) as again:
        assert again.keys() == ["body.0.w", "body.1.w"]
        assert not again.links
