"""A Llama folder as ``save_pretrained`` lays it out, written shard by shard, or sparse: sizes without data.

    python benchmarks/llama.py FOLDER [--shard-gb 1.0] [--sparse 70b]

Without torch; the data of a sparse folder is a hole in each shard, so that 140 GB take no room on the disk.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

BF16 = 2
"""Bytes of a value."""
ROWS = 1 << 22
"""Values that are drawn at a time."""

Shapes = dict[str, tuple[int, ...]]


def config(hidden: int, ff: int, layers: int, heads: int, kv_heads: int, vocab: int) -> dict[str, Any]:
    """The ``config.json`` of a Llama without tied embeddings."""
    return {
        "architectures": ["LlamaForCausalLM"], "attention_bias": False, "attention_dropout": 0.0,
        "bos_token_id": 1, "dtype": "bfloat16", "eos_token_id": 2, "head_dim": hidden // heads,
        "hidden_act": "silu", "hidden_size": hidden, "initializer_range": 0.02, "intermediate_size": ff,
        "max_position_embeddings": 8192, "mlp_bias": False, "model_type": "llama",
        "num_attention_heads": heads, "num_hidden_layers": layers, "num_key_value_heads": kv_heads,
        "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_theta": 500000.0, "tie_word_embeddings": False,
        "torch_dtype": "bfloat16", "use_cache": True, "vocab_size": vocab,
    }  # fmt: skip


SIZES = {
    "2gb": config(2048, 8192, 16, 32, 8, 32000),
    "70b": config(8192, 28672, 80, 64, 8, 128256),
}


def shapes(fields: dict[str, Any]) -> Shapes:
    """Every tensor of the model, in the order of its ``state_dict``."""
    hidden, ff, vocab = fields["hidden_size"], fields["intermediate_size"], fields["vocab_size"]
    queries = fields["num_attention_heads"] * fields["head_dim"]
    keys = fields["num_key_value_heads"] * fields["head_dim"]
    found: Shapes = {"model.embed_tokens.weight": (vocab, hidden)}
    for layer in range(fields["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        found |= {
            at + "self_attn.q_proj.weight": (queries, hidden),
            at + "self_attn.k_proj.weight": (keys, hidden),
            at + "self_attn.v_proj.weight": (keys, hidden),
            at + "self_attn.o_proj.weight": (hidden, queries),
            at + "mlp.gate_proj.weight": (ff, hidden),
            at + "mlp.up_proj.weight": (ff, hidden),
            at + "mlp.down_proj.weight": (hidden, ff),
            at + "input_layernorm.weight": (hidden,),
            at + "post_attention_layernorm.weight": (hidden,),
        }
    return {**found, "model.norm.weight": (hidden,), "lm_head.weight": (vocab, hidden)}


def shards(tensors: Shapes, limit: int) -> list[Shapes]:
    """Consecutive tensors of at most ``limit`` bytes together."""
    parts: list[Shapes] = [{}]
    size = 0
    for name, shape in tensors.items():
        more = BF16 * prod(shape)
        if parts[-1] and size + more > limit:
            parts.append({})
            size = 0
        parts[-1][name] = shape
        size += more
    return parts


def header(tensors: Shapes) -> bytes:
    table: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, shape in tensors.items():
        end = at + BF16 * prod(shape)
        table[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(table, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def drawn(shape: tuple[int, ...], random: np.random.Generator) -> Iterator[np.ndarray]:
    """Values of a tensor as the bits of bfloat16: gains around 1, kernels of the size that keeps activations alive."""
    count = prod(shape)
    spread, centre = (0.1, 1.0) if len(shape) == 1 else (shape[1] ** -0.5, 0.0)
    for start in range(0, count, ROWS):
        values = random.standard_normal(min(ROWS, count - start), dtype=np.float32) * np.float32(spread)
        yield ((values + np.float32(centre)).view(np.uint32) >> 16).astype(np.uint16)


def make(folder: Path, fields: dict[str, Any], limit: int, *, sparse: bool = False) -> None:
    """Write config, index and shards of at most ``limit`` bytes (one file without an index where that is enough)."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(fields, indent=2) + "\n")
    tensors = shapes(fields)
    parts = shards(tensors, limit)
    random = np.random.default_rng(0)
    names = [f"model-{number:05d}-of-{len(parts):05d}.safetensors" for number in range(1, len(parts) + 1)]
    if len(parts) == 1:
        names = ["model.safetensors"]
    for name, part in zip(names, parts):
        with open(folder / name, "wb") as file:
            file.write(header(part))
            if sparse:
                file.truncate(file.tell() + sum(BF16 * prod(shape) for shape in part.values()))
                continue
            for shape in part.values():
                for values in drawn(shape, random):
                    file.write(values.data)
    if len(parts) > 1:
        total = sum(map(prod, tensors.values()))
        where = {tensor: name for name, part in zip(names, parts) for tensor in part}
        index = {"metadata": {"total_parameters": total, "total_size": BF16 * total},
                 "weight_map": dict(sorted(where.items()))}  # fmt: skip
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=SIZES, default="2gb")
    parser.add_argument("--shard-gb", type=float, default=1.0, help="largest size of a shard in GB")
    parser.add_argument("--sparse", action="store_true", help="headers and sizes only")
    options = parser.parse_args()
    make(options.folder, SIZES[options.size], int(options.shard_gb * 1e9), sparse=options.sparse)


if __name__ == "__main__":
    main()
