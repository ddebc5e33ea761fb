"""Scaled rotary positions against the classes of ``transformers``, in texts on both sides of the original length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("transformers")

from fptdsl.architecture import elaborate, lower
from fptdsl.diagnostics import FptError
from fptdsl.growth import make_plan
from fptdsl.language import load
from fptdsl.modules import build
from hf.families import FAMILIES, LLAMA3, Family, lift_casts, saved

YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 16}
LONG = {
    "rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": 16,
    "short_factor": [1.0, 1.1, 1.3, 1.2], "long_factor": [1.0, 2.0, 4.5, 9.0],
}  # fmt: skip
SCALED = ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "olmo2", "gpt_neox")
LINEAR = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 3.0}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("llama", {"rope_parameters": YARN}),
    ("qwen2", {"rope_parameters": {**YARN, "beta_fast": 4.0, "beta_slow": 0.5}}),
    ("qwen3", {"rope_parameters": {**YARN, "attention_factor": 1.25}}),
    *((name, {"rope_parameters": YARN}) for name in ("mistral", "gemma", "gemma2", "olmo2")),
    ("llama", {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, "factor": 2.0}}),
    ("gpt_neox", {"rope_parameters": {**LINEAR, "partial_rotary_factor": 0.5}}),
    ("gpt_neox", {"rope_scaling": {"type": "linear", "factor": 2.5}, "rotary_pct": 0.5}),
    ("gpt_neox", {"rope_parameters": {**YARN, "partial_rotary_factor": 0.5}}),
    ("gpt_neox", {"rope_parameters": {**LLAMA3, "partial_rotary_factor": 1.0}}),
    ("phi3", {"rope_parameters": LONG, "original_max_position_embeddings": 16}),
    ("phi3", {"rope_parameters": {**LONG, "factor": 8.0}, "original_max_position_embeddings": 16}),
    ("phi3", {"rope_parameters": {**LONG, "attention_factor": 1.5}, "original_max_position_embeddings": 16}),
]


@pytest.mark.parametrize(("name", "fields"), CASES)
@pytest.mark.parametrize("length", [11, 16, 17, 40])
def test_the_spec_is_the_class(
    name: str, fields: dict[str, Any], length: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = FAMILIES[name]
    monkeypatch.setitem(FAMILIES, name, Family(known.spec, known.model, known.config, {**known.fields, **fields}))
    stock = saved(name, tmp_path)
    graph = lower(elaborate(load(f"hf/{known.spec}"), {}, config=stock.config))
    ours = build(graph).double().eval()
    ours.load_state_dict(dict(stock.state), strict=True)
    inputs = stock.inputs(length)
    lift_casts(stock.model, monkeypatch.setattr)
    expected = stock.logits(inputs)
    with torch.no_grad():
        result = ours(*inputs.values())
    assert ((result - expected).abs().max() / expected.abs().max()).item() <= 1e-12
    plain = {key: value for key, value in stock.config.items() if not key.startswith("rope_")}
    given = stock.config["rope_parameters"]
    plain |= {key: given[key] for key in ("rope_theta", "partial_rotary_factor") if key in given}
    unscaled = build(lower(elaborate(load(f"hf/{known.spec}"), {}, config=plain))).double().eval()
    unscaled.load_state_dict(dict(stock.state), strict=True)
    with torch.no_grad():
        assert ((unscaled(*inputs.values()) - expected).abs().max() / expected.abs().max()).item() > 1e-4


def test_old_files_of_gpt_neox_are_read_alike() -> None:
    """The table of published files beside the fields of their own, and the one table of later versions."""
    known = FAMILIES["gpt_neox"].fields
    old = {"rope_scaling": {"type": "linear", "factor": 3.0}, "rotary_pct": 0.5, "rotary_emb_base": 5000}
    new = {"rope_parameters": {**LINEAR, "rope_theta": 5000, "partial_rotary_factor": 0.5}}
    graphs = [lower(elaborate(load("hf/gpt_neox"), {}, config={**known, **fields})) for fields in (old, new)]
    first, second = ({node.args for node in graph.nodes if node.op == "rotary"} for graph in graphs)
    assert first == second
    (args,) = first
    assert (args.theta, args.dim, args.scaling, args.factor) == (5000, 4, "linear", 3.0)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("llama", {**YARN, "mscale": 0.7, "mscale_all_dim": 0.5}, "is not described here"),
        ("llama", {**YARN, "truncate": False}, "is not described here"),
        *((name, {**YARN, "rope_type": "dynamic"}, "of rope_type, default, linear") for name in SCALED),
        *((name, {**LONG}, "of rope_type, default, linear") for name in SCALED),
        ("gpt_neox", {**YARN, "truncate": False}, "is not described here"),
        ("phi3", {**LONG, "long_factor": [1.0]}, "a list of factors has 1"),
        ("phi3", {"rope_type": "longrope", "rope_theta": 1e4}, "needs short_factor and long_factor"),
    ],
)
def test_other_scalings_are_refused(name: str, change: dict[str, Any], words: str) -> None:
    config = {**FAMILIES[name].fields, "rope_parameters": change}
    with pytest.raises(FptError) as caught:
        lower(elaborate(load(f"hf/{name}"), {}, config=config))
    assert words in caught.value.diagnostics[0].message


def test_growth_keeps_scaled_positions() -> None:
    for name, fields in (CASES[0], CASES[3]):
        document = load(f"hf/{name}", grow=["widen * by 1.5x; deepen model.layers by 1"])
        network = elaborate(document, {}, config={**FAMILIES[name].fields, **fields})
        plan = make_plan(network, lower(network), document.grows)
        args = {node.args for node in plan.new.nodes if node.op == "rotary"}
        assert {each.scaling for each in args} == {fields["rope_parameters"]["rope_type"]}  # type: ignore[attr-defined]
