"""``zero(copies=true)`` (LLaMA-Pro): new blocks are copies of their neighbours, but for what ends them."""

from __future__ import annotations

import pytest
import torch
from growth.support import Outcome, grow, plan_of
from hf.test_growth import Case, fields
from proof.test_certificate_multiples import certificate_of

from fptdsl.diagnostics import FptError
from fptdsl.growth.recipe import Source

RMS, SANDWICH, CIFAR = "tests/proof/specs/rms_stream.fpt", "tests/proof/specs/sandwich.fpt", "resnet_cifar"
SETTINGS: dict[str, dict[str, object]] = {CIFAR: {"n": 2}}


def _grown(spec: str, directive: str) -> Outcome:
    return grow(spec, directive, settings=SETTINGS.get(spec))


def _certified(outcome: Outcome) -> str:
    return certificate_of(outcome.plan, outcome.state, outcome.grown).outcome


def test_all_but_the_zeros_is_the_block_before() -> None:
    new, model = "layers.3.", "layers.1."
    outcome = _grown(RMS, "deepen layers by 2 using zero(copies=true)")
    assert outcome.plan.exactness == "bitwise"
    assert outcome.stored == 0.0
    assert _certified(outcome) == "passed"
    names = [name for name in outcome.grown if name.startswith(new)]
    zero = [name for name in names if not outcome.grown[name].any()]
    assert zero
    assert len(zero) < len(names)
    for name in set(names) - set(zero):
        assert torch.equal(outcome.grown[name], outcome.state[model + name.removeprefix(new)])
    outcome.grown[zero[0]] += 0.1
    assert outcome.error_of(outcome.grown) > 1e-4
    assert _certified(outcome) == "failed"


def test_interleaved_blocks_copy_the_one_before_each() -> None:
    outcome = _grown(RMS, "deepen layers by 2 interleaved using zero(copies=true)")
    assert outcome.stored == 0.0
    assert torch.equal(outcome.grown["layers.1.up.weight"], outcome.state["layers.0.up.weight"])
    assert torch.equal(outcome.grown["layers.3.up.weight"], outcome.state["layers.1.up.weight"])


def test_batch_norms_take_the_statistics_along() -> None:
    outcome = _grown(CIFAR, "deepen layer1 by 1 using zero(copies=true)")
    assert outcome.stored == 0.0
    assert _certified(outcome) == "passed"
    for suffix in ("bn1.running_mean", "bn1.running_var", "bn1.weight", "conv2.weight", "bn2.running_var"):
        assert torch.equal(outcome.grown[f"layer1.2.{suffix}"], outcome.state[f"layer1.1.{suffix}"]), suffix
    assert int(outcome.grown["layer1.2.bn1.num_batches_tracked"]) == 0
    assert not outcome.grown["layer1.2.bn2.weight"].any()


@pytest.mark.parametrize(
    ("spec", "path", "wider"),
    [
        (RMS, "layers", "widen layers.*.up by 5 using net2net"),
        (RMS, "layers", "widen layers.*.up by 5 using r2r"),
        (RMS, "layers", "widen layers.*.up by 5 using netmorph(zero=in)"),
        (RMS, "layers", "widen * by 2x using net2net"),
        (RMS, "layers", "widen * by 1.5x"),
        (RMS, "layers", "widen embed to 13 using rescale(copies=true)"),
        (SANDWICH, "layers", "widen * by 1.5x"),
        (CIFAR, "layer1", "widen layer1 by 3 using net2net"),
        (CIFAR, "layer1", "widen layer1 by 3 using r2r"),
    ],
)
def test_copies_grow_as_their_models_do(spec: str, path: str, wider: str) -> None:
    outcome = _grown(spec, f"deepen {path} by 1 using zero(copies=true); {wider}")
    assert outcome.unrounded <= 1e-14
    assert outcome.stored <= 1e-6
    assert _certified(outcome) == "passed"
    recipes = [t.recipe for t in outcome.plan.tensors if t.action == "add" and t.recipe is not None]
    assert any(isinstance(recipe.start, Source) for recipe in recipes)


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma2", "olmo2"])
@pytest.mark.parametrize("wider", ["", "; widen * by 2x using net2net", "; widen * by 1.5x"])
def test_families(name: str, wider: str) -> None:
    spec, config = fields(name)
    if wider and name == "olmo2":
        wider = "; widen * by 2x"  # its norms of queries and keys allow no other factor
    elif wider.endswith("net2net") and name == "gemma2":
        wider = "; widen * by 2x"
    path = "transformer.h" if spec == "gpt2" else "model.layers"
    case = Case(spec, config, f"deepen {path} by 1 using zero(copies=true){wider}")
    assert case.error() <= 1e-12
    assert any(
        t.action == "add" and t.recipe is not None and isinstance(t.recipe.start, Source) for t in case.plan.tensors
    )


def test_other_methods_have_no_copies() -> None:
    with pytest.raises(FptError, match="copies"):
        plan_of(RMS, "deepen layers by 1 using r2r(copies=true)")


def test_the_default_draws_afresh() -> None:
    outcome = _grown(RMS, "deepen layers by 1 using zero")
    assert not torch.equal(outcome.grown["layers.2.up.weight"], outcome.state["layers.1.up.weight"])
    assert outcome.plan.steps[0].why != _grown(RMS, "deepen layers by 1 using zero(copies=true)").plan.steps[0].why
