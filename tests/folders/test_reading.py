"""Folders as checkpoints: the same tensors whatever the layout, and nothing read but headers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from blake3 import blake3

from fptdsl.checkpoint import FolderCheckpoint, open_checkpoint
from fptdsl.language import syntax

from . import family


def rules(*entries: tuple[str, ...]) -> syntax.Checkpoint:
    return syntax.Checkpoint(tuple(syntax.CheckpointEntry(*entry) for entry in entries))  # type: ignore[arg-type]


@pytest.mark.parametrize("layout", family.LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_same_tensors_in_every_layout(tmp_path: Path, layout: str, dtype: torch.dtype) -> None:
    wanted = family.state(dtype=dtype)
    folder = family.write(tmp_path / "model", layout, tensors=wanted)
    with open_checkpoint(folder) as found:
        assert isinstance(found, FolderCheckpoint)
        assert sorted(found.keys()) == sorted(wanted)
        assert all(torch.equal(found.tensor(name), tensor) for name, tensor in wanted.items())
        assert all(found.shape(name) == tuple(tensor.shape) for name, tensor in wanted.items())
        assert {found.dtype(name) for name in found} == {str(dtype).removeprefix("torch.")}
        assert found.aliases == ()
        assert found.path == folder
        assert ("shards" in found.found) == ("shards" in layout)
        files = sorted(folder.glob("*.safetensors")) + sorted(folder.glob("*.bin"))
        lines = "".join(f"{blake3(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
        assert found.digest() == blake3(lines.encode()).hexdigest()


def test_safetensors_come_before_torch_files(tmp_path: Path) -> None:
    """As ``from_pretrained`` chooses."""
    other = {key: tensor + 1 for key, tensor in family.state().items()}
    folder = family.write(tmp_path / "model", "bin", tensors=other)
    family.write(folder, "safetensors")
    with open_checkpoint(folder) as found:
        assert torch.equal(found.tensor("embed.weight"), family.state()["embed.weight"])


def test_files_may_be_links(tmp_path: Path) -> None:
    """A download cache keeps the files elsewhere and links to them."""
    stored = family.write(tmp_path / "blobs", "safetensors shards")
    (tmp_path / "snapshot").mkdir()
    for path in stored.iterdir():
        os.symlink(path, tmp_path / "snapshot" / path.name)
    with open_checkpoint(tmp_path / "snapshot") as found:
        assert len(found) == len(family.state())


def test_a_closed_folder_has_no_open_files(tmp_path: Path) -> None:
    folder = family.write(tmp_path / "model", "safetensors shards")
    before = len(os.listdir("/proc/self/fd"))
    with open_checkpoint(folder):
        assert len(os.listdir("/proc/self/fd")) == before + 3
    assert len(os.listdir("/proc/self/fd")) == before


def test_plan_and_show_of_safetensors_do_not_import_torch(place: Path) -> None:
    family.write(place / "model", "safetensors shards")
    code = """
import sys, fptdsl
from fptdsl import api
fptdsl.plan("tiny.fpt", "model", grow="widen embed to 12; deepen layers by 1")
api.show("tiny.fpt", "model")
api.validate("tiny.fpt", "model")
sys.exit("torch" in sys.modules)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


# --- rules of a family -----------------------------------------------------------------------------

TIE = ("alias", "second", "first")
ONE = {"first.weight": torch.ones(2, 2), "enter.weight": torch.zeros(2, 2)}
DESCRIBED = ("first.weight", "enter.weight")


def test_a_tied_tensor_that_is_stored_once(tmp_path: Path) -> None:
    folder = family.write(tmp_path / "model", tensors=ONE)
    with open_checkpoint(folder, rules(TIE), described=DESCRIBED) as found:
        assert sorted(found) == sorted(ONE)
        assert found.aliases == ()
        assert found.alias_rules == ()


def test_a_tied_tensor_that_is_stored_under_the_second_name(tmp_path: Path) -> None:
    folder = family.write(
        tmp_path / "model", tensors={"second.weight": ONE["first.weight"], "enter.weight": ONE["enter.weight"]}
    )
    with open_checkpoint(folder, rules(TIE), described=DESCRIBED) as found:
        assert sorted(found) == sorted(ONE)
        assert found.names["first.weight"].raw == "second.weight"


def test_a_tied_tensor_that_is_stored_twice(tmp_path: Path) -> None:
    folder = family.write(tmp_path / "model", "bin", tensors={**ONE, "second.weight": ONE["first.weight"]})
    with open_checkpoint(folder, rules(TIE), described=DESCRIBED) as found:
        assert found.aliases == (("first.weight", "second.weight"),)


def test_a_tie_is_not_in_force_where_the_network_describes_both(tmp_path: Path) -> None:
    folder = family.write(tmp_path / "model", tensors={**ONE, "second.weight": torch.full((2, 2), 5.0)})
    with open_checkpoint(folder, rules(TIE), described=(*DESCRIBED, "second.weight")) as found:
        assert found.aliases == ()
        assert found.links == {}
        assert found.tensor("second.weight")[0, 0] == 5.0


def test_rules_that_hit_nothing_are_no_fault_in_a_folder(tmp_path: Path) -> None:
    folder = family.write(tmp_path / "model")
    section = rules(("strip", "model."), ("rename", "a.", "b."), TIE, ("ignore", "*.masked_bias"))
    with open_checkpoint(folder, section) as found:
        assert sorted(found) == sorted(family.state())
        assert found.warnings == ()


def test_an_index_may_hold_more_than_is_needed(tmp_path: Path) -> None:
    folder = family.write(tmp_path / "model", "safetensors shards")
    path = folder / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    path.write_text(json.dumps({**index, "metadata": {"total_size": "?"}, "format": 3}))
    with open_checkpoint(folder) as found:
        assert len(found) == len(family.state())
