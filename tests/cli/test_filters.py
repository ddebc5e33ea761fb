"""``fptdsl filters``: the picture, what it says, and every way in which it can fail."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from cli import tiny
from cli.conftest import Run

pytest.importorskip("matplotlib", reason="needs matplotlib (the optional extra plots)")


def test_a_picture_and_what_it_shows(run: Run, folder: Path) -> None:
    status, out, err = run("filters", "tiny.pt", "conv1.weight", "-o", "filters.png")
    assert (status, err) == (0, "")
    assert out.startswith("filters.png: 4 filters of conv1.weight\n  4×2×3×3 (float32), 2 channels drawn as their mean")
    assert (folder / "filters.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in folder.iterdir() if "filters" in path.name) == ["filters.png"]


@pytest.mark.parametrize(
    ("method", "how"), [("net2net", "copy"), ("r2r", "pair"), ("netmorph", "fresh"), ("random_pad", "fresh")]
)
def test_what_each_method_added_is_told_from_the_files(run: Run, folder: Path, method: str, how: str) -> None:
    assert run("apply", "tiny.fpt", "tiny.pt", "-o", "big.pt", "--grow", f"widen layers to 6 using {method}")[0] == 0
    words = ("filters", "big.pt", "conv1.weight", "--old", "tiny.pt", "-o", "filters.svg", "--json")
    status, out, _ = run(*words)
    found: dict[str, Any] = json.loads(out)
    assert status == 0
    assert (found["schema"], found["kind"], found["colours"], found["drawn"]) == (1, "filters", "mean", 6)
    assert [origin["how"] for origin in found["filters"]] == ["old"] * 4 + [how] * 2
    old, new = tiny.state()["conv1.weight"], torch.load(folder / "big.pt")["state_dict"]["conv1.weight"]
    for number, origin in enumerate(found["filters"]):
        if how == "copy" or number < 4:
            assert torch.equal(new[number], old[origin["of"]])
    assert (folder / "filters.svg").read_text(encoding="utf-8").startswith("<?xml")


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_types(run: Run, folder: Path, dtype: torch.dtype) -> None:
    torch.save({"module.a.weight": torch.randn(5, 3, 7).to(dtype), "module.b": torch.zeros(2)}, folder / "a.pt")
    status, out, _ = run("filters", "a.pt", "a.weight", "-o", "a.pdf")
    assert status == 0
    assert f"({str(dtype).removeprefix('torch.')}), 3 channels drawn as red, green and blue" in " ".join(out.split())


def test_of_many_filters_the_first_are_drawn(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fptdsl.api import drawing

    monkeypatch.setattr(drawing, "MOST", 3)
    status, out, _ = run("filters", "tiny.pt", "conv1.weight", "--old", "tiny.pt", "-o", "filters.png")
    assert status == 0
    assert "the first 3 are drawn" in out
    assert "against the old checkpoint: 4 old" in out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("tiny.pt", "conv1.weigth", "-o", "f.png"), "F612", "did you mean `conv1.weight`?"),
        (("tiny.pt", "conv1", "-o", "f.png"), "F612", "its key is `conv1.weight`"),
        (("tiny.pt", "zzz", "-o", "f.png"), "F612", "kernels in it: `conv1.weight`"),
        (("tiny.pt", "fc.weight", "-o", "f.png"), "F613", "float32[3, 80], not the kernel"),
        (("tiny.pt", "bn1.num_batches_tracked", "-o", "f.png"), "F613", "int64[]"),
        (("tiny.pt", "conv1.weight", "-o", "f.jpeg"), "F611", "f.png"),
        (("tiny.pt", "conv1.weight", "-o", "nowhere/f.png"), "F603", "nowhere"),
        (("tiny.pt", "conv2.weight", "-o", "f.png", "--old", "tiny.pt", "--old-key", "conv1.weight"), "F614", "4×3×3"),
        (("tiny.pt", "conv2.weight", "-o", "f.png", "--old", "tiny.pt", "--old-key", "conv3"), "F612", "conv"),
        (("none.pt", "conv1.weight", "-o", "f.png"), "F400", "none.pt"),
    ],
)
def test_faults(run: Run, folder: Path, words: tuple[str, ...], code: str, said: str) -> None:
    status, out, err = run("filters", *words)
    assert (status, out) == (1, "")
    assert f"error[{code}]" in err
    assert said in " ".join(err.split())
    assert not (folder / "f.png").exists()


def test_nothing_is_overwritten_unless_that_is_asked_for(run: Run, folder: Path) -> None:
    (folder / "f.png").write_text("mine")
    assert "F600" in run("filters", "tiny.pt", "conv1.weight", "-o", "f.png")[2]
    assert (folder / "f.png").read_text() == "mine"
    assert run("filters", "tiny.pt", "conv1.weight", "-o", "f.png", "--force")[0] == 0
    (folder / "tiny.pt").rename(folder / "tiny.png")
    status, _, err = run("filters", "tiny.png", "conv1.weight", "-o", "tiny.png", "--force")
    assert status == 1
    assert "F601" in err


def test_without_matplotlib(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr("fptdsl.api.drawing.find_spec", lambda name: None)
    status, _, err = run("filters", "tiny.pt", "conv1.weight", "-o", "f.png")
    assert status == 1
    assert "F610" in err
    assert "pip install 'fptdsl[plots]'" in err
