"""Units that grow by multiples only, among others: the refusal says that the others can be named."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("transformers")

import fptdsl
from fptdsl.diagnostics import Diagnostic, FptError
from hf.clients import Pair, fields_of, open_folder, save
from hf.families import FAMILIES

PROJECTED = {"word_embed_proj_dim": 20}
"""OPT with words in fewer units than the stream, as the one of 350 million parameters."""
BESIDE = "widen the parts beside it by their own names"


def refused(folder: Path, growth: str, spec: str = "hf/opt") -> Diagnostic:
    with pytest.raises(FptError) as caught:
        fptdsl.plan(spec, folder, grow=[growth])
    (fault,) = caught.value.diagnostics
    assert fault.code == "F310"
    return fault


def test_the_parts_beside_words_of_their_own_size_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = save("opt", tmp_path / "old", **PROJECTED)
    assert refused(tmp_path / "old", "widen * by 1.5x").hint == f"widen to a multiple of 20; or {BESIDE}"
    assert refused(tmp_path / "old", "widen model.decoder by 1.5x").hint == f"widen to a multiple of 20; or {BESIDE}"
    growth = "widen model.decoder.project_in by 1.5x; widen model.decoder.layers.*.fc1 by 1.5x"
    result = fptdsl.apply("hf/opt", tmp_path / "old", out=tmp_path / "new", grow=[growth])
    assert result.passed
    fields = fields_of(tmp_path / "new")
    assert (fields["hidden_size"], fields["ffn_dim"], fields["word_embed_proj_dim"]) == (48, 72, 20)
    pair = Pair(FAMILIES["opt"], old, open_folder(FAMILIES["opt"], tmp_path / "new"))
    assert pair.in_float64(monkeypatch.setattr).error() <= 1e-12


def test_units_that_are_named_themselves_have_none_beside(tmp_path: Path) -> None:
    save("opt", tmp_path, **PROJECTED)
    assert refused(tmp_path, "widen model.decoder.embed_tokens to 30").hint == "widen to a multiple of 20"


def test_a_whole_encoder_with_norms_behind(tmp_path: Path) -> None:
    save("bert", tmp_path)
    fault = refused(tmp_path, "widen bert by 1.5x", "hf/bert")
    assert (fault.hint or "").endswith(f"; or {BESIDE}")
