"""What one would write with ``load_file`` and ``save_file``, one file in, one file out.  No check of any kind.

    python by_load_file.py IN OUT deepen 4
    python by_load_file.py IN OUT widen 12288

The growths are those of ``by_transformers.py``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

State = dict[str, torch.Tensor]
ZEROED = ("self_attn.o_proj.weight", "mlp.down_proj.weight")


def deepen(state: State, config: dict[str, int], count: int) -> None:
    depth = config["num_hidden_layers"]
    last = f"model.layers.{depth - 1}."
    for name in [name for name in state if name.startswith(last)]:
        for number in range(depth, depth + count):
            copied = torch.zeros_like(state[name]) if name.endswith(ZEROED) else state[name].clone()
            state[f"model.layers.{number}.{name[len(last) :]}"] = copied
    config["num_hidden_layers"] = depth + count


def widen(state: State, config: dict[str, int], width: int) -> None:
    for name, old in state.items():
        if name.endswith(("mlp.gate_proj.weight", "mlp.up_proj.weight")):
            rows = torch.empty(width - len(old), old.shape[1], dtype=old.dtype).normal_(0, old.std().item())
            state[name] = torch.cat([old, rows])
        elif name.endswith("mlp.down_proj.weight"):
            state[name] = torch.cat([old, torch.zeros(len(old), width - old.shape[1], dtype=old.dtype)], dim=1)
    config["intermediate_size"] = width


def main() -> None:
    source, target, kind, count = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    config = json.loads((source / "config.json").read_text())
    state: State = {}
    for file in sorted(source.glob("*.safetensors")):
        state |= load_file(file)
    (deepen if kind == "deepen" else widen)(state, config, count)
    target.mkdir()
    save_file(state, target / "model.safetensors", metadata={"format": "pt"})
    (target / "config.json").write_text(json.dumps(config, indent=2) + "\n")


if __name__ == "__main__":
    main()
