"""More rows for tables that are looked up by number: tokens and positions (T-13)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from growth.support import grow, plan_of, random_state

from fptdsl import api
from fptdsl.diagnostics import FptError

SPEC = """\
model Text(words = 20, length = 6) {
  input tokens: int[6]
  wte: embedding(words, 8)
  positions from wte
  wpe: embedding(length, 8)
  add from wte, wpe
  hidden: linear(12)
  relu
  flatten
  head: linear(5)
}
"""


@pytest.fixture
def text(tmp_path: Path) -> str:
    path = tmp_path / "text.fpt"
    path.write_text(SPEC)
    return str(path)


@pytest.mark.parametrize(
    "directive",
    [
        "widen wte num_embeddings to 33",
        "widen wpe num_embeddings by 2x; widen wte num_embeddings by 3",
        "widen w*e num_embeddings to multiple of 16; widen wte by 4; widen hidden by 2x using net2net",
    ],
)
def test_the_function_is_kept_for_old_numbers(text: str, directive: str) -> None:
    outcome = grow(text, directive)
    assert outcome.plan.exactness == "exact"
    assert outcome.unrounded <= 1e-14
    assert outcome.stored <= 1e-12
    assert any("random" in warning for warning in outcome.plan.warnings)


def test_old_rows_stay_and_new_ones_are_like_them(text: str) -> None:
    outcome = grow(text, "widen wte num_embeddings to 2000")
    old, new = outcome.state["wte.weight"], outcome.grown["wte.weight"]
    assert new.shape == (2000, 8)
    assert bool((new[:20] == old).all())
    assert float(new[20:].std() / old.std()) == pytest.approx(1, abs=0.1)
    assert len(torch.unique(new[20:], dim=0)) == 1980
    assert outcome.plan.steps[0].parameters == 1980 * 8
    outcome.grown["wte.weight"] = new.roll(1, 0)
    assert outcome.error_of(outcome.grown) > 1e-2, "rows put before the old ones are seen"


def test_a_table_that_is_the_output_layer_too_is_refused() -> None:
    with pytest.raises(FptError) as refused:
        plan_of("nanogpt", "widen transformer.wte num_embeddings by 2x")
    assert "outputs of" in refused.value.diagnostics[0].message
    assert plan_of("nanogpt", "widen transformer.wpe num_embeddings by 2x").exactness == "exact"


REFUSED = [
    ("widen wte num_embeddings to 10", "F303"),
    ("widen wte num_embeddings to 30 using net2net", "F311"),
    ("widen wte num_embeddings to 300000000", "F309"),
    ("widen hidden num_embeddings to 30", "F308"),
    ("widen wte num_embeddings to 30; widen w*e num_embeddings to 40", "F305"),
]


@pytest.mark.parametrize(("directive", "code"), REFUSED)
def test_refused_with_the_reason(text: str, directive: str, code: str) -> None:
    with pytest.raises(FptError) as refused:
        plan_of(text, directive)
    assert [d.code for d in refused.value.diagnostics] == [code]


def test_the_grown_spec_has_the_new_numbers(text: str, tmp_path: Path) -> None:
    torch.save(random_state(plan_of(text, "widen wte by 1").old), tmp_path / "text.pt")
    made = api.apply(text, tmp_path / "text.pt", grow="widen wte num_embeddings to 33; widen wpe num_embeddings to 9")
    assert made.passed
    assert (tmp_path / "text.grown.fpt").read_text() == SPEC.replace("words = 20, length = 6", "words = 33, length = 9")


def test_a_folder_gets_room_for_longer_texts(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    sizes = {"vocab_size": 30, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2}
    config = transformers.BertConfig(**sizes, num_attention_heads=2, max_position_embeddings=64)
    torch.manual_seed(0)
    old = transformers.BertForMaskedLM(config).eval()
    old.save_pretrained(tmp_path / "bert")
    where = "widen bert.embeddings.position_embeddings num_embeddings to 96"
    made = api.apply("hf/bert", tmp_path / "bert", out=tmp_path / "longer", grow=where)
    assert made.passed
    assert json.loads((tmp_path / "longer" / "config.json").read_text())["max_position_embeddings"] == 96
    new = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path / "longer").eval()
    tokens = torch.randint(30, (2, 64))
    with torch.no_grad():
        expected, got = old(tokens).logits, new(tokens).logits
        assert new(torch.randint(30, (2, 96))).logits.shape == (2, 96, 30)
    assert float((got - expected).abs().max()) <= 1e-6
