"""Negative controls: one wrong value of each kind in the grown tensors is seen in the output."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from growth.support import Outcome, StateDict, grow

CIFAR = "tests/growth/specs/small_cifar.fpt"


def _undivided(state: StateDict, outcome: Outcome) -> None:
    """A reader copied and not divided."""
    classes = outcome.plan.tables[0].classes
    old = outcome.state["layer1.0.conv2.weight"]
    state["layer1.0.conv2.weight"] = old[:, torch.tensor(classes)].clone()


def _statistic_left(state: StateDict, outcome: Outcome) -> None:
    state["layer1.0.bn1.running_mean"][16:] = 0.0


def _scale_left(state: StateDict, outcome: Outcome) -> None:
    state["layer1.0.bn1.weight"][16:] = 1.0


def _pair_same_sign(state: StateDict, outcome: Outcome) -> None:
    weight = state["layer1.0.conv2.weight"]
    weight[:, 17::2] = weight[:, 16::2]


def _readers_not_zero(state: StateDict, outcome: Outcome) -> None:
    weight = state["layer1.0.conv2.weight"]
    weight[:, 16:] = weight[:, :8].std()


def _writers_not_zero(state: StateDict, outcome: Outcome) -> None:
    state["layer1.0.conv1.weight"][16:] = outcome.state["layer1.0.conv1.weight"][:8]


def _shifted_dirac(state: StateDict, outcome: Outcome) -> None:
    state["layer1.0.conv1_1.weight"] = torch.roll(state["layer1.0.conv1_1.weight"], 1, dims=3)


def _swapped_rows(state: StateDict, outcome: Outcome) -> None:
    state["layer1.0.conv1_1.weight"] = state["layer1.0.conv1_1.weight"].flip(0)


def _naive_norm(state: StateDict, outcome: Outcome) -> None:
    """Weight 1, bias 0, mean 0, variance 1: forgets eps."""
    for part, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
        state[f"layer1.0.bn1_1.{part}"].fill_(value)


def _gain_not_zero(state: StateDict, outcome: Outcome) -> None:
    state["layer3.3.bn2.weight"].fill_(0.1)


def _dropped_bias(state: StateDict, outcome: Outcome) -> None:
    state["layer1.0.bn1.bias"].zero_()


FAULTS: list[tuple[str, Callable[[StateDict, Outcome], None]]] = [
    ("widen layer1.0.conv1 to 24 using net2net(split=equal)", _undivided),
    ("widen layer1.0.conv1 to 24 using net2net", _statistic_left),
    ("widen layer1.0.conv1 to 24 using net2net", _scale_left),
    ("widen layer1.0.conv1 to 24 using net2net", _dropped_bias),
    ("widen layer1.0.conv1 to 24 using r2r", _pair_same_sign),
    ("widen layer1.0.conv1 to 24 using netmorph(zero=out)", _readers_not_zero),
    ("widen layer1.0.conv1 to 24 using netmorph(zero=in)", _writers_not_zero),
    ("deepen layer1.0.conv1 by 1", _shifted_dirac),
    ("deepen layer1.0.conv1 by 1", _swapped_rows),
    ("deepen layer1.0.conv1 by 1", _naive_norm),
    ("deepen layer3 by 1", _gain_not_zero),
]


@pytest.mark.parametrize(("directive", "fault"), FAULTS, ids=[fault.__name__.strip("_") for _, fault in FAULTS])
def test_a_planted_fault_is_seen(directive: str, fault: Callable[[StateDict, Outcome], None]) -> None:
    outcome = grow(CIFAR, directive)
    assert outcome.stored <= 1e-11
    state = {name: tensor.clone() for name, tensor in outcome.grown.items()}
    fault(state, outcome)
    # The smallest, a norm that forgets its eps, is 5e-6; all are far above a hundred times the gate.
    assert outcome.error_of(state) > 100 * 1e-11
