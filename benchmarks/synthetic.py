"""A large checkpoint for ``specs/mlp.fpt``, with weights at a scale that keeps a deep ReLU network alive.

python synthetic.py OUT HIDDEN DEPTH
"""

from __future__ import annotations

import sys

import torch
from safetensors.torch import save_file


def main() -> None:
    out, hidden, depth = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    generator = torch.Generator().manual_seed(0)
    state = {}
    for layer in range(depth):
        weight = torch.empty(hidden, hidden).normal_(0, (2 / hidden) ** 0.5, generator=generator)
        state[f"layers.{layer}.fc.weight"] = weight
        state[f"layers.{layer}.fc.bias"] = torch.zeros(hidden)
    state["head.weight"] = torch.empty(10, hidden).normal_(0, hidden**-0.5, generator=generator)
    state["head.bias"] = torch.zeros(10)
    if out.endswith(".safetensors"):
        save_file(state, out)
    else:
        torch.save(state, out)


if __name__ == "__main__":
    main()
