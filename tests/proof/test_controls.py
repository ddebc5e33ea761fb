"""For each method: what its plan makes passes, and its known mistake is seen (V-4, a negative control)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fptdsl.architecture import elaborate, lower
from fptdsl.growth import Evaluator, make_plan
from fptdsl.language import load
from fptdsl.proof.recipes import verify_plan
from fptdsl.proof.verdict import may_publish
from fptdsl.proof.weights import from_raw

NET = """
model Net {
  input image: float[3, 9, 9]
  conv1: conv2d(8, 3, padding=1, bias=false)
  bn1:   batchnorm2d
  relu
  body: repeat 2 {
    residual {
      conv1: conv2d(6, 3, padding=1, bias=false)
      bn1:   batchnorm2d
      relu
      conv2: conv2d(8, 3, padding=1, bias=false)
      bn2:   batchnorm2d
    }
    relu
  }
  conv2: conv2d(8, 3, padding=1)
  relu
  maxpool2d(3)
  flatten
  fc1: linear(10)
  relu
  fc2: linear(4)
}
"""


class Source:
    """Tensors in memory, read as a checkpoint is."""

    def __init__(self, state):
        self.state = state

    def rows(self, name, start, stop):
        values = self.state[name]
        raw = values.view(torch.int16).numpy().view(np.uint16) if values.dtype == torch.bfloat16 else values.numpy()
        return raw[start:stop] if raw.ndim else raw

    def dtype(self, name):
        return str(self.state[name].dtype).removeprefix("torch.")

    def shape(self, name):
        return tuple(self.state[name].shape)


@pytest.fixture
def grow(tmp_path, weights_for):
    """Plan and carry out directives: the plan, the old state and the grown one."""

    def make(directives, dtype=torch.float32):
        path = tmp_path / "net.fpt"
        path.write_text(NET)
        document = load(path, grow=[directives])
        network = elaborate(document)
        graph = lower(network)
        plan = make_plan(network, graph, document.grows, seed=3)
        state = weights_for(graph, dtype=dtype)
        evaluator = Evaluator(plan, Source(state))
        kind, grown = str(dtype).removeprefix("torch."), {}
        for tensor in plan.tensors:
            stored = "int64" if tensor.name.endswith("num_batches_tracked") else kind
            raw = np.concatenate([np.atleast_1d(chunk) for chunk in evaluator.chunks(tensor, stored)])
            grown[tensor.name] = from_raw(raw, stored).reshape(tensor.new_shape)
        return plan, state, grown

    return make


def check(plan, state, grown):
    return verify_plan(
        plan, Source(state), Source(state), Source(grown), file_dtype=Source(state).dtype("conv1.weight")
    )


def not_divided(state):
    """W-1, W-2: the reader is copied and not divided."""
    state["conv2.weight"][:, :2] *= 2


def zeros_filled(state):
    """W-4: columns that must be zero have the size of the others."""
    weight = state["fc2.weight"]
    weight[:, -2:] = weight[:, :2]


def shifted(name):
    """D-2: the centre of the Dirac kernel is off by one."""

    def fault(state):
        state[name].copy_(state[name].roll(1, -1))

    return fault


def permuted(name):
    """D-1: rows of the identity in another order."""

    def fault(state):
        state[name].copy_(state[name].roll(1, 0))

    return fault


def unit_weight(name):
    """D-4: weight 1 instead of sqrt(variance + eps)."""

    def fault(state):
        state[name].fill_(1.3)

    return fault


def gain(name):
    """D-9: a gain of 0.1 instead of 0."""

    def fault(state):
        state[name].fill_(0.1)

    return fault


CONTROLS = [
    ("widen conv1 to 14 using net2net(split=equal)", "exact", not_divided),
    ("widen conv1 to 14 using net2net(split=scalar)", "exact", not_divided),
    ("widen conv1 to 14 using net2net(split=element)", "exact", not_divided),
    ("widen fc1 to 15 using netmorph", "exact", zeros_filled),
    ("widen fc1 to 15 using netmorph(zero=out)", "exact", zeros_filled),
    ("deepen conv2 by 1", "bitwise", shifted("conv2_1.weight")),
    ("deepen fc1 by 1", "bitwise", permuted("fc1_1.weight")),
    ("deepen conv1 by 1", "eval-only", shifted("conv1_1.weight")),
    ("deepen conv1 by 1", "eval-only", unit_weight("bn1_1.weight")),
    ("deepen body by 1", "bitwise", gain("body.2.bn2.weight")),
]


@pytest.mark.parametrize(("directive", "exactness", "fault"), CONTROLS)
def test_method_and_its_negative_control(directive, exactness, fault, grow):
    plan, state, grown = grow(directive)
    assert plan.exactness == exactness
    verdict = check(plan, state, grown)
    assert verdict.passed
    assert may_publish(plan.exactness, verdict)
    assert verdict.max_relative_error <= 1e-11
    fault(grown)
    verdict = check(plan, state, grown)
    assert not verdict.passed
    assert not may_publish(plan.exactness, verdict)
    assert verdict.max_relative_error > 100 * verdict.gate_stored.limit


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_dtypes(dtype, grow):
    plan, state, grown = grow("widen conv1 to 14 using net2net; deepen conv1 by 1", dtype)
    verdict = check(plan, state, grown)
    assert verdict.passed
    assert verdict.gate_unrounded.error <= 1e-12
    assert verdict.gate_stored.error < verdict.rounding_response
    grown["bn1.weight"][9] = 60.0  # In bfloat16 the limit is so wide that only large faults of the file show.
    assert not check(plan, state, grown).passed


def test_noise_is_measured_and_not_called_preserving(grow):
    plan, state, grown = grow("widen conv1 to 14 using net2net(noise=0.01)")
    verdict = check(plan, state, grown)
    assert plan.exactness == "approximate"
    assert 1e-5 < verdict.max_relative_error < 1
    assert may_publish(plan.exactness, verdict)
    assert "preserving" not in verdict.wording.lower()


def test_growth_behind_a_zero_gain_is_checked_on_shaken_weights(grow):
    plan, state, grown = grow("widen body.0.conv1 to 9 using net2net")
    for name in ("weight", "bias"):
        state[f"body.0.bn2.{name}"].zero_()
        grown[f"body.0.bn2.{name}"].zero_()
    verdict = check(plan, state, grown)
    assert verdict.passed
    assert verdict.gates[-1].name == "recipe on perturbed weights"
    assert verdict.gates[-1].error < 1e-13
