"""Every spec under ``specs/hf`` against the class of ``transformers``: the same keys, the same function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("transformers")

from fptdsl.architecture import elaborate, lower
from fptdsl.architecture.graph import Graph
from fptdsl.diagnostics import FptError
from fptdsl.language import load
from fptdsl.modules import build
from fptdsl.resources import shipped_specs
from hf.families import FAMILIES, PARTS, lift_casts, saved


def graph_of(spec: str, config: Any) -> Graph:
    return lower(elaborate(load(f"hf/{spec}"), {}, config=config))


@pytest.mark.parametrize("name", list(FAMILIES))
def test_the_spec_is_the_class(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = saved(name, tmp_path)
    graph = graph_of(ours.family.spec, ours.config)
    shapes = {key: tuple(tensor.shape) for key, tensor in ours.state.items()}
    assert {key: tensor.shape for key, tensor in graph.tensors.items()} == shapes
    built = build(graph).double().eval()
    built.load_state_dict(dict(ours.state), strict=True)
    inputs = ours.inputs()
    cast = ours.logits(inputs)
    lift_casts(ours.model, monkeypatch.setattr)
    expected = ours.logits(inputs)
    with torch.no_grad():
        result = built(*inputs.values())
    error = ((result - expected).abs().max() / expected.abs().max()).item()
    assert error <= 1e-12
    assert ((cast - expected).abs().max() / expected.abs().max()).item() <= 2e-6, "casts inside the class"


def test_every_shipped_family_is_here() -> None:
    shipped = {name.removeprefix("hf/") for name in shipped_specs() if name.startswith("hf/")}
    assert shipped - PARTS == {family.spec for family in FAMILIES.values()}


OLD_LLAMA: dict[str, Any] = {
    "vocab_size": 50, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4,
    "num_key_value_heads": None, "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "hidden_act": "silu",
    "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                     "original_max_position_embeddings": 16},
}  # fmt: skip


def rotary_args(graph: Graph) -> Any:
    return next(node.args for node in graph.nodes if node.op == "rotary")


def test_configurations_with_and_without_nested_fields_are_read_alike() -> None:
    new = {key: value for key, value in OLD_LLAMA.items() if not key.startswith("rope")}
    new["rope_parameters"] = {**OLD_LLAMA["rope_scaling"], "rope_theta": OLD_LLAMA["rope_theta"]}
    old_args, new_args = (rotary_args(graph_of("llama", config)) for config in (OLD_LLAMA, new))
    assert old_args == new_args
    assert (old_args.theta, old_args.scaling, old_args.factor) == (500000.0, "llama3", 8.0)
    plain = rotary_args(graph_of("llama", {k: v for k, v in OLD_LLAMA.items() if k != "rope_scaling"}))
    assert (plain.scaling, plain.factor) == ("default", 1.0)


@pytest.mark.parametrize(
    ("spec", "change"),
    [
        ("llama", {"rope_scaling": {"type": "dynamic", "factor": 4.0}}),
        ("llama", {"rope_parameters": {"rope_type": "longrope", "rope_theta": 1e4}}),
        ("phi3", {"rope_scaling": {"type": "longrope", "short_factor": [1.0], "long_factor": [2.0]}}),
        ("llama", {"hidden_act": "xielu"}),
        ("gemma", {"use_bidirectional_attention": True}),
        ("gemma", {"hidden_activation": "relu"}),
        ("gpt_neox", {"rope_scaling": {"type": "dynamic", "factor": 2.0}}),
        ("gpt2", {"n_embd": 8, "n_head": 2, "n_positions": 8, "n_layer": 1, "scale_attn_by_inverse_layer_idx": True}),
        ("bert", {"max_position_embeddings": 8, "is_decoder": True}),
        ("roberta", {"max_position_embeddings": 8, "is_decoder": True}),
    ],
)
def test_what_a_spec_does_not_describe_is_refused(spec: str, change: dict[str, Any]) -> None:
    with pytest.raises(FptError) as caught:
        graph_of(spec, {**OLD_LLAMA, "rope_scaling": None, **change})
    assert {fault.code for fault in caught.value.diagnostics} <= {"F218", "F252"}


@pytest.mark.parametrize("activation", [None, "gelu_pytorch_tanh"])
def test_the_first_gemma_configurations_mean_the_tanh_approximation(activation: str | None) -> None:
    fields = {**OLD_LLAMA, "num_key_value_heads": 2, "rope_scaling": None, "hidden_act": "gelu"}
    fields["hidden_activation"] = activation
    gelu: Any = next(node.args for node in graph_of("gemma", fields).nodes if node.op == "gelu")
    assert gelu.approximate == "tanh"
