"""What an expert would write by hand for this one growth of this one model: a streamed copy.  No check of any kind.

    python by_streaming.py IN OUT deepen 4
    python by_streaming.py IN OUT widen 12288

Without torch; the kernel copies what does not change.  The growths are those of ``by_transformers.py``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
from llama import BF16, ROWS, header

ZEROED = ("self_attn.o_proj.weight", "mlp.down_proj.weight")
WIDENED = ("mlp.gate_proj.weight", "mlp.up_proj.weight")
STEP = 1 << 24
"""Bytes that the kernel is asked to copy at a time."""


Planned = dict[str, tuple[str, tuple[int, ...]]]
"""New tensor -> the old one that it continues, and its shape."""


class Shard:
    """An open file: shape and place of each tensor."""

    def __init__(self, path: Path) -> None:
        self.file = open(path, "rb")  # noqa: SIM115
        length = int.from_bytes(self.file.read(8), "little")
        table = json.loads(self.file.read(length))
        table.pop("__metadata__", None)
        self.shapes = {name: tuple(entry["shape"]) for name, entry in table.items()}
        self.places = {name: 8 + length + entry["data_offsets"][0] for name, entry in table.items()}

    def copy(self, name: str, out: BinaryIO) -> None:
        at, left = self.places[name], BF16 * prod(self.shapes[name])
        out.flush()
        while left:
            done = os.copy_file_range(self.file.fileno(), out.fileno(), min(left, STEP), at)
            at, left = at + done, left - done
        out.seek(0, os.SEEK_END)

    def rows(self, name: str, step: int) -> Iterator[np.ndarray]:
        rows, columns = self.shapes[name]
        for start in range(0, rows, step):
            count = min(step, rows - start)
            data = os.pread(self.file.fileno(), BF16 * count * columns, self.places[name] + BF16 * start * columns)
            yield np.frombuffer(data, np.uint16).reshape(count, columns)


def deviation(shard: Shard, name: str) -> float:
    """Of the first rows: enough for a start."""
    first = next(shard.rows(name, 256)).astype(np.uint32) << 16
    return float(first.view(np.float32).std())


def random_rows(out: BinaryIO, count: int, deviation: float, random: np.random.Generator) -> None:
    for start in range(0, count, ROWS):
        values = random.standard_normal(min(ROWS, count - start), dtype=np.float32)
        values *= np.float32(deviation)
        out.write((values.view(np.uint32) >> 16).astype(np.uint16).data)


def deepened(shard: Shard, depth: int, count: int) -> Planned:
    last = f"model.layers.{depth - 1}."
    found = {name: (name, shape) for name, shape in shard.shapes.items()}
    for number in range(depth, depth + count):
        for name, shape in shard.shapes.items():
            if name.startswith(last):
                found[f"model.layers.{number}.{name[len(last) :]}"] = name, shape
    return found


def widened(shard: Shard, width: int) -> Planned:
    found = {}
    for name, shape in shard.shapes.items():
        if name.endswith(WIDENED):
            shape = (width, shape[1])
        elif name.endswith("mlp.down_proj.weight"):
            shape = (shape[0], width)
        found[name] = name, shape
    return found


def write(shard: Shard, path: Path, tensors: Planned, random: np.random.Generator) -> None:
    with open(path, "wb") as out:
        out.write(header({name: shape for name, (_, shape) in tensors.items()}))
        for name, (old, shape) in tensors.items():
            before = shard.shapes[old]
            if name != old and name.endswith(ZEROED):
                for _ in range(shape[0]):
                    out.write(bytes(BF16 * shape[1]))
            elif shape == before:
                shard.copy(old, out)
            elif shape[0] != before[0]:
                shard.copy(old, out)
                random_rows(out, (shape[0] - before[0]) * shape[1], deviation(shard, old), random)
            else:
                for rows in shard.rows(old, 256):
                    out.write(np.pad(rows, [(0, 0), (0, shape[1] - before[1])]).data)


def main() -> None:
    source, target, kind, count = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    config = json.loads((source / "config.json").read_text())
    depth, random = config["num_hidden_layers"], np.random.default_rng(0)
    target.mkdir()
    where: dict[str, str] = {}
    for path in sorted(source.glob("*.safetensors")):
        shard = Shard(path)
        tensors = deepened(shard, depth, count) if kind == "deepen" else widened(shard, count)
        write(shard, target / path.name, tensors, random)
        where |= dict.fromkeys(tensors, path.name)
    config |= {"num_hidden_layers": depth + count} if kind == "deepen" else {"intermediate_size": count}
    (target / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    if len(set(where.values())) > 1:
        size = sum(path.stat().st_size for path in target.glob("*.safetensors"))
        index = {"metadata": {"total_size": size}, "weight_map": where}
        (target / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


if __name__ == "__main__":
    main()
