"""Folders at fault: the hint names the field of ``config.json`` that makes the difference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

pytest.importorskip("transformers")

import fptdsl
from fptdsl.diagnostics import Diagnostic, FptError
from hf.clients import save
from hf.families import FAMILIES


def without(folder: Path, *names: str, **edits: Any) -> None:
    """Take tensors out of a folder, and fields (``...``) out of its configuration."""
    state = load_file(folder / "model.safetensors")
    save_file({name: value for name, value in state.items() if name not in names}, folder / "model.safetensors")
    path = folder / "config.json"
    fields = {**json.loads(path.read_text()), **edits}
    path.write_text(json.dumps({name: value for name, value in fields.items() if value is not ...}))


def fault(name: str, folder: Path, **settings: Any) -> Diagnostic:
    with pytest.raises(FptError) as caught:
        fptdsl.plan(f"hf/{FAMILIES[name].spec}", folder, settings=settings)
    assert len(caught.value.diagnostics) == 1
    first: Diagnostic = caught.value.diagnostics[0]
    return first


@pytest.mark.parametrize("name", ["llama", "gemma2"])
def test_the_field_that_says_whether_the_head_is_tied(name: str, tmp_path: Path) -> None:
    save(name, tmp_path, tie_word_embeddings=False)
    without(tmp_path, "lm_head.weight")
    found = fault(name, tmp_path)
    assert found.code == "F440"
    assert f"`tie_word_embeddings` = false in `{tmp_path / 'config.json'}` decides" in (found.hint or "")
    settings = {"tie_word_embeddings": True}
    assert fptdsl.plan(f"hf/{name}", tmp_path, settings=settings).plan.old.tensors
    without(tmp_path, tie_word_embeddings=...)
    if name == "llama":
        assert "`tie_word_embeddings` = false, which" in (fault(name, tmp_path).hint or "")


def test_a_tensor_that_no_field_decides_on(tmp_path: Path) -> None:
    save("llama", tmp_path)
    without(tmp_path, "model.norm.weight")
    found = fault("llama", tmp_path)
    assert found.code == "F440"
    assert "decides" not in (found.hint or "")


def test_images_that_are_no_squares(tmp_path: Path) -> None:
    save("vit", tmp_path)
    without(tmp_path, image_size=[16, 8])
    found = fault("vit", tmp_path)
    assert found.code == "F453"
    assert found.hint == "one number is described for `image_size`, not one for each axis"
    without(tmp_path, image_size=[16, 16])
    assert "`--set image_size=16`" in (fault("vit", tmp_path).hint or "")
    assert fptdsl.plan("hf/vit", tmp_path, settings={"image_size": 16}).plan.old.tensors
