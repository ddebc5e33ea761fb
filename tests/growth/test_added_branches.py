"""A residual branch that ends in zero, added behind a layer that has none (D-9)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from growth.support import StateDict, grow, plan_of, random_state
from proof.test_certificate_multiples import certificate_of

from fptdsl import api
from fptdsl.diagnostics import FptError
from fptdsl.modules import build

MIXTURE = "tests/growth/specs/mixture.fpt"
MAXOUT: dict[str, object] = {"inputs": 12, "units": 6, "pieces": 3, "num_classes": 4}
KEPT = [
    (MIXTURE, "deepen g1 by 1 using zero"),
    (MIXTURE, "deepen gc by 1 to 24 using zero"),
    (MIXTURE, "deepen mb.0.dw by 1 using zero"),
    (MIXTURE, "deepen fc2 by 2 using zero"),
    (MIXTURE, "deepen inc.b.c by 1 using zero"),
    ("mlp", "deepen layers.0.fc by 1 to 7 using zero"),
    ("lenet", "deepen conv2 by 1 using zero"),
    ("maxout_mlp", "deepen layers.0.fc by 1 to 9 using zero"),
]


@pytest.mark.parametrize(("spec", "directive"), KEPT)
def test_the_function_is_kept_bit_by_bit(spec: str, directive: str) -> None:
    outcome = grow(spec, directive, settings=MAXOUT if spec == "maxout_mlp" else None)
    assert outcome.plan.exactness == "bitwise"
    assert {step.method for step in outcome.plan.steps} == {"zero"}
    assert outcome.stored == 0.0
    assert certificate_of(outcome.plan, outcome.state, outcome.grown).outcome == "passed"


def test_with_other_growth_at_the_same_place() -> None:
    outcome = grow(MIXTURE, "deepen fc1 by 1 to 5 using zero", "widen fc1 by 7 using net2net", "widen stem by 3")
    assert outcome.unrounded <= 1e-14
    assert certificate_of(outcome.plan, outcome.state, outcome.grown).outcome == "passed"


def test_a_last_layer_that_is_not_zero_is_seen() -> None:
    outcome = grow("lenet", "deepen conv2 by 1 using zero")
    last = outcome.plan.steps[0].why.split("`")[1]
    outcome.grown[f"{last}.weight"][3, 1, 2, 2] = 0.5
    assert outcome.error_of(outcome.grown) > 1e-4
    assert "D9" in {f.check for f in certificate_of(outcome.plan, outcome.state, outcome.grown).findings}


def test_the_last_layer_learns_first_and_the_others_behind_it() -> None:
    outcome = grow("mlp", "deepen layers.0.fc by 1 to 7 using zero")
    module = build(outcome.plan.new).double()
    module.load_state_dict({name: value.double() for name, value in outcome.grown.items()})
    new = [name for name in outcome.grown if name not in outcome.state]
    first, second = (_step(module, outcome.inputs) for _ in range(2))
    (last,) = [name for name in new if name.endswith("weight") and not outcome.grown[name].any()]
    assert {name for name in new if first[name].any()} == {last, last.replace("weight", "bias")}
    assert all(second[name].any() for name in new)


def _step(module: torch.nn.Module, inputs: list[torch.Tensor]) -> StateDict:
    module.zero_grad()
    (module(*inputs) ** 2).mean().backward()
    found = {name: parameter.grad.clone() for name, parameter in module.named_parameters()}
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter -= 0.05 * found[name]
    return found


def test_the_grown_spec_reads_back_and_grows_again(tmp_path: Path) -> None:
    torch.save(random_state(plan_of("lenet", "widen conv1 by 1").old), tmp_path / "old.pt")
    made = api.apply("lenet", tmp_path / "old.pt", out=tmp_path / "new.pt", grow="deepen conv1 by 1 to 9 using zero")
    assert made.passed
    assert "residual" in (tmp_path / "new.fpt").read_text()
    again = api.apply(
        tmp_path / "new.fpt", tmp_path / "new.pt", out=tmp_path / "more.pt", grow="widen conv1 by 2 using net2net"
    )
    assert again.passed


REFUSED = [
    (MIXTURE, "deepen gc by 1 to 23 using zero", "23 units do not divide into 4 groups", "to 24"),
    ("mlp", "deepen layers by 1 using zero", "no residual sum", "name a layer inside it"),
]


@pytest.mark.parametrize(("spec", "directive", "message", "hint"), REFUSED)
def test_refused_with_the_reason(spec: str, directive: str, message: str, hint: str) -> None:
    with pytest.raises(FptError) as refused:
        plan_of(spec, directive)
    assert message in refused.value.diagnostics[0].message
    assert hint in (refused.value.diagnostics[0].hint or "")
