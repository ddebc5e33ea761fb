"""Train mode (V-6): promised by exact plans, measured for those that are exact in eval mode only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from fptdsl.architecture import Graph, elaborate, lower
from fptdsl.growth import make_plan
from fptdsl.language import load
from fptdsl.modules import build
from fptdsl.proof.inputs import random_sample
from fptdsl.proof.network import Evaluation
from fptdsl.proof.recipes import every_tensor, verify_plan
from fptdsl.proof.variants import Stored
from fptdsl.proof.verdict import Verdict
from fptdsl.proof.verify import verify

State = dict[str, Tensor]

PLAIN = """
model Net(width = 8, inner = 6) {
  input image: float[3, 8, 8]
  conv1: conv2d(width, 3, padding=1, bias=false)
  bn1:   batchnorm2d
  relu
  conv2: conv2d(inner, 3, stride=2, padding=1)
  bn2:   batchnorm2d
  relu
  flatten
  fc1: linear(12)
  bn3: batchnorm1d
  dropout
  fc2: linear(5)
}
"""


class Held:
    """A state dict that recipes and networks read from."""

    def __init__(self, state: State) -> None:
        self.state = state

    def rows(self, name: str, start: int, stop: int):  # type: ignore[no-untyped-def]
        values = self.state[name].numpy()
        return values[start:stop] if values.ndim else values

    def dtype(self, name: str) -> str:
        return str(self.state[name].dtype).removeprefix("torch.")

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self.state[name].shape)


@pytest.fixture
def grown(tmp_path: Path, weights_for: Callable[..., State]) -> Callable[..., Verdict]:
    """The verdict on a growth by directives; ``fault`` changes what the recipes give."""

    def check(directives: str, fault: Callable[[str, Tensor], None] | None = None, text: str = PLAIN) -> Verdict:
        path = tmp_path / "model.fpt"
        path.write_text(text)
        document = load(path, grow=[directives])
        network = elaborate(document)
        graph = lower(network)
        plan = make_plan(network, graph, document.grows)
        held = Held(weights_for(graph))
        values = every_tensor(plan, held)
        new = {}
        for tensor in plan.tensors:
            pieces = [torch.as_tensor(piece) for piece in values(tensor.name)]
            new[tensor.name] = (torch.cat(pieces) if pieces[0].dim() else pieces[0]).reshape(tensor.new_shape)
        if fault is None:
            return verify_plan(plan, held, held, Held(new), file_dtype="float32")
        for name, changed in new.items():
            fault(name, changed)
        return verify(
            plan.old, held, plan.new, Held(new), file_dtype="float32", exactness=plan.exactness,
            unrounded=lambda name: new[name].numpy(),
        )  # fmt: skip

    return check


@pytest.mark.parametrize("method", ["net2net", "net2net(split=equal)", "r2r", "netmorph", "netmorph(zero=in)"])
def test_widening_behind_batch_norms_is_exact_in_train_mode(method: str, grown: Callable[..., Verdict]) -> None:
    verdict = grown(f"widen conv1 to 13 using {method}; widen conv2 to 9 using {method}")
    assert verdict.exactness == "exact"
    gate = next(gate for gate in verdict.gates if gate.name == "train mode")
    assert verdict.passed
    assert verdict.train_mode == gate.error <= 1e-13
    assert gate.limit == 1e-9
    assert verdict.to_json()["train_mode"] == verdict.train_mode


def test_an_inserted_norm_is_measured_and_forbids_nothing(grown: Callable[..., Verdict]) -> None:
    verdict = grown("deepen conv1 by 1 using net2net")
    assert verdict.exactness == "eval-only"
    assert verdict.passed
    assert verdict.train_mode is not None
    assert verdict.train_mode > 1e-4
    assert all(gate.name != "train mode" for gate in verdict.gates)


def test_a_fault_that_shows_in_train_mode_only(grown: Callable[..., Verdict]) -> None:
    """A running mean and a bias that are moved together: the same in eval, a shift where the batch's mean counts."""
    held: State = {}

    def moved(name: str, values: Tensor) -> None:
        held[name] = values
        if name == "bn3.running_mean":
            values += 1.0

    def balanced(name: str, values: Tensor) -> None:
        moved(name, values)
        if name == "bn3.running_var":
            held["bn3.bias"] += held["bn3.weight"] / (values + 1e-5).sqrt()

    assert not grown("widen conv1 to 13 using netmorph", moved).passed
    verdict = grown("widen conv1 to 13 using netmorph", balanced)
    assert not verdict.passed
    assert [gate.name for gate in verdict.gates if not gate.passed] == ["train mode"]
    assert "train mode: relative error" in verdict.wording


def test_two_files_without_a_plan_promise_nothing_in_train_mode(
    graph_of: Callable[..., Graph], weights_for: Callable[..., State], bn_net: str
) -> None:
    graph = graph_of(bn_net)
    old = weights_for(graph)
    new = {name: values.clone() for name, values in old.items()}
    new["bn2.running_mean"] += 1.0
    new["bn2.bias"] += new["bn2.weight"] / (new["bn2.running_var"] + 1e-5).sqrt()
    verdict = verify(graph, old.__getitem__, graph, new.__getitem__, file_dtype="float32")
    assert verdict.passed
    assert verdict.train_mode is not None
    assert verdict.train_mode > 1e-3


def test_without_batch_norms_there_is_nothing_to_compare(grown: Callable[..., Verdict]) -> None:
    text = "model Net {\n  input x: float[4]\n  a: linear(6)\n  relu\n  b: linear(3)\n}\n"
    verdict = grown("widen a to 9 using r2r", text=text)
    assert verdict.passed
    assert verdict.train_mode is None
    assert verdict.to_json()["train_mode"] is None


def test_batch_statistics_are_those_of_torch_in_train_mode(
    graph_of: Callable[..., Graph], weights_for: Callable[..., State]
) -> None:
    """Against the module itself in ``train()``, dropout with p=0; nothing that is held changes."""
    graph = graph_of(PLAIN)
    state = weights_for(graph)
    kept = {name: values.clone() for name, values in state.items()}
    sample = random_sample(graph, 3, 5)
    module = build(graph).double()
    module.load_state_dict(state)
    module.train()
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    expected = module(*(value.double() for value in sample.inputs.values())).detach()
    evaluation = Evaluation(graph, state.__getitem__, batch_statistics=True)
    found = evaluation.run([Stored()], [sample])["stored"][0]["output"]
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    assert all(torch.equal(state[name], values) for name, values in kept.items())
    eval_mode = Evaluation(graph, state.__getitem__).run([Stored()], [sample])["stored"][0]["output"]
    assert (eval_mode - expected).abs().max() > 1e-2
