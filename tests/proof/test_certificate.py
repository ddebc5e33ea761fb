"""The certificate on sound growths of all kinds, on files at fault, and on what it cannot tell."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from growth.support import StateDict, Weights, grown_state, plan_of, random_state

import fptdsl.proof.certificate as package
from fptdsl.architecture.graph import Node
from fptdsl.growth.plan import Plan
from fptdsl.growth.recipe import NONE, Concat, Constant, Leaf, Product, Table
from fptdsl.proof.certificate import Certificate, certify
from fptdsl.proof.certificate.claims import ZERO, AxisClaim, concatenation, plain, product
from fptdsl.proof.certificate.classes import axis_claim

CIFAR, MIXTURE = "tests/growth/specs/small_cifar.fpt", "tests/growth/specs/mixture.fpt"


LSTM, GRU = "specs/lstm_text.fpt", "specs/gru_text.fpt"
SMALL: dict[str, object] = {"vocabulary": 20, "width": 6, "hidden": 8}
SETTINGS: dict[str, dict[str, object]] = {CIFAR: {"n": 1}, LSTM: SMALL, GRU: SMALL}


class Source(Weights):
    def __contains__(self, name: object) -> bool:
        return name in self.state

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(self.state)


def certificate_of(plan: Plan, old: StateDict, new: StateDict, *, insist: bool = False) -> Certificate:
    return certify(plan, Source(old), Source(new), insist=insist)


def grow(spec: str, text: str, dtype: str = "float32") -> tuple[Plan, StateDict, StateDict]:
    plan = plan_of(spec, text, settings=SETTINGS.get(spec, {}))
    old = random_state(plan.old, dtype)
    return plan, old, grown_state(plan, old, dtype)


METHODS = ["net2net", "net2net(split=equal)", "net2net(split=scalar)", "r2r", "netmorph"]
GROWTHS = [
    *[(CIFAR, f"widen * by 1.5x using {method}") for method in [*METHODS, "netmorph(zero=in)"]],
    *[(MIXTURE, f"widen * by 1.5x using {method}") for method in METHODS],
    (CIFAR, "widen layer1.0.conv1 to 19 using r2r"),
    (CIFAR, "widen layer1 to 24; deepen layer1.0.conv1 by 2; deepen layer3 by 1; deepen layer2 by 1 at end"),
    (CIFAR, "deepen layer1.0.conv1 by 1 to 20; widen layer1.0.conv1 to 21 using r2r"),
    (CIFAR, "branch layer1.0.conv1 into 3; widen layer1.0.conv1 to 21 using net2net"),
    (CIFAR, "enlarge layer1.0.conv1 kernel_size to 5; widen * by 2x using r2r"),
    (MIXTURE, "enlarge up kernel_size to 4; branch gc into 2; branch fc1 into 3; widen g1 to 15 using net2net"),
    (MIXTURE, "widen * by 2x; deepen mb by 1"),
    (LSTM, "widen lstm hidden_size to 12 using net2net; widen embedding to 9"),
    (GRU, "widen gru hidden_size to 12 using r2r"),
    (GRU, "widen embedding to 9 using net2net"),
]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "float64"])
@pytest.mark.parametrize(("spec", "text"), GROWTHS)
def test_every_sound_growth_is_certified(spec: str, text: str, dtype: str) -> None:
    plan, old, new = grow(spec, text, dtype)
    certificate = certificate_of(plan, old, new)
    assert certificate.outcome == "passed", (certificate.findings[:3], certificate.reasons)
    assert certificate.tensors == len(plan.tensors)
    assert {step.directive for step in plan.steps} <= {step.step for step in certificate.steps}
    # Shares add up exactly on the grid; the search for an identity norm leaves less than its dtype.
    kernels = max((s.deviation for s in certificate.steps if not s.step.startswith("deepen")), default=0.0)
    assert kernels <= (1e-15 if dtype == "float64" else 0.0)


@pytest.mark.parametrize("text", ["widen * by 1.5x using random_pad", "widen * by 1.5x using net2net(noise=0.01)"])
def test_what_claims_no_equality_is_declined_and_would_fail(text: str) -> None:
    plan, old, new = grow(CIFAR, text)
    certificate = certificate_of(plan, old, new)
    assert certificate.outcome == "declined"
    assert not certificate.passed
    assert "no law to check" in certificate.reasons[0]
    assert certificate_of(plan, old, new, insist=True).outcome == "failed"
    new["linear.bias"][0] += 1.0
    assert [f.check for f in certificate_of(plan, old, new).findings] == ["C4"]


def _checks(plan: Plan, old: StateDict, new: StateDict) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for finding in certificate_of(plan, old, new).findings:
        found.setdefault(finding.tensor, set()).add(finding.check)
    return found


def test_missing_unexpected_misshapen_and_retyped_tensors() -> None:
    plan, old, new = grow(CIFAR, "widen layer1.0.conv1 to 24 using r2r")
    bias = new.pop("linear.bias")
    assert _checks(plan, old, new) == {"linear.bias": {"C4"}}
    new["linear.bias"], new["extra"] = bias, bias
    assert _checks(plan, old, new) == {"extra": {"C4"}}
    del new["extra"]
    new["linear.bias"] = bias[:-1]
    assert _checks(plan, old, new) == {"linear.bias": {"C4"}}
    new["linear.bias"] = bias.double()
    assert "C4" in _checks(plan, old, new)["linear.bias"]


def test_nan_is_a_finding() -> None:
    plan, old, new = grow(CIFAR, "widen layer1.0.conv1 to 24 using r2r")
    new["layer1.0.conv2.weight"][3, 20, 1, 1] = float("nan")
    assert "C2" in _checks(plan, old, new)["layer1.0.conv2.weight"]
    assert certificate_of(plan, old, new).to_json()["findings"][0]["deviation"] in ("nan", "inf")


def _node(plan: Plan, name: str) -> Node:
    return next(node for node in plan.new.nodes if node.name == name)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("layer1.0.bn1", {"eps": 1e-3}),
        ("layer2.0.conv1", {"stride": 1}),
        ("layer1.0.conv2", {"padding": 0}),
        ("layer1.0.conv1", {"out_channels": 23}),
    ],
)
def test_another_argument_in_the_grown_spec(name: str, change: dict[str, object]) -> None:
    plan, old, new = grow(CIFAR, "widen layer1.0.conv1 to 24 using r2r")
    node = _node(plan, name)
    node.args = node.args.model_copy(update=change)
    assert "C5" in _checks(plan, old, new)[name]


@pytest.mark.parametrize("name", ["lstm.weight_hh_l0", "lstm.weight_ih_l1", "lstm.bias_hh_l0", "embedding.weight"])
def test_faults_of_recurrent_layers(name: str) -> None:
    plan, old, new = grow(LSTM, "widen lstm hidden_size to 12 using net2net; widen embedding to 9 using net2net")
    new[name][(1,) * new[name].dim()] += 0.5
    assert set(_checks(plan, old, new)) == {name}


def test_another_activation_in_the_grown_spec() -> None:
    plan, old, new = grow(CIFAR, "widen layer1.0.conv1 to 24 using r2r")
    _node(plan, "layer1.0.relu").op = "tanh"
    assert _checks(plan, old, new) == {"layer1.0.conv2.weight": {"C5"}}


def test_a_plan_with_wrong_tables_does_not_certify_itself() -> None:
    plan, old, new = grow(CIFAR, "widen layer1.0.conv1 to 24 using net2net")
    classes = plan.tables[0].classes.copy()
    classes[20] = (classes[20] + 1) % 16
    other = replace(plan, tables=(replace(plan.tables[0], classes=classes),))
    found = _checks(other, old, new)
    assert found["layer1.0.conv1.weight"] >= {"C1"}
    assert found["layer1.0.conv2.weight"] >= {"C2"}


def test_classes_that_no_group_norm_allows() -> None:
    plan, old, new = grow(MIXTURE, "widen gc to 48 using net2net")
    table = next(t for t in plan.tables if t.new != t.old and t.old in (4, 6))
    assert certificate_of(plan, old, new).passed
    shuffled = np.append(table.classes[:-1], table.classes[0])
    tables = tuple(replace(t, classes=shuffled) if t is table else t for t in plan.tables)
    assert certificate_of(replace(plan, tables=tables), old, new).outcome == "failed"


def test_deviation_is_that_of_the_planted_error() -> None:
    plan, old, new = grow(CIFAR, "widen layer1.0.conv1 to 24 using net2net")
    weight = new["layer1.0.conv2.weight"]
    weight[5, 3, 0, 0] += 0.25
    finding = certificate_of(plan, old, new).findings[0]
    assert (finding.tensor, finding.check) == ("layer1.0.conv2.weight", "C2")
    scale = float(old["layer1.0.conv2.weight"].abs().max())
    assert finding.deviation == pytest.approx(0.25 / scale, rel=1e-5)
    assert "row 5" in finding.message


def test_labels_of_products_and_concatenations() -> None:
    grown = AxisClaim(2, np.array([0, 1, 0, 2, ZERO]))
    assert product([grown, plain(3)]).labels.tolist()[:9] == [0, 1, 2, 3, 4, 5, 0, 1, 2]
    flat = product([grown, plain(3)]).labels
    assert (flat[9:12] >= 6).all()
    assert (flat[12:] == ZERO).all()
    joined = concatenation([plain(2), grown])
    assert joined.old == 4
    assert joined.labels.tolist() == [0, 1, 2, 3, 2, 4, ZERO]


def test_labels_of_recipe_axes_agree_with_counting() -> None:
    table = Table("x", 2, 3, np.array([0, 1, 1]), NONE, "net2net")
    axis = Concat((Leaf(None, 2), Product((Leaf("x", 2), Leaf(None, 2)))))
    assert axis_claim(axis, {"x": table}).labels.tolist() == [0, 1, 2, 3, 4, 5, 4, 5]


def test_the_planners_arithmetic_is_not_used() -> None:
    """No module of the certificate imports what computed the tensors, or torch."""
    forbidden = {"evaluate", "law", "starts", "axes", "grid", "random", "recipes"}
    for path in Path(package.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and "growth" in node.module:
                assert not forbidden & set(node.module.split(".")), path.name
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert "torch" not in names, path.name


def test_large_tensors_are_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    from fptdsl.proof.certificate import kernels, reading

    plan, old, new = grow(MIXTURE, "widen * by 1.5x using net2net")
    monkeypatch.setattr(kernels, "CHUNK", 200)
    monkeypatch.setattr(reading, "CHUNK", 200)
    assert certificate_of(plan, old, new).passed
    new["fc1.weight"][-1, -1] += 1.0
    assert set(_checks(plan, old, new)) == {"fc1.weight"}
    assert torch.isfinite(new["fc1.weight"]).all()


def _paired_branch() -> tuple[Plan, StateDict, StateDict]:
    """A new block whose last layer reads equal halves with opposite signs (R2DeeperR, D-8), by hand."""
    plan, old, new = grow(CIFAR, "deepen layer3 by 1")
    name = "layer3.1.bn2.weight"
    tensors = []
    for tensor in plan.tensors:
        if tensor.name == name and tensor.recipe is not None:
            tensor = replace(tensor, recipe=replace(tensor.recipe, start=Constant(1.0, (64,))))
        tensors.append(tensor)
    new[name].fill_(1.0)
    first, last = new["layer3.1.conv1.weight"], new["layer3.1.conv2.weight"]
    first[32:] = first[:32]
    last[:, 32:] = -last[:, :32]
    return replace(plan, tensors=tuple(tensors)), old, new


def test_a_branch_that_cancels_is_zero() -> None:
    assert certificate_of(*_paired_branch()).outcome == "passed"


@pytest.mark.parametrize("fault", ["sign", "half", "shift"])
def test_a_branch_that_does_not_cancel(fault: str) -> None:
    plan, old, new = _paired_branch()
    if fault == "sign":
        new["layer3.1.conv2.weight"][:, 32:] *= -1
    elif fault == "half":
        new["layer3.1.conv1.weight"][40, 0, 0, 0] += 1e-3
    else:
        new["layer3.1.bn1.bias"][40] = 0.5
    certificate = certificate_of(plan, old, new)
    assert certificate.outcome == "failed"
    assert "D9" in {finding.check for finding in certificate.findings}


def test_starts_and_tables_without_a_rule_are_inconclusive() -> None:
    plan, old, new = grow(CIFAR, "deepen layer1.0.conv1 by 1")

    @dataclass(frozen=True)
    class Other:
        shape: tuple[int, ...]

    tensors = tuple(
        replace(t, recipe=replace(t.recipe, start=Other(t.new_shape)))  # type: ignore[arg-type]
        if t.recipe is not None and t.name == "layer1.0.conv1_1.weight"
        else t
        for t in plan.tensors
    )
    certificate = certificate_of(replace(plan, tensors=tensors), old, new)
    assert certificate.outcome == "inconclusive"
    assert "layer1.0.conv1_1.weight" in certificate.reasons[0]
    assert not certificate.passed
