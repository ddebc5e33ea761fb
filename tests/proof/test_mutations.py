"""Every cell of the mutation list: a fault is caught by the checks that claim it, and by no other."""

from __future__ import annotations

import pytest
from growth.support import StateDict, Weights
from proof.mutations import MUTATIONS, Grown, Mutation, grown

from fptdsl.proof.certificate import certify
from fptdsl.proof.gradients import gradient_probe
from fptdsl.proof.recipes import verify_plan


class Source(Weights):
    """A state dict that knows which tensors it has."""

    def __contains__(self, name: object) -> bool:
        return name in self.state


def planted(mutation: Mutation) -> tuple[Grown, StateDict]:
    at = grown(mutation.spec, mutation.grow)
    state = {name: tensor.clone() for name, tensor in at.new.items()}
    mutation.plant(state, at)
    assert any(not state[name].equal(at.new[name]) for name in state), "the fault changes nothing"
    assert all(state[name].shape == at.new[name].shape for name in state)
    return at, state


PARAMETERS = pytest.mark.parametrize("mutation", MUTATIONS, ids=[mutation.name for mutation in MUTATIONS])
SOUND = sorted({(mutation.spec, mutation.grow) for mutation in MUTATIONS})


@PARAMETERS
def test_certificate(mutation: Mutation) -> None:
    at, state = planted(mutation)
    certificate = certify(at.plan, Source(at.old), Source(state))
    assert certificate.outcome == ("failed" if mutation.certificate else "passed"), certificate.findings


@PARAMETERS
def test_numerical_check(mutation: Mutation) -> None:
    at, state = planted(mutation)
    verdict = verify_plan(at.plan, Source(at.old), Source(at.old), Source(state), file_dtype="float32")
    assert verdict.passed != mutation.numerical, verdict.wording


@PARAMETERS
def test_gradient_probe(mutation: Mutation) -> None:
    at, state = planted(mutation)
    report = gradient_probe(at.plan.new, Source(state), at.plan)
    assert bool(report.warnings) == mutation.gradients, report


@pytest.mark.parametrize(("spec", "grow"), SOUND)
def test_nothing_is_found_without_a_fault(spec: str, grow: str) -> None:
    at = grown(spec, grow)
    assert certify(at.plan, Source(at.old), Source(at.new)).outcome == "passed"
    assert verify_plan(at.plan, Source(at.old), Source(at.old), Source(at.new), file_dtype="float32").passed


def test_every_fault_is_caught_and_those_of_the_law_by_the_certificate() -> None:
    assert len(MUTATIONS) >= 25
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)
    for mutation in MUTATIONS:
        assert mutation.certificate or mutation.numerical or mutation.gradients
        assert mutation.certificate or not mutation.numerical
