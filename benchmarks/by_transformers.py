"""What one would write with ``transformers``: load, modify, ``save_pretrained``.  No check of any kind.

    python by_transformers.py IN OUT deepen 4
    python by_transformers.py IN OUT widen 12288

``deepen``: so many copies of the last block at the end, their outputs zero (as LLaMA-Pro has it).  ``widen``: the
feed-forward layers, new rows at random, their columns zero.
"""

from __future__ import annotations

import copy
import sys

import torch
from transformers import AutoModelForCausalLM


def deepen(model: torch.nn.Module, count: int) -> None:
    layers = model.model.layers
    for number in range(len(layers), len(layers) + count):
        block = copy.deepcopy(layers[-1])
        block.self_attn.o_proj.weight.zero_()
        block.mlp.down_proj.weight.zero_()
        block.self_attn.layer_idx = number
        layers.append(block)
    model.config.num_hidden_layers = len(layers)


def widen(model: torch.nn.Module, width: int) -> None:
    for layer in model.model.layers:
        mlp = layer.mlp
        for part in (mlp.gate_proj, mlp.up_proj):
            old = part.weight.data
            rows = torch.empty(width - len(old), old.shape[1], dtype=old.dtype).normal_(0, old.std().item())
            part.weight = torch.nn.Parameter(torch.cat([old, rows]))
            part.out_features = width
        old = mlp.down_proj.weight.data
        zeros = torch.zeros(len(old), width - old.shape[1], dtype=old.dtype)
        mlp.down_proj.weight = torch.nn.Parameter(torch.cat([old, zeros], dim=1))
        mlp.down_proj.in_features = mlp.intermediate_size = width
    model.config.intermediate_size = width


def main() -> None:
    source, target, kind, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.bfloat16)
    with torch.no_grad():
        (deepen if kind == "deepen" else widen)(model, count)
    model.save_pretrained(target)


if __name__ == "__main__":
    main()
