"""A network of a few layers, small enough to be grown in many ways, and its checkpoint."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

import fptdsl

SPEC = """
model Two(width = 5) {
  input x: float[4]
  first: linear(width)
  relu
  second: linear(6)
  tanh
  third: linear(3)
}
"""


def written_spec(folder: Path, more: str = "") -> Path:
    """The spec, with a section of its own behind it."""
    spec = folder / "two.fpt"
    spec.write_text(SPEC + more)
    return spec


def state_of(spec: Path) -> dict[str, torch.Tensor]:
    """Random weights of which none is zero."""
    torch.manual_seed(0)
    return {name: value.detach() + 0.01 for name, value in fptdsl.build(spec).state_dict().items()}


def save(state: dict[str, torch.Tensor], path: Path) -> Path:
    """Write a file in the container that its name says."""
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path
