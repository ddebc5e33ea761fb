"""Random inputs of free length: as long as every table of positions has rows, or refused with the reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from growth.support import graph_of, random_state

from fptdsl import api
from fptdsl.diagnostics import FptError
from fptdsl.modules import build
from fptdsl.proof.inputs import random_samples

SMALL = {"vocab_size": 30, "n_layer": 1, "n_head": 2, "n_embd": 8}
SIZES = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
HF = {**SIZES, "vocab_size": 30}
T5 = {"vocab_size": 30, "d_model": 8, "d_kv": 4, "d_ff": 12, "num_layers": 1, "num_heads": 2}
NETWORKS = [
    ("nanogpt", {**SMALL, "block_size": 1024}, 17),
    ("nanogpt", {**SMALL, "block_size": 17}, 17),
    ("nanogpt", {**SMALL, "block_size": 4}, 4),
    ("nanogpt", {**SMALL, "block_size": 1}, 1),
    ("hf/roberta", {**HF, "intermediate_size": 12, "max_position_embeddings": 8}, 6),
    ("hf/opt", {**HF, "ffn_dim": 12, "max_position_embeddings": 5}, 5),
    ("hf/t5", {**T5, "relative_attention_num_buckets": 4, "relative_attention_max_distance": 5}, 17),
    ("hf/vit", {**SIZES, "intermediate_size": 12, "image_size": 8, "patch_size": 4}, None),
]
HEAD = "input tokens: int[seq]\n  words: embedding(9, 4)\n"
SPECS = {
    "a token before the others": (
        f"{HEAD}  cls: class_token\n  let all = identity\n  positions from all\n  place: embedding(6, 4)\n"
        "  add from all, place\n  select(1, 0)\n  head: linear(2)",
        5,
    ),
    "an axis of half the length": (
        "input sound: float[2, time]\n  conv: conv1d(4, 4, stride=2, padding=1)\n  transpose(1, 2)\n"
        "  let heard = identity\n  positions from heard\n  place: embedding(3, 4)\n  add from heard, place\n"
        "  head: linear(2)",
        7,
    ),
    "a position far out": (f"{HEAD}  select(1, 20)\n  head: linear(2)", 21),
}
IMPOSSIBLE = f"{HEAD}  positions(5) from tokens\n  place: embedding(5, 4)\n  add from words, place\n  head: linear(2)"


def lengths_of(graph: object) -> list[int]:
    samples = random_samples(graph)
    module = build(graph).double().eval()
    for sample in samples:
        module(*(v.double() if v.is_floating_point() else v for v in sample.inputs.values()))
    return [next(iter(sample.inputs.values())).shape[-1] for sample in samples]


@pytest.mark.parametrize(("spec", "settings", "length"), NETWORKS)
def test_the_networks_take_them(spec: str, settings: dict[str, object], length: int | None) -> None:
    found = lengths_of(graph_of(spec, settings=settings)[0])
    assert length is None or found == [length, length]


@pytest.mark.parametrize("name", SPECS)
def test_lengths_that_are_computed_from_others(name: str, tmp_path: Path) -> None:
    (path := tmp_path / "net.fpt").write_text(f"model M {{\n  {SPECS[name][0]}\n}}\n")
    (found, again) = lengths_of(graph_of(str(path))[0])
    assert found == again == SPECS[name][1]


def test_no_length_fits(tmp_path: Path) -> None:
    (path := tmp_path / "net.fpt").write_text(f"model M {{\n  {IMPOSSIBLE}\n}}\n")
    with pytest.raises(FptError, match="`place` has 5 rows, and positions start at 5") as refused:
        random_samples(graph_of(str(path))[0])
    assert [d.code for d in refused.value.diagnostics] == ["F503"]


@pytest.mark.parametrize("size", [4, 1])
def test_a_network_with_few_positions_grows(size: int, tmp_path: Path) -> None:
    settings = {**SMALL, "block_size": size}
    state = random_state(graph_of("nanogpt", settings=settings)[0])
    torch.save({"model": {**state, "lm_head.weight": state["transformer.wte.weight"]}}, tmp_path / "old.pt")
    grow = "deepen transformer.h by 1; widen transformer by 2x"
    made = api.apply("nanogpt", tmp_path / "old.pt", out=tmp_path / "new.pt", grow=grow, settings=settings)
    assert made.passed
    assert made.to_json()["verification"]["max_relative_error"] <= 1e-6
    probe = tmp_path / "probe.npz"
    np.savez(probe, idx=np.zeros((2, size + 1), dtype=np.int64))
    with pytest.raises(FptError, match=f"has {size} rows, and row {size} is looked up") as refused:
        api.apply("nanogpt", tmp_path / "old.pt", out=tmp_path / "no.pt", grow=grow, settings=settings, probe=probe)
    assert [d.code for d in refused.value.diagnostics] == ["F517"]
    assert not (tmp_path / "no.pt").exists()
