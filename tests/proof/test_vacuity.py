"""A check of a function that does not react says nothing, and says so (V-3)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fptdsl.proof.verify import verify

COPIES = [0, 0, 3]


@pytest.fixture
def pair(bn_net, graph_of, weights_for):
    return graph_of(bn_net), graph_of(bn_net, width=8 + len(COPIES)), weights_for(graph_of(bn_net))


def compare(pair, widened, regrow=None, fault=None):
    old, new, state = pair
    grown = widened(state, COPIES)
    if fault:
        fault(grown)
    return verify(old, state.__getitem__, new, grown.__getitem__, file_dtype="float32", regrow=regrow)


def regrowing(widened, old, fault=None):
    """What a plan does: the same growth on whatever weights it is given."""

    def regrow(source):
        grown = widened({name: source.tensor(name) for name in old.tensors}, COPIES)
        if fault:
            fault(grown)
        return lambda name: grown[name].numpy()

    return regrow


def fault(state):
    state["conv2.weight"] *= 1.1


def zero_head(state):
    state["fc2.weight"].zero_()
    state["fc2.bias"].zero_()


def test_a_zero_head_without_a_plan_is_inconclusive(pair, widened):
    zero_head(pair[2])
    verdict = compare(pair, widened, fault=fault)
    assert not verdict.passed
    assert verdict.wording == "Inconclusive: the output `output` is the same for all inputs"


def test_a_constant_output_is_inconclusive(pair, widened):
    pair[2]["fc2.weight"].zero_()
    assert compare(pair, widened).inconclusive


def test_a_zero_head_is_compared_on_shaken_weights(pair, widened):
    zero_head(pair[2])
    verdict = compare(pair, widened, regrowing(widened, pair[0]))
    assert verdict.passed
    assert [row.source for row in verdict.rows] == ["random", "random", "perturbed", "perturbed"]
    gate = verdict.gates[-1]
    assert gate.name == "recipe on perturbed weights"
    assert 0 < gate.error <= 1e-14


def test_a_fault_behind_a_zero_head_is_seen_on_shaken_weights(pair, widened):
    zero_head(pair[2])
    verdict = compare(pair, widened, regrowing(widened, pair[0], fault), fault)
    assert not verdict.passed
    assert verdict.gates[-1].error > 100 * verdict.gates[-1].limit


def test_a_zero_gain_hides_a_fault_until_weights_are_shaken(pair, widened):
    """A branch with a zero gain does not make the output still, and yet hides what feeds it."""
    old, _, state = pair
    state["bn2.weight"].zero_()
    state["bn2.bias"].copy_(torch.linspace(0.1, 1, 6))
    state["fc1.weight"].add_(0.0)
    shaken = compare(pair, widened, regrowing(widened, old, fault), fault)
    assert not shaken.passed


def test_a_zero_tensor_is_named_where_there_is_no_plan(graph_of, weights_for):
    text = """
    model Skip {
      input x: float[6]
      residual { fc1: linear(8); tanh; fc2: linear(6) }
      head: linear(3)
    }
    """
    graph = graph_of(text)
    state = weights_for(graph)
    state["fc2.weight"].zero_()
    verdict = verify(graph, state.__getitem__, graph, state.__getitem__, file_dtype="float32")
    assert verdict.passed
    assert verdict.notes == (
        "`fc2.weight` is zero everywhere: what feeds it has no effect on the output and could not be compared",
    )


def test_shaken_weights_are_the_same_however_they_are_read(pair):
    from fptdsl.proof.shaken import ShakenWeights
    from fptdsl.proof.weights import Reader

    old, _, state = pair
    first = ShakenWeights(old, Reader(state.__getitem__))
    again = ShakenWeights(old, Reader(state.__getitem__))
    for name, tensor in old.tensors.items():
        whole = first.tensor(name)
        assert again.dtype(name) == ("int64" if tensor.init == "count" else "float64")
        if tensor.shape:
            pieces = [again.rows(name, start, start + 3) for start in range(0, tensor.shape[0], 3)]
            assert np.array_equal(np.concatenate(pieces), whole.numpy())
        if tensor.init == "variance":
            assert (whole > 0).all()
        elif tensor.init != "count":
            moved = whole - state[name].double()
            assert 0 < moved.abs().max() < 0.2
