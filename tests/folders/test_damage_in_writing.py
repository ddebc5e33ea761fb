"""What goes wrong between computing a tensor and its file is found, whether it was copied or computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from two_layers import state_of, written_spec

import fptdsl
import fptdsl.checkpoint
from fptdsl.checkpoint import NewTensor
from fptdsl.diagnostics import FptError

GROW = "widen first to 8"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A folder of three shards, of which growing ``first`` leaves the last alone."""
    spec, folder = written_spec(tmp_path), tmp_path / "folder"
    folder.mkdir()
    state = state_of(spec)
    where = []
    for number, layer in enumerate(("first", "second", "third"), 1):
        shard = f"model-{number:05d}-of-00003.safetensors"
        save_file({name: value for name, value in state.items() if name.startswith(layer)}, folder / shard)
        where += [f'"{name}": "{shard}"' for name in state if name.startswith(layer)]
    (folder / "model.safetensors.index.json").write_text(f'{{"metadata": {{}}, "weight_map": {{{", ".join(where)}}}}}')
    return spec, folder


def damage(monkeypatch: pytest.MonkeyPatch, name: str, place: int, value: float) -> None:
    """Make one element of a written tensor another."""
    write = fptdsl.checkpoint.write_checkpoint

    def damaged(
        target: Path,
        source: fptdsl.checkpoint.Checkpoint,
        tensors: Sequence[NewTensor],
        finished: Callable[[Path], None],
    ) -> None:
        write(target, source, tensors, finished)  # Digests may be had of it already.
        for shard in Path(target).glob("*.safetensors"):
            state = load_file(shard)
            if name in state:
                state[name].reshape(-1)[place] = value
                with safe_open(shard, "np") as file:
                    metadata = file.metadata()
                save_file(state, shard, metadata)

    monkeypatch.setattr(fptdsl.checkpoint, "write_checkpoint", damaged)


def test_nothing_is_wrong_without(files: tuple[Path, Path], tmp_path: Path) -> None:
    result = fptdsl.apply(*files, grow=GROW, out=tmp_path / "grown", verify="certificate")
    assert result.document["certificate"]["passed"]
    shards = [folder / "model-00003-of-00003.safetensors" for folder in (files[1], tmp_path / "grown")]
    assert shards[0].read_bytes() == shards[1].read_bytes()


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("third.weight", 0.5, "F521"),  # in a file that is copied whole
        ("third.weight", np.nan, "F521"),
        ("second.bias", 0.5, "F521"),  # copied into a file that is written anew
        ("first.weight", 0.5, "F521"),  # an old row
        ("second.weight", 0.5, "F521"),  # a column
        ("first.bias", np.nan, "F521"),
    ],
)
def test_it_is_found(
    name: str, value: float, code: str, files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(monkeypatch, name, 0, value)
    with pytest.raises(FptError) as caught:
        fptdsl.apply(*files, grow=GROW, out=tmp_path / "grown", verify="certificate")
    assert [item.code for item in caught.value.diagnostics] == [code]
    assert not (tmp_path / "grown").exists()


def test_what_is_new_is_read_too(files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damage(monkeypatch, "first.weight", -1, np.nan)  # a row that no law binds
    with pytest.raises(FptError) as caught:
        fptdsl.apply(*files, grow=GROW, out=tmp_path / "grown", verify="certificate")
    assert [item.code for item in caught.value.diagnostics] == ["F444"]
