"""A small family of networks with a ``config.json``, and folders of it written by torch and safetensors themselves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

SPEC = """\
# A small residual network whose sizes come from a config.json.
block Block(hidden, inner) {
  residual {
    up: linear(inner)
    relu
    down: linear(hidden)
  }
}

model TinyMlp from config(
    input_size, hidden_size, intermediate_size = 4 * hidden_size, num_hidden_layers, num_labels = 2) {
  input x: float[input_size]
  embed: linear(hidden_size)
  relu
  layers: repeat num_hidden_layers { Block(hidden_size, intermediate_size) }
  head: linear(num_labels)
}
"""

CONFIG: dict[str, Any] = {
    "architectures": ["TinyMlp"],
    "hidden_size": 8,
    "initializer_range": 1e-05,
    "input_size": 6,
    "intermediate_size": 12,
    "layer_types": ["a", "b", "a"],
    "num_hidden_layers": 3,
    "num_labels": 3,
    "rope_scaling": {"factor": 2.0, "long_factor": [1.0, 2.5]},
    "vocab_size": None,
}

LAYOUTS = ("safetensors", "safetensors shards", "bin", "bin shards")


def state(config: Mapping[str, Any] = CONFIG, *, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    """Random weights in the order of the network."""
    generator = torch.Generator().manual_seed(1)
    hidden = config["hidden_size"]
    inner = config.get("intermediate_size") or 4 * hidden

    def linear(name: str, out: int, into: int) -> dict[str, torch.Tensor]:
        weight = torch.randn(out, into, generator=generator) / into**0.5
        return {f"{name}.weight": weight.to(dtype), f"{name}.bias": torch.randn(out, generator=generator).to(dtype)}

    found = linear("embed", hidden, config["input_size"])
    for layer in range(config["num_hidden_layers"]):
        found |= linear(f"layers.{layer}.up", inner, hidden) | linear(f"layers.{layer}.down", hidden, inner)
    return found | linear("head", config.get("num_labels", 2), hidden)


def write(
    folder: Path,
    layout: str = "safetensors",
    config: Mapping[str, Any] | None = CONFIG,
    tensors: Mapping[str, torch.Tensor] | None = None,
    shards: int = 3,
) -> Path:
    """A folder in one of :data:`LAYOUTS`, with a tokenizer beside the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = state(config or CONFIG) if tensors is None else tensors
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    (folder / "generation_config.json").write_text('{"do_sample": true}')
    (folder / "tokenizer.json").write_text('{"version": "1.0"}\n')
    (folder / "extra").mkdir(exist_ok=True)
    (folder / "extra" / "notes.txt").write_text("notes\n")
    kind, _, sharded = layout.partition(" ")
    single = "model.safetensors" if kind == "safetensors" else "pytorch_model.bin"
    if not sharded:
        save(tensors, folder / single)
        return folder
    stem, _, extension = single.partition(".")
    where: dict[str, str] = {}
    keys = list(tensors)
    for number in range(shards):
        part = keys[number * len(keys) // shards : (number + 1) * len(keys) // shards]
        name = f"{stem}-{number + 1:05d}-of-{shards:05d}.{extension}"
        save({key: tensors[key] for key in part}, folder / name)
        where |= dict.fromkeys(part, name)
    size = sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": size}, "weight_map": where}
    (folder / f"{single}.index.json").write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")
    return folder


def save(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write one weights file with the reference implementation."""
    if path.suffix == ".safetensors":
        save_file(dict(tensors), path, {"format": "pt"})
    else:
        torch.save(dict(tensors), path)


def load(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of a folder with the reference implementations, as ``from_pretrained`` finds them."""
    for single in ("model.safetensors", "pytorch_model.bin"):
        if (folder / single).exists():
            return _load(folder / single)
        index = folder / f"{single}.index.json"
        if index.exists():
            where: dict[str, str] = json.loads(index.read_text())["weight_map"]
            files = {name: _load(folder / name) for name in set(where.values())}
            assert sorted(where) == sorted(key for part in files.values() for key in part)
            return {key: files[name][key] for key, name in where.items()}
    raise AssertionError(f"no weights in {folder}")


def _load(path: Path) -> dict[str, torch.Tensor]:
    if path.suffix == ".safetensors":
        return load_file(path)
    found: dict[str, torch.Tensor] = torch.load(path, weights_only=True)
    return found


def config_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return found


def function(folder: Path, inputs: torch.Tensor) -> torch.Tensor:
    """What a folder computes, from its config and weights alone, in float64: the stock class of the family."""
    config, weights = config_of(folder), {key: value.double() for key, value in load(folder).items()}
    assert sorted(weights) == sorted(state(config))
    assert all(weights[key].shape == value.shape for key, value in state(config).items())

    def linear(name: str, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    x = linear("embed", inputs).relu()
    for layer in range(config["num_hidden_layers"]):
        x = x + linear(f"layers.{layer}.down", linear(f"layers.{layer}.up", x).relu())
    return linear("head", x)


def inputs(config: Mapping[str, Any] = CONFIG) -> torch.Tensor:
    return torch.randn(7, config["input_size"], generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
