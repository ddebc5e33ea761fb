"""``verify`` says whether the files are those of the receipt beside the new one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from folders import family
from safetensors.torch import load_file, save_file
from two_layers import save, state_of, written_spec

import fptdsl
from fptdsl.checkpoint import Checkpoint
from fptdsl.cli.main import main

FILES = ("two.fpt", "old.pt", "new.fpt", "new.pt")


@pytest.fixture
def grown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a grown file, an entry of which is ignored; it is the working directory."""
    monkeypatch.chdir(tmp_path)
    spec = written_spec(tmp_path, 'checkpoint { ignore "old.*" }\n')
    save({**state_of(spec), "old.x": torch.ones(9)}, Path("old.pt"))
    fptdsl.apply("two.fpt", "old.pt", grow="widen first to 8", out="new.pt")
    return tmp_path


def flip(path: Path) -> None:
    """Change the ignored entry, which no other check looks at."""
    state = torch.load(path, weights_only=True)
    state["old.x"][0] = 5
    torch.save(state, path)


def test_files_that_are_those_of_the_receipt(grown: Path) -> None:
    for certificate in (False, True):
        found = fptdsl.verify(*FILES, certificate=certificate)
        assert found.document["receipt"] == {"path": "new.receipt.json", "old": True, "new": True}
        assert found.document["warnings"] == []
        assert found.passed


@pytest.mark.parametrize("which", ["old", "new"])
def test_a_file_that_was_changed(grown: Path, which: str) -> None:
    flip(Path(f"{which}.pt"))
    found = fptdsl.verify(*FILES, certificate=True)
    assert found.passed
    assert found.document["receipt"] == {"path": "new.receipt.json", "old": which != "old", "new": which != "new"}
    (text,) = found.document["warnings"]
    assert text.startswith(f"`{which}.pt` is not ")
    assert "`new.receipt.json`" in text


def test_both(grown: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("old.pt", "new.pt"):
        flip(Path(name))
    assert main(["verify", *FILES]) == 0
    text = " ".join(capsys.readouterr().err.split())
    assert "warning: `old.pt` is not the checkpoint that was grown" in text
    assert "warning: `new.pt` is not what the growth published" in text
    assert main(["verify", *FILES, "--json"]) == 0
    said = capsys.readouterr()
    assert len(json.loads(said.out)["warnings"]) == 2
    assert "warning" not in said.err


@pytest.mark.parametrize("text", [None, "{}", "[", '{"checkpoints": {"old": {"blake3": 1}, "new": 3}}'])
def test_without_a_receipt_nothing_is_hashed(grown: Path, monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    if text is None:
        Path("new.receipt.json").unlink()
    else:
        Path("new.receipt.json").write_text(text)
    monkeypatch.setattr(Checkpoint, "digest", lambda *_: pytest.fail("hashed"))
    found = fptdsl.verify(*FILES)
    assert found.document["receipt"] is None
    assert found.document["warnings"] == []


@pytest.mark.parametrize("layout", ["safetensors", "safetensors shards", "bin shards"])
def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.fpt").write_text(family.SPEC + 'checkpoint { ignore "old.*" }\n')
    family.write(Path("model"), layout, tensors={**family.state(), "old.x": torch.ones(9)})
    fptdsl.apply("tiny.fpt", "model", grow="widen layers.*.up to 15; deepen layers by 1", out="out")
    paths = ("tiny.fpt", "model", "out/growth.fpt", "out")
    receipt = {"path": "out/growth.receipt.json", "old": True, "new": True}
    Path("out/tokenizer.json").write_text("another")  # no weights
    assert fptdsl.verify(*paths).document["receipt"] == receipt
    for path in sorted(Path("out").iterdir()):
        if path.suffix == ".safetensors" and "old.x" in load_file(path):
            save_file({**load_file(path), "old.x": torch.zeros(9)}, path, {"format": "pt"})
        elif path.suffix == ".bin" and "old.x" in torch.load(path, weights_only=True):
            flip(path)
    found = fptdsl.verify(*paths)
    assert found.passed
    assert found.document["receipt"] == {**receipt, "new": False}
    assert found.document["warnings"][0].startswith("`out` is not what the growth published")
