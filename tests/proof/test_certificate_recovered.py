"""Certificates of two checkpoints without a plan: units are told by what they look like, or it is inconclusive."""

from __future__ import annotations

import pytest
from growth.support import plan_of, random_state
from proof.mutations import MUTATIONS, Mutation
from proof.mutations_of_multiples import FORMS, MEAN, RMS, TRANSFER, TWICE, WIDER
from proof.test_certificate import CIFAR, GROWTHS, MIXTURE, Source, grow
from proof.test_mutations import planted

from fptdsl.growth.plan import Plan
from fptdsl.proof.certificate import Certificate, certify_checkpoints


def certificate_of(plan: Plan, old: dict, new: dict) -> Certificate:
    return certify_checkpoints(plan.old, Source(old), plan.new, Source(new))


def _only_widens(text: str) -> bool:
    return not {"deepen", "branch", "enlarge"} & set(text.split())


@pytest.mark.parametrize(("spec", "text"), [*(pair for pair in GROWTHS if _only_widens(pair[1])), (MEAN, TWICE)])
def test_widening_needs_no_plan(spec: str, text: str) -> None:
    plan, old, new = grow(spec, text, "bfloat16")
    certificate = certificate_of(plan, old, new)
    assert certificate.outcome == "passed", certificate.reasons
    assert certificate.basis == "checkpoints"
    assert certificate.tensors == len(plan.tensors)


@pytest.mark.parametrize(
    ("spec", "text", "words"),
    [
        (CIFAR, "deepen layer1.0.conv1 by 1", "is not in both networks"),
        (MIXTURE, "enlarge up kernel_size to 4", "no group of units"),
        (CIFAR, "widen * by 1.5x using random_pad", "the law does not hold"),
        (CIFAR, "widen layer1.0.conv1 to 24 using net2net(noise=0.01)", "the law does not hold"),
        (RMS, WIDER, "the law does not hold"),
        (FORMS, TRANSFER, "the law does not hold"),
    ],
)
def test_what_takes_a_plan(spec: str, text: str, words: str) -> None:
    certificate = certificate_of(*grow(spec, text))
    assert certificate.outcome == "inconclusive"
    assert words in certificate.reasons[0]


def test_a_network_that_shrinks() -> None:
    plan, old, new = grow(CIFAR, "widen layer1.0.conv1 to 24")
    certificate = certify_checkpoints(plan.new, Source(new), plan.old, Source(old))
    assert certificate.outcome == "inconclusive"
    assert "has 16 units and had 24" in certificate.reasons[0]


def test_copies_of_units_that_were_alike() -> None:
    """Old units 3 and 4 are equal in all that makes them: of which of them a new one is a copy, nothing shows."""
    from growth.support import grown_state

    plan = plan_of(CIFAR, "widen layer1.0.conv1 to 32 using net2net", settings={"n": 1})
    old = random_state(plan.old)
    copied = plan.tables[0].classes[20]
    for name in ("conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"):
        tensor = old[f"layer1.0.{name}"]
        tensor[(copied + 1) % 16] = tensor[copied]
    certificate = certificate_of(plan, old, grown_state(plan, old))
    assert certificate.outcome == "inconclusive"
    assert "looks like several old units" in certificate.reasons[0]


WIDENED = [mutation for mutation in MUTATIONS if _only_widens(mutation.grow)]


@pytest.mark.parametrize("mutation", WIDENED, ids=[mutation.name for mutation in WIDENED])
def test_no_fault_is_certified(mutation: Mutation) -> None:
    at, state = planted(mutation)
    certificate = certificate_of(at.plan, at.old, state)
    if mutation.certificate:
        assert certificate.outcome == "inconclusive", "the function is changed, or a copy is"
    else:
        assert certificate.outcome in ("passed", "inconclusive")
