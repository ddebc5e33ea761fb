"""The certificate where units are multiples of old ones: streams, transfer, pairs, factors, pieces; and new branches.

A factor that plan and file agree on is not right for that: what the mathematics asks of it is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from growth.support import StateDict, grown_state, plan_of, random_state
from hf.families import FAMILIES
from proof.mutations_of_multiples import FORMS, MEAN, MIRROR, RMS, SANDWICH, TRANSFER, TWICE, WIDER
from proof.test_certificate import LSTM, MIXTURE, SETTINGS, Source, certificate_of
from torch.nn import functional

from fptdsl.architecture import elaborate, lower
from fptdsl.architecture.graph import Node
from fptdsl.diagnostics import FptError
from fptdsl.growth import make_plan
from fptdsl.growth.plan import Plan
from fptdsl.growth.recipe import Leaf, Recipe
from fptdsl.growth.recipe import Source as Source_
from fptdsl.language import load
from fptdsl.proof.certificate.claims import MEAN as AVERAGE
from fptdsl.proof.certificate.claims import ZERO, AxisClaim, concatenation, plain, product
from fptdsl.proof.certificate.composed import Composed
from fptdsl.proof.certificate.factors import different
from fptdsl.proof.certificate.kernels import Kernel
from fptdsl.proof.certificate.streams import kept_by_layer_norm, kept_by_rms_norm
from fptdsl.proof.certificate.transfer import Illegal

GROWTHS = [
    (RMS, WIDER),
    (RMS, TWICE),
    (RMS, "widen embed to 16 using rescale; widen layers.*.up by 4; deepen layers by 1 using r2r"),
    (RMS, "widen embed to 13 using rescale; widen layers.*.up by 3; deepen layers by 1 using r2r"),
    (MEAN, "widen embed by 5 using rescale; widen layers.*.up by 4 using net2net; deepen layers by 1"),
    (MEAN, TWICE),
    (SANDWICH, WIDER),
    (FORMS, MIRROR),
    (FORMS, "deepen conv1 by 1 to 15 using netmorph(activation=paired); widen * by 1.5x using r2r"),
    (FORMS, "deepen conv2 by 1 using netmorph(activation=paired)"),
    (FORMS, "deepen fc1 by 1 using netmorph(activation=paired)"),
    (FORMS, "deepen fc1 by 1 to 250 using netmorph(factor=true)"),
    (FORMS, "deepen fc1 by 1 to 12 using netmorph(factor=true); widen * by 1.5x using net2net"),
    (FORMS, "deepen conv3 by 1 using netmorph(factor=true)"),
    (FORMS, "deepen conv2 by 1 to 30 using netmorph(factor=true, kernel=2); widen conv1 by 3 using r2r"),
    (MIXTURE, "deepen up by 1 using netmorph(factor=true); deepen gc by 1 using netmorph(factor=true)"),
    (MIXTURE, "deepen up by 1 using netmorph(factor=true); widen d1.c to 9 using net2net"),
    (LSTM, "widen embedding num_embeddings to 25; widen embedding embedding_dim to 9 using r2r"),
    (FORMS, TRANSFER),
    (FORMS, "widen conv3 to 9 using r2r(transfer=true)"),
    (FORMS, "deepen mix by 1 using net2net; widen * by 1.5x"),
]


def grow(spec: str, text: str, dtype: str = "float32") -> tuple[Plan, StateDict, StateDict]:
    plan = plan_of(spec, text, settings=SETTINGS.get(spec, {}))
    old = random_state(plan.old, dtype)
    return plan, old, grown_state(plan, old, dtype)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "float64"])
@pytest.mark.parametrize(("spec", "text"), GROWTHS)
def test_sound_growths_are_certified(spec: str, text: str, dtype: str) -> None:
    plan, old, new = grow(spec, text, dtype)
    certificate = certificate_of(plan, old, new)
    assert certificate.outcome == "passed", (certificate.findings[:3], certificate.reasons)
    assert certificate.tensors == len(plan.tensors)


def test_transfer_through_a_batch_norm_claims_nothing() -> None:
    certificate = certificate_of(*grow(FORMS, "widen conv2 to 10 using r2r(transfer=true)"))
    assert certificate.outcome == "declined"
    assert "approximate" in certificate.reasons[0]


# --- coefficients that plan and file share ------------------------------------------------------------------


def changed(plan: Plan, names: Callable[[str], bool], by: float) -> Plan:
    """The plan with other factors of some tensors, in its tables and its recipes."""
    tables = tuple(
        replace(table, factors=tuple((name, f * by if names(name) else f) for name, f in table.factors))
        for table in plan.tables
    )
    tensors = tuple(
        replace(t, recipe=replace(t.recipe, factor=t.recipe.factor * by)) if t.recipe and names(t.name) else t
        for t in plan.tensors
    )
    return replace(plan, tables=tables, tensors=tensors)


@pytest.mark.parametrize(
    ("spec", "text", "names", "check"),
    [
        (RMS, WIDER, lambda name: "norm" not in name and ".up." not in name, "N5"),
        (RMS, WIDER, lambda name: name.startswith("layers.1.down"), "C3"),
        (RMS, WIDER, lambda name: name == "layers.0.norm.weight", "C2"),
        (RMS, WIDER, lambda name: name == "norm.weight", "C2"),
        (RMS, TWICE, lambda name: name == "norm.weight", "C2"),
        (MEAN, WIDER, lambda name: "norm" not in name and ".up." not in name and "head" not in name, "N6"),
        (MEAN, WIDER, lambda name: name == "position", "C3"),
        (MEAN, WIDER, lambda name: name == "norm.weight", "C2"),
        (SANDWICH, WIDER, lambda name: name == "layers.0.behind.weight", "C1"),
        (SANDWICH, WIDER, lambda name: name.startswith("layers.0.down"), "N5"),
        (SANDWICH, WIDER, lambda name: name == "layers.1.before.weight", "C2"),
    ],
)
def test_a_factor_that_plan_and_file_share(spec: str, text: str, names: Callable[[str], bool], check: str) -> None:
    plan = changed(plan_of(spec, text), names, 1.001)
    old = random_state(plan.old)
    certificate = certificate_of(plan, old, grown_state(plan, old))
    assert certificate.outcome == "failed"
    assert check in {finding.check for finding in certificate.findings}


@pytest.mark.parametrize("text", [TRANSFER, MIRROR])
@pytest.mark.parametrize("field", ["signs", "coefficients"])
def test_a_coefficient_of_units_that_plan_and_file_share(text: str, field: str) -> None:
    plan = plan_of(FORMS, text)
    table = next(table for table in plan.tables if table.signs is not None)
    values = getattr(table, field)
    other = replace(table, **{field: np.append(values[0] * 1.001, values[1:])})
    plan = replace(plan, tables=tuple(other if t is table else t for t in plan.tables))
    old = random_state(plan.old)
    certificate = certificate_of(plan, old, grown_state(plan, old))
    assert certificate.outcome == "failed"
    assert {finding.check for finding in certificate.findings} & {"C2", "C3"}


# --- the laws -------------------------------------------------------------------------------------------


def _map(axis: AxisClaim) -> torch.Tensor:
    """``M`` of a claim, ``[new, old]``."""
    matrix = torch.zeros(axis.new, axis.old, dtype=torch.float64)
    for row, (label, scale) in enumerate(zip(axis.labels.tolist(), axis.factors.tolist())):
        matrix[row] = scale / axis.old if label == AVERAGE else 0.0
        if label >= 0:
            matrix[row, label] = scale
    return matrix


def _norm(rows: torch.Tensor, *, centred: bool) -> torch.Tensor:
    size = rows.shape[-1:]
    return functional.layer_norm(rows, size, eps=0.1) if centred else functional.rms_norm(rows, size, eps=0.1)


H, K = 7, (7 / 4) ** 0.5
RMS_MAPS = [
    AxisClaim(4, np.array([0, 1, 2, 3, ZERO, ZERO, ZERO])).times(K),
    AxisClaim(4, np.array([2, 1, 0, 3, 0, 0, 1])).times((7 / (4 * np.array([1, 2, 3, 1, 3, 3, 2]))) ** 0.5),
    AxisClaim(4, np.array([0, 1, 2, 3, 3, 2, 1, 0])),
]
MEAN_MAPS = [
    AxisClaim(4, np.array([0, 1, 2, 3, AVERAGE, AVERAGE, AVERAGE])).times(K),
    AxisClaim(3, np.array([0, 1, 2, 2, 1, 0, AVERAGE])).times((7 / 6) ** 0.5),
    AxisClaim(3, np.array([0, 1, 2, 2, 1, 0])),
]


@pytest.mark.parametrize(("axis", "centred"), [*((a, False) for a in RMS_MAPS), *((a, True) for a in MEAN_MAPS)])
def test_maps_that_a_norm_keeps(axis: AxisClaim, centred: bool) -> None:
    law = kept_by_layer_norm if centred else kept_by_rms_norm
    rows = torch.randn(5, axis.old, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    given = _norm(rows @ _map(axis).T, centred=centred)
    wanted = _norm(rows, centred=centred) @ _map(law(axis)).T
    assert float((given - wanted).abs().max()) <= 1e-14
    for other in (axis.times(1.0001), axis.times(np.where(np.arange(axis.new) == 1, 1.0001, 1.0))):
        with pytest.raises(Illegal):
            law(other)


@pytest.mark.parametrize(
    ("law", "labels"),
    [
        (kept_by_rms_norm, [0, 1, 2, 3, 0]),
        (kept_by_rms_norm, [0, 1, 2, 3, AVERAGE]),
        (kept_by_rms_norm, [0, 1, 2, 3, 4]),
        (kept_by_layer_norm, [0, 1, 2, 3, ZERO]),
        (kept_by_layer_norm, [0, 1, 2, 3, 4]),
        (kept_by_layer_norm, [0, 1, 2, 3, 0]),
    ],
)
def test_maps_that_no_norm_keeps(law: Callable[[AxisClaim], AxisClaim], labels: list[int]) -> None:
    with pytest.raises(Illegal):
        law(AxisClaim(4, np.array(labels)).times((5 / 4) ** 0.5))


def test_multiples_of_products_and_concatenations() -> None:
    axis = AxisClaim(2, np.array([0, 1, AVERAGE, ZERO])).times(2.0)
    assert axis.factors.tolist() == [2.0, 2.0, 2.0, 1.0]
    assert axis.times(0.5).simple is False, "a mean is no unit"
    flat = product([axis, plain(2)])
    assert flat.labels[:4].tolist() == [0, 1, 2, 3]
    assert (flat.labels[4:6] >= 4).all(), "a mean over units is none over units and positions"
    assert flat.factors[:4].tolist() == [2.0] * 4
    assert product([axis, plain(1)]).labels.tolist() == axis.labels.tolist()
    joined = concatenation([plain(1), axis])
    assert joined.factors.tolist() == [1.0, 2.0, 2.0, 1.0, 1.0]
    assert (joined.labels == AVERAGE).sum() == 0


@pytest.mark.parametrize(("first", "second"), [((3, 3), (1, 1)), ((1, 1), (3, 2)), ((2, 3), (3, 1))])
def test_composed_kernels(first: tuple[int, int], second: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(1)
    a = torch.randn(5, 4, *first, dtype=torch.float64, generator=generator)
    b = torch.randn(6, 5, *second, dtype=torch.float64, generator=generator)
    source = Source({"a": a, "b": b})
    kernel = Composed(Kernel(source, "a", 1), Kernel(source, "b", 1), (first, second))
    values = torch.from_numpy(kernel.values(np.arange(6))).reshape(6, 4, *kernel.taps)
    image = torch.randn(2, 4, 9, 9, dtype=torch.float64, generator=generator)
    wanted = functional.conv2d(functional.conv2d(image, a), b)
    assert torch.allclose(functional.conv2d(image, values), wanted, rtol=1e-12, atol=1e-12)


def _node(plan: Plan, name: str) -> Node:
    return next(node for node in plan.new.nodes if node.name == name)


@pytest.mark.parametrize(
    ("text", "layer", "change"),
    [
        ("deepen conv3 by 1 using netmorph(factor=true)", "conv3", {"padding": 0}),
        ("deepen conv3 by 1 using netmorph(factor=true)", "conv3_1", {"padding": 1}),
        ("deepen conv3 by 1 using netmorph(factor=true)", "conv3", {"stride": 2}),
        ("deepen conv3 by 1 using netmorph(factor=true)", "conv3_1", {"stride": 2}),
        ("deepen conv3 by 1 using netmorph(factor=true)", "conv3", {"dilation": 2}),
        ("deepen conv3 by 1 using netmorph(factor=true)", "conv3", {"padding_mode": "reflect"}),
        ("deepen conv2 by 1 to 30 using netmorph(factor=true, kernel=2)", "conv2", {"padding": 1}),
    ],
)
def test_factors_that_treat_borders_otherwise(text: str, layer: str, change: dict[str, Any]) -> None:
    plan, old, new = grow(FORMS, text)
    node = _node(plan, layer)
    node.args = node.args.model_copy(update=change)
    found = {finding.check for finding in certificate_of(plan, old, new).findings}
    assert "C5" in found


def _with_new_bias(plan: Plan, name: str) -> Plan:
    """The plan, which does not say of this tensor that it is unchanged."""
    tensors = tuple(
        replace(t, recipe=Recipe(Source_(name), (Leaf(None, t.new_shape[0]),), ("follows",), "shift"))
        if t.name == name
        else t
        for t in plan.tensors
    )
    return replace(plan, tensors=tensors)


def test_a_bias_between_factors_that_the_second_takes_off() -> None:
    """``b2 = b - B b1`` (D-10)."""
    plan, old, new = grow(FORMS, "deepen fc1 by 1 to 250 using netmorph(factor=true)", "float64")
    plan = _with_new_bias(plan, "fc1.bias")
    new["fc1_1.bias"] = torch.randn(250, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    assert certificate_of(plan, old, new).outcome == "failed"
    new["fc1.bias"] = old["fc1.bias"] - new["fc1.weight"] @ new["fc1_1.bias"]
    assert certificate_of(plan, old, new).outcome == "passed"
    assert different(*(next(n for n in plan.old.nodes if n.name == "fc1"),) * 3) is None


def test_a_bias_between_factors_does_not_reach_a_padded_border() -> None:
    text = "deepen conv2 by 1 to 30 using netmorph(factor=true, kernel=2)"
    plan, old, new = grow(FORMS, text, "float64")
    plan = _with_new_bias(plan, "conv2.bias")
    new["conv2_1.bias"] = torch.full((30,), 0.3, dtype=torch.float64)
    new["conv2.bias"] = old["conv2.bias"] - new["conv2.weight"].sum(dim=(2, 3)) @ new["conv2_1.bias"]
    assert certificate_of(plan, old, new).outcome == "passed", "the first factor takes all the padding"
    _node(plan, "conv2").args = _node(plan, "conv2").args.model_copy(update={"padding": 1})
    found = {(f.tensor, f.check) for f in certificate_of(plan, old, new).findings}
    assert ("conv2_1.bias", "D10") in found


# --- transformers -----------------------------------------------------------------------------------------


def _case(name: str, text: str) -> tuple[Plan, StateDict, StateDict]:
    family = FAMILIES[name]
    config: Mapping[str, Any] = dict(family.fields)
    if family.spec in ("vit", "deit"):
        config = {**config, "id2label": {str(n): "" for n in range(family.fields["num_labels"])}}
        config.pop("num_labels")  # type: ignore[attr-defined]
    document = load(f"hf/{family.spec}", grow=[text])
    network = elaborate(document, {}, config=config)
    plan = make_plan(network, lower(network), document.grows)
    old = random_state(plan.old)
    return plan, old, grown_state(plan, old)


BRANCHES = [
    ("gpt2", "deepen transformer.h by 1 using r2r"),
    ("qwen3", "deepen model.layers.1 by 1 using r2r"),
    ("gemma2", "deepen model.layers by 1"),
    ("gemma2", "widen model.embed_tokens by 5"),
    ("llama 3, biases, tied", "widen model.embed_tokens by 5"),
    ("vit", "widen vit.embeddings.cls_token by 5"),
    ("llama", "widen * by 1.5x; deepen model.layers by 1 using r2r"),
    ("olmo2", "widen model.layers.*.self_attn heads to 6; deepen model.layers by 1"),
    ("olmo2", "widen * by 1.5x; deepen model.layers by 1"),
    ("qwen3", "widen * by 1.5x; deepen model.layers by 1 using r2r"),
    ("olmo2", "widen * by 1.5x; deepen model.layers by 2 using zero(copies=true)"),
    ("t5", "widen shared by 5; deepen encoder.block.1 by 1; deepen decoder.block by 1 using r2r"),
    ("t5", "widen **.SelfAttention d_kv to 11"),
    ("t5", "widen encoder.block.0.layer.0.SelfAttention.q by 2x"),
    ("bert", "widen bert.embeddings.word_embeddings by 2x"),
]


@pytest.mark.parametrize(("name", "text"), BRANCHES)
def test_transformers_are_certified(name: str, text: str) -> None:
    certificate = certificate_of(*_case(name, text))
    assert certificate.outcome == "passed", (certificate.findings[:3], certificate.reasons)


def test_twin_heads_whose_values_differ() -> None:
    """A branch of attention that reads twins with opposite signs is zero only where they are twins (D-8)."""
    plan, old, new = _case("gpt2", "deepen transformer.h by 1 using r2r")
    new["transformer.h.2.attn.c_attn.weight"][3, -1] += 0.1
    assert "D9" in {finding.check for finding in certificate_of(plan, old, new).findings}


@pytest.mark.sweep
@pytest.mark.parametrize("name", FAMILIES)
def test_nothing_about_transformers_is_inconclusive(name: str) -> None:
    """Every second transform at every place of every family: certified, or it claims nothing."""
    from growth.sweep_places import asks

    family = FAMILIES[name]
    given = dict(family.fields)
    if family.spec in ("vit", "deit"):
        given["id2label"] = {str(n): "" for n in range(given.pop("num_labels"))}
    graph = lower(elaborate(load(f"hf/{family.spec}"), {}, config=given))
    texts = [ask.directive for ask in asks(graph) if " seq" not in ask.directive and "(seq" not in ask.directive][::2]
    state = random_state(graph)
    for text, directive in zip(texts, load(f"hf/{family.spec}", grow=texts).grows, strict=True):
        try:
            plan = make_plan(graph.network, graph, [directive])
        except FptError:
            continue
        certificate = certificate_of(plan, state, grown_state(plan, state))
        assert certificate.outcome in ("passed", "declined"), (text, certificate.findings[:2], certificate.reasons)
