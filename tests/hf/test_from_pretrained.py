"""A folder of every family, grown: ``from_pretrained`` finds each key, and the class computes the same logits.

In float64, with float64 files.  Classes that cast to float32 inside are measured twice: as they are, within their own
float32, and with the casts lifted on both sides (V-5), within 1e-12.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

pytest.importorskip("transformers")

import fptdsl
from fptdsl.diagnostics import FptError
from hf import growths
from hf.clients import Pair, fields_of, open_folder, save, shaken
from hf.families import FAMILIES

EXACT = 1e-12
CASTS = 2e-5
"""Float32 inside the class, amplified by the random networks; the errors of planted faults are above 1e-3."""


def grown(name: str, growth: str, folder: Path) -> Pair:
    """A random model, grown from folder to folder, opened by its class."""
    family = FAMILIES[name]
    old = save(name, folder / "old")
    result = fptdsl.apply(f"hf/{family.spec}", folder / "old", out=folder / "new", grow=[growth])
    assert result.passed
    assert result.document["exactness"] in ("bitwise", "exact", "eval-only")
    new = open_folder(family, folder / "new")
    assert new.dtype == torch.float64
    assert sum(p.numel() for p in new.parameters()) > sum(p.numel() for p in old.parameters())
    return Pair(family, old, new)


def check(name: str, growth: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = grown(name, growth, folder)
    assert pair.error() <= CASTS
    assert pair.in_float64(monkeypatch.setattr).error() <= EXACT


ALIKE = ("gpt_neox, branches in turn", "mistral", "qwen3", "roberta", "distilbert", "deit", "t5")
"""As another family but for names: left to the sweep."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.sweep if name in ALIKE else ()) for name in FAMILIES]
)
def test_everything_together(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(name, growths.everything(name, FAMILIES[name].spec), tmp_path, monkeypatch)


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("name", "growth"), [(name, growth) for name in FAMILIES for growth in growths.alone(name, FAMILIES[name].spec)]
)
def test_every_growth_alone(name: str, growth: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(name, growth, tmp_path, monkeypatch)


@pytest.mark.parametrize("heads", [5, 6, 9])
def test_heads_under_one_norm_in_any_number(heads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OLMo 2 with keys for every head and with biases; groups of queries are among the growths of every family."""
    family = FAMILIES["olmo2"]
    old = save("olmo2", tmp_path / "old", num_key_value_heads=4, attention_bias=True)
    growth = f"widen model.layers.*.self_attn heads to {heads}"
    result = fptdsl.apply("hf/olmo2", tmp_path / "old", out=tmp_path / "new", grow=[growth])
    assert result.document["certificate"]["outcome"] == "passed"
    fields = fields_of(tmp_path / "new")
    assert (fields["num_attention_heads"], fields["num_key_value_heads"], fields["head_dim"]) == (heads, heads, 8)
    assert fields["hidden_size"] == 32
    new = open_folder(family, tmp_path / "new")
    assert new.model.layers[0].self_attn.q_norm.weight.shape == (8 * heads,)
    pair = Pair(family, old, new)
    assert pair.error() <= CASTS
    assert pair.in_float64(monkeypatch.setattr).error() <= EXACT


@pytest.mark.parametrize(("name", "growth", "code", "words"), growths.REFUSED)
def test_what_has_no_exact_construction_is_refused(
    name: str, growth: str, code: str, words: str, tmp_path: Path
) -> None:
    save(name, tmp_path / "old")
    with pytest.raises(FptError) as caught:
        fptdsl.apply(f"hf/{FAMILIES[name].spec}", tmp_path / "old", out=tmp_path / "new", grow=[growth])
    first = caught.value.diagnostics[0]
    assert first.code == code, first.message
    assert words in first.message
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["llama", "gemma2"])
def test_the_class_itself_takes_no_other_size_of_the_stream(name: str) -> None:
    """The reason that the refusal gives is the class's own."""
    with pytest.raises(Exception, match="not a multiple of the number of attention heads"):
        shaken(name, hidden_size=37)
