"""Files of a family without a ``config.json``: the grown file gets a spec of its own, with the rules that it needs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from growth.support import random_state

import fptdsl
from fptdsl.api.reading import read_spec

SIZES = {
    "vocab_size": 20, "hidden_size": 32, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8,
}  # fmt: skip
TIE = "model.embed_tokens.weight"


def saved(stored: str, folder: Path) -> dict[str, object]:
    """A random Llama in ``folder``; ``stored``: which names of the head the file has.  Its settings."""
    settings = {**SIZES, "tie_word_embeddings": stored != "untied"}
    state = {k: v.float() for k, v in random_state(read_spec("hf/llama", settings=settings).graph, seed=1).items()}
    if stored in ("both", "other"):
        state["lm_head.weight"] = state[TIE]
    if stored == "other":
        del state[TIE]
    torch.save(state, folder / "old.pt")
    return settings


@pytest.mark.parametrize("stored", ["untied", "both", "one", "other"])
@pytest.mark.parametrize("by", [5, 8])
def test_a_file_of_a_family_grows(stored: str, by: int, tmp_path: Path) -> None:
    """By 5, the size is one that no configuration may have (no multiple of the heads), and a spec of its own may."""
    settings = saved(stored, tmp_path)
    grow = [f"widen model.embed_tokens by {by}"]
    result = fptdsl.apply("hf/llama", tmp_path / "old.pt", out=tmp_path / "new.pt", grow=grow, settings=settings)
    assert result.passed
    text = (tmp_path / "new.fpt").read_text(encoding="utf-8")
    assert ("multiple of num_attention_heads" in text) == (by == 8)
    names = set(torch.load(tmp_path / "old.pt"))
    assert set(torch.load(tmp_path / "new.pt")) == names
    assert ("alias" in text, 'rename "lm_head" to "model.embed_tokens"' in text) == (
        stored == "both",
        stored == "other",
    )

    old = fptdsl.load("hf/llama", tmp_path / "old.pt", settings=settings).double()
    new = fptdsl.load(tmp_path / "new.fpt", tmp_path / "new.pt").double()
    ids = torch.randint(20, (2, 7), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before, after = old(ids), new(ids)
    assert ((before - after).abs().max() / before.abs().max()).item() <= 1e-5  # rounded to float32 once
