"""Sizes that a family's configuration derives from one another grow together, and the plan says why."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("transformers")

import fptdsl
from fptdsl.diagnostics import FptError

from . import family
from .stock import Stock

CAUSE = "`n_embd` of config.json"


@pytest.mark.parametrize("grow", ["widen transformer.wte to 36", "widen transformer.h.*.attn heads to 6"])
def test_heads_and_stream_of_gpt2_are_tied(grow: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grown = Stock("gpt2", tmp_path, monkeypatch, embd_pdrop=0.0, attn_pdrop=0.0, resid_pdrop=0.0).grow(grow)
    assert grown.error <= 1e-12
    assert grown.document["exactness"] == "exact"
    # The hidden size is written, as it would be derived from the new width otherwise.
    assert grown.fields == {"n_embd": 36, "n_head": 6, "n_inner": 96}
    assert {step["method"] for step in grown.document["steps"]} == {"rescale", "netmorph"}
    tied = {(path, new) for path, new, cause in grown.ties if cause == CAUSE}
    wanted = {("transformer", 36)} if "heads" in grow else {(f"transformer.h.{n}.attn.c_attn", 108) for n in (0, 1)}
    assert tied == wanted


FAMILIES = {
    "gpt_neox": ("gpt_neox.embed_in", {"hidden_size": 40, "num_attention_heads": 5}),
    "opt": (
        "model.decoder.embed_positions",
        {"hidden_size": 40, "num_attention_heads": 5, "word_embed_proj_dim": 40},
    ),
    "deit": ("deit.embeddings.cls_token", {"hidden_size": 40, "num_attention_heads": 5}),
    "phi3": ("model.embed_tokens", {"hidden_size": 40, "head_dim": 8}),
    "t5": ("shared", {"d_model": 40}),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_stream_of_other_families(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, fields = FAMILIES[name]
    grown = Stock(name, tmp_path, monkeypatch).grow(f"widen {path} to 40")
    assert grown.error <= 1e-12
    assert grown.fields == fields


@pytest.mark.parametrize(
    ("name", "grow", "fields"),
    [
        ("gpt2", "widen * by 1.3x", {"n_embd": 36, "n_head": 6, "n_inner": 125}),
        ("phi3", "widen * by 1.5x", {"hidden_size": 48, "intermediate_size": 72, "num_attention_heads": 6,
                                     "num_key_value_heads": 3}),
        ("bert", "widen * by 2x", {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 8}),
        ("bert", "widen bert.encoder.layer.*.attention.self heads to 8", {"hidden_size": 64, "num_attention_heads": 8}),
        ("phi3", "widen model.layers.*.self_attn heads to 6", {"num_attention_heads": 6, "head_dim": 8}),
        ("phi3", "widen model.layers.*.self_attn heads to 12 using r2r; widen model.layers.*.self_attn kv_heads to 4",
         {"num_attention_heads": 12, "num_key_value_heads": 4, "head_dim": 8}),
        ("qwen3", "widen model.layers.*.self_attn heads to 6 using net2net", {"num_attention_heads": 6}),
        ("llama", "widen model.layers.*.self_attn heads to 8", {"num_attention_heads": 8}),
        ("opt, norms behind", "widen * by 2x", {"hidden_size": 64, "ffn_dim": 96, "num_attention_heads": 8,
                                                "word_embed_proj_dim": 48}),
        ("t5", "widen encoder.block.*.layer.0.SelfAttention num_heads to 6", {"num_heads": 6}),
    ],
)  # fmt: skip
def test_everything_and_heads(
    name: str, grow: str, fields: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown = Stock(name, tmp_path, monkeypatch).grow(grow)
    assert grown.error <= 1e-12
    assert grown.fields == fields


REFUSED = [
    ("gpt2", "widen transformer.wte to 28", "F306", "`n_embd` of config.json cannot be 28", "nearest: 30"),
    ("gpt2", "widen transformer.wte to 37", "F306", "in groups of 6", "nearest: 36 and 42"),
    ("gpt2", "widen transformer.h.*.attn heads to 6; widen transformer.wte to 30", "F306", "makes it 36", "ask for 36"),
    ("gpt2", "widen transformer.h.0.attn heads to 6", "F351", "no fields for this growth", "instead of the folder"),
    ("llama", "widen model.embed_tokens to 37", "F351", "a multiple of num_attention_heads",
     "ask for sizes that it takes: `hidden_size` = 36 or 40 (`widen model.embed_tokens to 40`)"),
    (
        "llama",
        "widen model.layers.1.mlp hidden to 64",
        "F351",
        "`intermediate_size` would be 48 for `model.layers.0.mlp.gate_proj` and 64 for `model.layers.1.mlp.gate_proj`",
        "grow all that one sets",
    ),
    (
        "llama",
        "widen model.embed_tokens num_embeddings to 64",
        "F351",
        "`vocab_size` would be 64 for `model.embed_tokens` and 50 for `lm_head`",
        "instead of the folder",
    ),
    (
        "opt, norms behind",
        "widen model.decoder.embed_tokens to 36",
        "F310",
        "with the embedding's own weight",
        "widen to a multiple of 24",
    ),
    ("bert", "widen bert.encoder.layer.*.attention.self heads to 5", "F310",
     "`bert.embeddings.word_embeddings` (they would be 40, by `hidden_size` of config.json)",
     "widen to a multiple of 32"),
    ("llama", "widen model.layers.*.self_attn heads to 6", "F351", "a multiple of num_attention_heads",
     "`hidden_size` = 36 (`widen model.embed_tokens to 36`), or `num_attention_heads` = 8, or give"),
    ("llama", "widen model.layers.*.self_attn.v_proj to 20", "F306", "inv_freq depends on head_dim", "heads to N"),
    ("gemma", "widen * by 2x using net2net", "F310", "a factor depends on the number", "`rescale` is legal here"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "grow", "code", "words", "hint"), REFUSED)
def test_refusals(
    name: str, grow: str, code: str, words: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FptError) as caught:
        Stock(name, tmp_path, monkeypatch).plan(grow)
    fault = caught.value.diagnostics[0]
    assert fault.code == code
    assert words in fault.message
    assert hint in (fault.hint or "")


def test_the_file_beside_the_configuration_is_not_tied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = Stock("gpt2", tmp_path, monkeypatch)
    plan = fptdsl.plan(stock.spec, stock.folder / "model.safetensors", grow="widen transformer.wte to 28")
    assert plan.plan.new.tensors["transformer.h.0.attn.c_attn.weight"].shape == (28, 72)


DERIVED = """\
model Derived from config(width, half = width // 2, layers) {
  input x: float[4]
  a: linear(width)
  relu
  body: repeat layers { up: linear(2 * half); relu; down: linear(width); relu }
  head: linear(2)
}
"""


def test_derived_sizes_of_any_family(place: Path) -> None:
    """A default that refers to another field is a field of its own: written where it would be another."""
    (place / "derived.fpt").write_text(DERIVED)
    config = {"width": 6, "layers": 2}
    tensors = {"a.weight": (6, 4), "a.bias": (6,), "head.weight": (2, 6), "head.bias": (2,)}
    for n in range(2):
        tensors |= {f"body.{n}.{k}.weight": (6, 6) for k in ("up", "down")} | {
            f"body.{n}.{k}.bias": (6,) for k in ("up", "down")
        }
    import torch

    family.write(place / "model", config=config, tensors={name: torch.randn(shape) for name, shape in tensors.items()})
    one = fptdsl.plan("derived.fpt", "model", grow="widen a to 8").document
    assert {item["field"]: item["new"] for item in one["config"]["fields"]} == {"width": 8, "half": 3}
    assert {(tie["path"], tie["cause"]) for tie in one["steps"][0]["ties"]} == {
        ("body.0.down", "`width` of config.json"),
        ("body.1.down", "`width` of config.json"),
    }
    with pytest.raises(FptError):
        fptdsl.plan("derived.fpt", "model", grow="widen body.1.down to 8; widen a to 6")


def test_a_number_that_equals_a_field_is_not_that_field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three heads, and queries, keys and values: ``3 * width`` is not heads times what each has."""
    stock = Stock("gpt_neox", tmp_path, monkeypatch, hidden_size=24, num_attention_heads=3)
    grown = stock.grow("widen gpt_neox.embed_in by 2x")
    assert grown.error <= 1e-12
    assert grown.fields == {"hidden_size": 48, "num_attention_heads": 6}


@pytest.mark.parametrize(("wide", "heads"), [("* by 1.5x", 12), ("* by 2x", 12), ("model.layers by 2x", 12)])
def test_heads_asked_for_by_their_name_win(
    wide: str, heads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other sizes follow the less specific path, the query heads rounded up to what the groups share."""
    stock = Stock("mistral", tmp_path, monkeypatch, hidden_size=48, num_attention_heads=6, num_key_value_heads=3)
    grown = stock.grow(f"widen {wide}; widen model.layers.*.self_attn kv_heads by 1")
    assert grown.error <= 1e-12
    assert grown.fields["num_key_value_heads"] == 4
    assert grown.fields["num_attention_heads"] == heads
    assert grown.model.model.layers[0].self_attn.head_dim == 8  # type: ignore[union-attr,index]


def test_a_number_of_heads_is_not_exceeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = Stock("mistral", tmp_path, monkeypatch)
    with pytest.raises(FptError) as caught:
        stock.plan("widen * by 2x; widen model.layers.*.self_attn kv_heads to 2")
    first = caught.value.diagnostics[0]
    assert first.code == "F305"
    words = "`model.layers.0.self_attn` cannot have kv_heads 2: other layers make it 4; 2 more are like it"
    assert first.message == words


@pytest.mark.parametrize(
    ("name", "heads", "grow", "fields"),
    [
        ("llama", (36, 9, 3), "widen * by 1.5x", (60, 15, 5)),
        ("llama", (24, 6, 3), "widen * by 1.5x", (40, 10, 5)),
        ("gemma2", (36, 9, 3), "widen * by 1.5x", (60, 15, 5)),
        ("llama", (36, 9, 3), "widen model.embed_tokens by 1.4x", (54, 9, 3)),
        ("llama", (36, 9, 3), "widen * by 1.5x; widen model.embed_tokens to 75", (75, 15, 5)),
    ],
)
def test_proportions_are_rounded_up_to_what_the_class_takes(
    name: str,
    heads: tuple[int, int, int],
    grow: str,
    fields: tuple[int, int, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A width that is no multiple of the heads is refused by the class: the next that is one."""
    names = ("hidden_size", "num_attention_heads", "num_key_value_heads")
    grown = Stock(name, tmp_path, monkeypatch, **dict(zip(names, heads)), head_dim=4).grow(grow)
    assert grown.error <= 1e-12
    assert tuple(getattr(grown.model.config, field) for field in names) == fields


def test_sizes_named_in_the_hint_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = Stock("llama", tmp_path, monkeypatch)
    for grow in (
        "widen model.embed_tokens to 36",
        "widen model.layers.*.self_attn heads to 8",
        "widen model.layers.*.self_attn heads to 6; widen model.embed_tokens to 36",
    ):
        assert stock.grow(grow).error <= 1e-12


def test_a_number_that_the_class_refuses_is_not_exceeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a proportion, what was asked for by number stays and is refused with the sizes that would do."""
    sizes = {"hidden_size": 36, "num_attention_heads": 9, "num_key_value_heads": 3, "head_dim": 4}
    with pytest.raises(FptError) as caught:
        Stock("llama", tmp_path, monkeypatch, **sizes).plan("widen * by 1.5x; widen model.embed_tokens to 56")
    fault = caught.value.diagnostics[0]
    assert fault.code == "F351"
    assert "`hidden_size` = 45 or 60 (`widen model.embed_tokens to 60`)" in (fault.hint or "")
