"""The check passes what is equal and sees every planted fault, a hundred times above its limits (V-4)."""

from __future__ import annotations

import math

import pytest
import torch

from fptdsl.proof.verify import verify

COPIES = [0, 0, 3, 5, 5, 7]
"""Old units of ``conv1`` that the six new ones copy."""

FAULTS = {
    "one reader column not divided": lambda s: s["conv2.weight"][:, 8].mul_(3),
    "all readers not divided": lambda s: s["conv2.weight"].mul_(2),
    "reader columns of two classes swapped": lambda s: swap(s["conv2.weight"], 1, 9, 2),
    "running mean of a copy left at its default": lambda s: s["bn1.running_mean"][9].zero_(),
    "running variance of a copy left at its default": lambda s: s["bn1.running_var"][10].fill_(1.0),
    "norm weight of a copy left at its default": lambda s: s["bn1.weight"][11].fill_(1.0),
    "norm bias of a copy dropped": lambda s: s["bn1.bias"][12].zero_(),
    "bias dropped": lambda s: s["conv2.bias"].zero_(),
    "copy of another unit": lambda s: s["conv1.weight"][13].copy_(s["conv1.weight"][2]),
    "kernel shifted by one": lambda s: s["conv1.weight"].copy_(s["conv1.weight"].roll(1, -1)),
    "an untouched tensor changed": lambda s: s["fc2.weight"][0, 0].add_(0.01),
}


def swap(values, axis, first, second):
    order = list(range(values.shape[axis]))
    order[first], order[second] = second, first
    values.copy_(values.index_select(axis, torch.tensor(order)))


@pytest.fixture
def pair(bn_net, graph_of, weights_for, widened):
    old, new = graph_of(bn_net), graph_of(bn_net, width=8 + len(COPIES))
    state = weights_for(old)
    exact = widened(
        {name: values.double() if values.is_floating_point() else values for name, values in state.items()}, COPIES
    )
    return old, state, new, exact


def check(pair, fault=None, **options):
    old, state, new, exact = pair
    grown = {name: values.clone() for name, values in exact.items()}
    if fault is not None:
        fault(grown)
    stored = {name: v.float() if v.is_floating_point() else v for name, v in grown.items()}
    return verify(
        old,
        state.__getitem__,
        new,
        stored.__getitem__,
        file_dtype="float32",
        unrounded=lambda name: grown[name].numpy(),
        **options,
    )


def test_the_right_growth_passes(pair):
    verdict = check(pair)
    assert verdict.passed
    assert verdict.gate_unrounded.error <= 1e-14
    assert verdict.gate_unrounded.limit >= 1e-12
    # Shares of a third are rounded to float32 here, without the grid rule S-1.
    assert 1e-10 < verdict.max_relative_error < 1e-6
    assert verdict.storage_drift == pytest.approx(verdict.max_relative_error, rel=1e-3)
    assert verdict.gate_stored.limit == pytest.approx(10 * verdict.rounding_response)
    assert 1e-9 < verdict.rounding_response < 1e-5
    assert verdict.sensitivity < 1e-13
    assert 0 < verdict.float32_drift < 1e-5
    assert not verdict.bitwise
    assert verdict.wording.startswith("Function-preserving (exact)")
    assert verdict.wording.endswith("relative to this spec")


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_seen_far_above_the_limits(name, pair):
    verdict = check(pair, FAULTS[name])
    assert not verdict.passed
    assert verdict.gate_unrounded.error > 100 * verdict.gate_unrounded.limit
    assert verdict.gate_stored.error > 100 * verdict.gate_stored.limit
    assert verdict.wording.startswith("Different: unrounded recipe: relative error")


def test_a_fault_that_only_the_file_has_is_seen(pair):
    old, state, new, exact = pair
    stored = {name: v.float() if v.is_floating_point() else v for name, v in exact.items()}
    stored["bn1.bias"][9] = 0
    verdict = verify(
        old,
        state.__getitem__,
        new,
        stored.__getitem__,
        file_dtype="float32",
        unrounded=lambda name: exact[name].numpy(),
    )
    assert verdict.gate_unrounded.passed
    assert not verdict.gate_stored.passed
    assert not verdict.passed


def test_recipes_may_come_in_pieces_or_be_none(pair):
    old, state, new, exact = pair
    stored = {name: v.float() if v.is_floating_point() else v for name, v in exact.items()}

    def in_pieces(name):
        if name.startswith("fc"):
            return None
        values = exact[name].numpy()
        return iter([values[:1], values[1:4], values[4:]]) if len(values) > 4 else values

    verdict = verify(old, state.__getitem__, new, stored.__getitem__, file_dtype="float32", unrounded=in_pieces)
    assert verdict.passed
    assert verdict.unrounded_error <= 1e-14


def test_the_same_network_is_bitwise_equal(pair):
    old, state, _, _ = pair
    verdict = verify(old, state.__getitem__, old, state.__getitem__, file_dtype="float32")
    assert verdict.bitwise
    assert verdict.max_relative_error == 0
    assert verdict.float32_drift == 0
    assert verdict.unrounded_error is None
    assert verdict.gate_unrounded is None


@pytest.mark.parametrize(
    ("dtype", "lowest", "highest"),
    [
        (torch.float64, 1e-17, 1e-14),
        (torch.float32, 1e-9, 1e-5),
        (torch.bfloat16, 1e-4, 0.2),
    ],
)
def test_the_second_limit_follows_the_dtype_of_the_file(dtype, lowest, highest, bn_net, graph_of, weights_for):
    graph = graph_of(bn_net)
    state = weights_for(graph, dtype=dtype)
    verdict = verify(graph, state.__getitem__, graph, state.__getitem__, file_dtype=str(dtype).removeprefix("torch."))
    assert lowest < verdict.rounding_response < highest
    assert verdict.gate_stored.limit >= 1e-12


CHAOTIC = (
    "model Deep(width = 40) {\n  input x: float[8]\n"
    + "\n".join(f"  fc{i}: linear({'width' if i == 20 else 40})\n  tanh" for i in range(40))
    + "\n  head: linear(3)\n}\n"
)


def test_an_ill_conditioned_network_gives_no_false_alarm(graph_of, weights_for):
    """A chaotic net answers weight noise of 1e-15 with far more; the limits follow it (V-2)."""
    old, new = graph_of(CHAOTIC), graph_of(CHAOTIC, width=60)
    state = {name: v.double() for name, v in weights_for(old, gain=3.0).items()}
    grown = dict(state)
    source = torch.tensor([*range(40), *range(20)])
    share = torch.bincount(source)[source]
    grown["fc20.weight"], grown["fc20.bias"] = state["fc20.weight"][source], state["fc20.bias"][source]
    grown["fc21.weight"] = state["fc21.weight"][:, source] / share
    verdict = verify(
        old, state.__getitem__, new, grown.__getitem__, file_dtype="float64", unrounded=lambda name: grown[name].numpy()
    )
    assert verdict.sensitivity > 1e-12
    assert verdict.passed
    grown["fc20.bias"][45] += 1e-3
    verdict = verify(
        old, state.__getitem__, new, grown.__getitem__, file_dtype="float64", unrounded=lambda name: grown[name].numpy()
    )
    assert not verdict.passed


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_that_are_not_finite_never_pass(value, pair):
    old, state, new, exact = pair
    verdict = check(pair, lambda s: s["fc1.weight"][0, 0].fill_(value))
    assert not verdict.passed
    assert not verdict.finite
    assert "max_relative_error" in verdict.to_json()
    assert verdict.to_json()["max_relative_error"] is None
    state["fc1.weight"][0, 0] = value
    verdict = check((old, state, new, exact))
    assert not verdict.passed
    assert "old network gives NaN or infinite" in verdict.wording
