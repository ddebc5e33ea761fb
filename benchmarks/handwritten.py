"""What one would write by hand: load, widen every second layer, save, sync. No check of any kind.

    python handwritten.py IN OUT WIDTH

For the checkpoint of ``benchmarks/apply.py``; ``.pt`` or ``.safetensors`` by the name.
"""

from __future__ import annotations

import os
import sys

import torch
from safetensors.torch import load_file, save_file


def widen(state: dict[str, torch.Tensor], layer: int, width: int) -> None:
    """New rows with the layer's spread, zero columns in the next layer (NetMorph)."""
    weight, bias = state[f"layers.{layer}.fc.weight"], state[f"layers.{layer}.fc.bias"]
    extra = width - len(weight)
    rows = torch.empty(extra, weight.shape[1]).normal_(0, weight.std().item())
    state[f"layers.{layer}.fc.weight"] = torch.cat([weight, rows])
    state[f"layers.{layer}.fc.bias"] = torch.cat([bias, torch.zeros(extra)])
    following = f"layers.{layer + 1}.fc.weight"
    old = state[following]
    state[following] = torch.cat([old, torch.zeros(len(old), extra)], dim=1)


def main() -> None:
    source, target, width = sys.argv[1], sys.argv[2], int(sys.argv[3])
    safe = source.endswith(".safetensors")
    state = load_file(source) if safe else torch.load(source, weights_only=True)
    layers = sum(key.endswith("fc.weight") for key in state)
    for layer in range(0, layers - 1, 2):
        widen(state, layer, width)
    if safe:
        save_file(state, target)
    else:
        torch.save(state, target)
    descriptor = os.open(target, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


if __name__ == "__main__":
    main()
