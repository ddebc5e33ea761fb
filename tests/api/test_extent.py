"""How much ``apply`` evaluates: all, an excerpt of a large network, or nothing beside the certificate."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import fptdsl
from fptdsl.api import proving
from fptdsl.growth.plan import Plan
from fptdsl.proof import excerpt as module
from fptdsl.proof.excerpt import Excerpt, without
from fptdsl.proof.verdict import Scope

SPEC = """
model Blocks(width = 12, n = 4) {
  input tokens: int[seq]
  embed: embedding(19, width)
  layers: repeat n {
    residual {
      norm: rmsnorm(1e-6)
      up: linear(20)
      gelu
      down: linear(width)
    }
  }
  norm: rmsnorm(1e-6)
  head: linear(7)
}
"""
GROW = "deepen layers by 2"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    spec, checkpoint = tmp_path / "blocks.fpt", tmp_path / "blocks.pt"
    spec.write_text(SPEC)
    torch.manual_seed(0)
    torch.save({n: v + 0.01 for n, v in fptdsl.build(spec).state_dict().items()}, checkpoint)
    return spec, checkpoint


def test_a_small_network_is_evaluated_whole(files: tuple[Path, Path]) -> None:
    assert fptdsl.apply(*files, grow=GROW).document["verification"]["blocks"] is None


def test_a_large_one_by_its_blocks(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "LARGE", 0)
    result = fptdsl.apply(*files, grow=GROW)
    found = result.document["verification"]
    assert found["passed"]
    assert found["blocks"] == {"evaluated": ["layers.0", "layers.4"], "total": 6}
    assert "on 2 of 6 blocks (`layers.0`, `layers.4`)" in found["verdict"]
    assert json.loads(result.outputs["receipt"].read_text())["verification"]["blocks"]["total"] == 6
    assert fptdsl.apply(*files, grow=GROW, verify="full", force=True).document["verification"]["blocks"] is None


def test_rounded_weights_of_an_excerpt_are_judged_by_their_noise(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proving, "LARGE", 0)
    exact = fptdsl.apply(*files, grow=GROW).document["verification"]
    assert exact["float32"]["drift"] is None
    rounded = fptdsl.apply(*files, grow="widen embed to 17", force=True).document["verification"]
    assert rounded["passed"]
    assert rounded["blocks"]["total"] == 4
    assert rounded["max_relative_error"] > 1e-12
    assert rounded["float32"]["drift"] is not None


def test_the_certificate_alone(files: tuple[Path, Path]) -> None:
    result = fptdsl.apply(*files, grow=GROW, verify="certificate")
    assert result.document["verification"] is None
    assert result.document["certificate"]["passed"]
    assert result.passed
    assert result.outputs["checkpoint"].exists()


def test_a_certificate_needs_no_torch(tmp_path: Path) -> None:
    """Above the size that the gradient probe takes, with weights in safetensors."""
    spec, checkpoint = tmp_path / "blocks.fpt", tmp_path / "blocks.safetensors"
    spec.write_text(SPEC)
    size = {"width": 1024, "n": 60}
    save_file({n: v.half() for n, v in fptdsl.build(spec, settings=size).state_dict().items()}, checkpoint)
    program = (
        "import sys, fptdsl; "
        f"fptdsl.apply({str(spec)!r}, {str(checkpoint)!r}, settings={size}, grow={GROW!r}, verify='certificate'); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


@pytest.mark.parametrize("extent", ["auto", "certificate"])
def test_without_a_certificate_all_is_evaluated(
    extent: str, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proving, "LARGE", 0)
    result = fptdsl.apply(*files, grow="widen layers.*.up to 30 using random_pad", verify=extent)
    assert result.document["certificate"]["outcome"] == "declined"
    assert result.document["verification"]["blocks"] is None


def test_with_a_probe_all_is_evaluated(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "LARGE", 0)
    probe = files[0].with_name("probe.npz")
    np.savez(probe, tokens=np.arange(8).reshape(1, 8))
    result = fptdsl.apply(*files, grow=GROW, probe=probe, verify="certificate")
    assert result.document["verification"]["blocks"] is None


def test_an_excerpt_that_differs_is_no_verdict(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(plan: Plan) -> Excerpt:
        return Excerpt(plan.old, without(plan.new, [plan.new.regions["layers.0"]]), Scope((), 6))

    monkeypatch.setattr(proving, "LARGE", 0)
    monkeypatch.setattr(module, "excerpt", wrong)
    found = fptdsl.apply(*files, grow=GROW).document["verification"]
    assert found["passed"]
    assert found["blocks"] is None


def test_another_word(files: tuple[Path, Path]) -> None:
    with pytest.raises(ValueError, match="auto, full, certificate"):
        fptdsl.apply(*files, grow=GROW, verify="most")
