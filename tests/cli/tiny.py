"""A small residual network with its checkpoint, made without this package."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]

SPEC = """\
model Tiny(width = 4, depth = 2) {
  input image: float[2, 6, 6]
  conv1: conv2d(width, 3, padding=1, bias=false)
  bn1: batchnorm2d
  relu
  layers: repeat depth {
    residual {
      conv: conv2d(width, 3, padding=1, bias=false)
      bn: batchnorm2d
    }
    relu
  }
  conv2: conv2d(5, 3)
  relu
  flatten
  fc: linear(3)
}
"""

GROW = SPEC + "\nwiden layers to 6\nwiden conv2 to 8\ndeepen layers by 1\n"


def state(*, width: int = 4, depth: int = 2, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Random weights and running statistics, in the order of ``nn.Module.state_dict``."""
    generator = torch.Generator().manual_seed(1)
    found: dict[str, Tensor] = OrderedDict()

    def normal(name: str, *shape: int) -> None:
        found[name] = torch.randn(*shape, generator=generator, dtype=torch.float64).mul(0.3).to(dtype)

    def norm(name: str, size: int) -> None:
        for suffix in ("weight", "bias", "running_mean"):
            normal(f"{name}.{suffix}", size)
        found[f"{name}.running_var"] = torch.rand(size, generator=generator).add(0.5).to(dtype)
        found[f"{name}.num_batches_tracked"] = torch.tensor(7)

    normal("conv1.weight", width, 2, 3, 3)
    norm("bn1", width)
    for layer in range(depth):
        normal(f"layers.{layer}.conv.weight", width, width, 3, 3)
        norm(f"layers.{layer}.bn", width)
    normal("conv2.weight", 5, width, 3, 3)
    normal("conv2.bias", 5)
    normal("fc.weight", 3, 5 * 4 * 4)
    normal("fc.bias", 3)
    return found


def write(folder: Path) -> None:
    """``tiny.fpt`` (no growth), ``grow.fpt``, ``tiny.pt`` and ``tiny.safetensors``."""
    from safetensors.torch import save_file

    (folder / "tiny.fpt").write_text(SPEC)
    (folder / "grow.fpt").write_text(GROW)
    torch.save({"epoch": 3, "state_dict": state()}, folder / "tiny.pt")
    save_file(state(), folder / "tiny.safetensors")


def environment(**more: str) -> dict[str, str]:
    """For a subprocess: this checkout, 80 columns, plain text, one thread."""
    kept = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "FPTDSL_TRACEBACK")}
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**kept, "PYTHONPATH": path, "COLUMNS": "80", "OMP_NUM_THREADS": "1", **more}


def fptdsl(*words: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a program."""
    return subprocess.run(
        [sys.executable, "-m", "fptdsl", *words],
        cwd=cwd,
        env=environment(**more),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
