"""``branch`` of an identity skip: parallel layers that add up to the identity (D-12)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from growth.support import Outcome, grow, plan_of, random_state, run
from torch import nn

from fptdsl import api, load
from fptdsl.diagnostics import FptError
from fptdsl.modules import build

RESNET = "tests/growth/specs/small_cifar.fpt"
MIXER = {"width": 6, "depth": 2, "tokens": 5, "channels": 7, "patch": 4, "size": 16, "num_classes": 5}

CHAIN = """\
model Chain {
  input x: float[8, 9]
  stem: conv1d(6, 3, padding=1)
  body: repeat 2 {
    residual {
      conv: conv1d(6, 3, padding=1)
      gelu
    }
  }
  skip: conv1d(4, 1)
  flatten
  wide: residual {  # named, and without a key `skip` of its own
    fc1: linear(12); relu
    fc2: linear(36)
  }
  head: linear(3)
}
"""


@pytest.fixture
def chain(tmp_path: Path) -> str:
    path = tmp_path / "chain.fpt"
    path.write_text(CHAIN)
    return str(path)


@pytest.mark.parametrize("into", [2, 3, 5])
def test_a_skip_of_images_becomes_layers_that_add_up_to_it(into: int) -> None:
    outcome = grow(RESNET, f"branch layer1.0 into {into}")
    assert outcome.plan.exactness == "exact"
    assert outcome.unrounded <= 1e-15
    assert outcome.stored <= 1e-15
    names = ["skip", *(f"skip_{n}" for n in range(1, into))]
    parts = [outcome.grown[f"layer1.0.{name}.weight"].double() for name in names]
    assert bool((sum(parts)[:, :, 0, 0] == torch.eye(16)).all()), "on the file's grid the shares are exact"
    assert all(float(part.abs().max()) > 0.1 for part in parts)


def test_the_skips_of_every_kind_of_value(chain: str) -> None:
    outcome = grow(chain, "branch body.* into 2; branch wide into 3")
    assert outcome.unrounded <= 1e-15
    shapes = {name: tuple(t.shape) for name, t in outcome.grown.items() if "skip" in name and name != "skip.bias"}
    assert shapes == {
        "body.0.skip.weight": (6, 6, 1),
        "body.0.skip_1.weight": (6, 6, 1),
        "body.1.skip.weight": (6, 6, 1),
        "body.1.skip_1.weight": (6, 6, 1),
        "skip.weight": (4, 6, 1),
        "wide.skip.weight": (36, 36),
        "wide.skip_1.weight": (36, 36),
        "wide.skip_2.weight": (36, 36),
    }


def test_all_skips_of_a_block_are_branched() -> None:
    outcome = grow("mlp_mixer", "branch blocks.0 into 2", settings=MIXER)
    assert outcome.unrounded <= 1e-15
    new = sorted(t.name for t in outcome.plan.tensors if t.action == "add")
    assert new == [f"blocks.0.{name}.weight" for name in ("skip", "skip_1", "skip_2", "skip_2_1")]


def test_with_other_directives_at_the_same_place() -> None:
    together = (
        "branch layer1.0 into 2; branch layer1.0.conv1 into 2; enlarge layer1.0.conv2 kernel_size to 5; "
        "widen layer1 by 2x using net2net; deepen layer1 by 1"
    )
    outcome = grow(RESNET, together)
    assert outcome.unrounded <= 1e-12
    assert outcome.stored <= 1e-11
    assert {"layer1.0.skip_1.weight", "layer1.0.conv1_1.weight"} <= set(outcome.grown)
    assert outcome.grown["layer1.0.conv2.weight"].shape[2:] == (5, 5)


def _one_tenth_too_much(outcome: Outcome) -> None:
    outcome.grown["layer1.0.skip_1.weight"] *= 1.2


def _two_units_swapped(outcome: Outcome) -> None:
    weight = outcome.grown["layer1.0.skip.weight"]
    weight[[0, 1]] = weight[[1, 0]].clone()


def _one_share_lost(outcome: Outcome) -> None:
    outcome.grown["layer1.0.skip.weight"][3] = 0.0


@pytest.mark.parametrize("fault", [_one_tenth_too_much, _two_units_swapped, _one_share_lost])
def test_planted_faults_are_seen(fault) -> None:  # type: ignore[no-untyped-def]
    outcome = grow(RESNET, "branch layer1.0 into 2")
    fault(outcome)
    assert outcome.error_of(outcome.grown) > 1e-3


def test_against_torch(chain: str) -> None:
    """The grown network by hand: what a reader of the specification would write."""
    outcome = grow(chain, "branch wide into 2")
    state = {name: values.double() for name, values in outcome.grown.items()}
    linear = nn.functional.linear

    def forward(x: torch.Tensor) -> torch.Tensor:
        h = nn.functional.conv1d(x, state["stem.weight"], state["stem.bias"], padding=1)
        for n in range(2):
            inner = nn.functional.conv1d(h, state[f"body.{n}.conv.weight"], state[f"body.{n}.conv.bias"], padding=1)
            h = h + nn.functional.gelu(inner)
        h = nn.functional.conv1d(h, state["skip.weight"], state["skip.bias"]).flatten(1)
        inner = torch.relu(linear(h, state["wide.fc1.weight"], state["wide.fc1.bias"]))
        inner = linear(inner, state["wide.fc2.weight"], state["wide.fc2.bias"])
        h = inner + (linear(h, state["wide.skip.weight"]) + linear(h, state["wide.skip_1.weight"]))
        return linear(h, state["head.weight"], state["head.bias"])

    expected = forward(outcome.inputs[0])
    assert float((expected - outcome.old_outputs[0]).abs().max() / expected.abs().max()) <= 1e-14


def test_every_new_layer_learns() -> None:
    outcome = grow(RESNET, "branch layer1.0 into 2")
    module = build(outcome.plan.new).double()
    module.load_state_dict({k: v.double() if v.is_floating_point() else v for k, v in outcome.grown.items()})
    module(*outcome.inputs).square().sum().backward()
    gradients = {name: p.grad for name, p in module.named_parameters() if "skip" in name}
    assert len(gradients) == 2
    assert all(g is not None and float(g.abs().min()) > 0 for g in gradients.values())
    assert any("equal gradients" in warning for warning in outcome.plan.warnings)


REFUSED = [
    ("branch layer2.0 into 2", "shortcut with layers of its own"),
    ("branch layer1 into 2", "no identity skip"),
    ("branch bn1 into 2", "not a layer with a kernel"),
    ("branch layer1.0 into 2; branch layer*.0 into 3", "two new forms"),
]


@pytest.mark.parametrize(("directive", "words"), REFUSED)
def test_what_is_no_identity_skip_is_refused(directive: str, words: str) -> None:
    with pytest.raises(FptError) as refused:
        plan_of(RESNET, directive)
    assert any(words in d.message and d.hint for d in refused.value.diagnostics)


def test_the_grown_spec_reads_well_and_grows_again(tmp_path: Path, chain: str) -> None:
    graph = plan_of(chain, "branch wide into 2").old
    torch.save(random_state(graph), tmp_path / "chain.pt")
    made = api.apply(chain, tmp_path / "chain.pt", grow="branch wide into 2")
    assert made.passed
    assert made.document["certificate"]["outcome"] in ("passed", "inconclusive")
    text = (tmp_path / "chain.grown.fpt").read_text()
    assert (
        "  wide: residual {  # named, and without a key `skip` of its own\n    fc1: linear(12); relu\n"
        "    fc2: linear(36)\n  } shortcut {\n    parallel(add) {\n      skip: linear(36, bias=false)\n"
        "      skip_1: linear(36, bias=false)\n    }\n  }\n"
    ) in text
    again = api.apply(
        tmp_path / "chain.grown.fpt",
        tmp_path / "chain.grown.pt",
        out=tmp_path / "twice.pt",
        grow="deepen wide.skip_1 by 1 using netmorph",
    )
    assert again.passed
    before = torch.load(tmp_path / "chain.pt")
    x = torch.randn(2, 8, 9, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    module = load(str(tmp_path / "twice.fpt"), str(tmp_path / "twice.pt")).double().eval()
    with torch.no_grad():
        new = module(x)
    assert torch.allclose(new, run(graph, before, [x])[0], rtol=0, atol=1e-12)
