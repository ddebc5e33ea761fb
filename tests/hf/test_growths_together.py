"""Two growths at once, each of which is legal alone: exact together too, or refused because they contradict.

What one brings the other has to follow: a new block the heads that the old ones get, a pair that cancels the units
that a wider stream adds.
"""

from __future__ import annotations

import random
from itertools import combinations, product
from pathlib import Path

import pytest

pytest.importorskip("transformers")

from fptdsl.diagnostics import FptError
from hf import growths
from hf.families import FAMILIES
from hf.test_from_pretrained import check

Together = tuple[str, str]

FOUND = [
    *(
        (name, f"widen model.layers.*.self_attn heads to {heads}; deepen model.layers by 1")
        for name, heads in (("llama", 8), ("qwen3", 12), ("phi3", 8), ("olmo2", 8), ("gemma2", 8))
    ),
    ("llama", "enlarge model.layers.*.self_attn kv_heads to 4; deepen model.layers by 1 at start"),
    ("gpt2", "widen transformer.h.*.attn heads to 5; deepen transformer.h by 1 using r2r"),
    ("gpt2", "widen transformer.wte to 42; widen transformer.h.*.mlp hidden by 1; deepen transformer.h by 2 using r2r"),
    ("vit", "widen * by 1.25x; deepen vit.encoder.layer by 1 at start using r2r"),
    ("t5", "widen **.SelfAttention num_heads to 6 using r2r; deepen encoder.block by 1 using r2r"),
    ("t5", "widen **.SelfAttention num_heads to 7 using r2r; deepen decoder.block by 2"),
    ("t5, gated", "widen **.SelfAttention d_kv to 20 using net2net; deepen decoder.block by 1 using r2r"),
]
"""Each went wrong once."""


@pytest.mark.parametrize(("name", "growth"), FOUND)
def test_found(name: str, growth: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(name, growth, tmp_path, monkeypatch)


def wider_and_deeper() -> list[Together]:
    found = []
    for name, family in FAMILIES.items():
        pairs = product(growths.widths(name, family.spec), growths.depths(name, family.spec))
        found += [(name, f"{wider}; {deeper}") for wider, deeper in pairs]
    return found


def wider_twice() -> list[Together]:
    found = []
    for name, family in FAMILIES.items():
        pairs = combinations(growths.widths(name, family.spec), 2)
        found += [(name, f"{one}; {other}") for one, other in pairs if one.split()[1:3] != other.split()[1:3]]
    return found


def some(growths: list[Together], count: int) -> list[Together]:
    return random.Random(0).sample(growths, count)


@pytest.mark.parametrize(("name", "growth"), some(wider_and_deeper(), 24))
def test_some_wider_and_deeper(name: str, growth: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(name, growth, tmp_path, monkeypatch)


@pytest.mark.sweep
@pytest.mark.parametrize(("name", "growth"), wider_and_deeper())
def test_wider_and_deeper(name: str, growth: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(name, growth, tmp_path, monkeypatch)


@pytest.mark.sweep
@pytest.mark.parametrize(("name", "growth"), wider_twice())
def test_wider_twice(name: str, growth: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes that one field gives may contradict; a method may not be legal for what the other line brings."""
    try:
        check(name, growth, tmp_path, monkeypatch)
    except FptError as refused:
        if not {fault.code for fault in refused.diagnostics} <= {"F305", "F306", "F310", "F351"}:
            raise
