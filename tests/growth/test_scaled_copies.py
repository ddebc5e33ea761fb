"""Scaled copies of residual streams to any size (W-5, N-5, N-6): exact, seen when wrong, and all of them learn."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from pathlib import Path

import pytest
import torch
from growth.support import Outcome, StateDict, grow, plan_of, run
from hf.families import FAMILIES
from hf.test_growth import STREAM, Case, fields
from proof.test_certificate_multiples import certificate_of

from fptdsl.diagnostics import FptError

PRE, MEANS, SANDWICH = (f"tests/proof/specs/{name}.fpt" for name in ("rms_stream", "mean_stream", "sandwich"))
COPIES = "using rescale(copies=true)"
STREAMS = [name for name, family in FAMILIES.items() if family.spec not in ("bert", "roberta", "distilbert")]
STREAMS.remove("opt, norms behind")


@pytest.mark.parametrize("size", [9, 13, 16, 21, 45])
@pytest.mark.parametrize("spec", [PRE, MEANS, SANDWICH])
def test_any_size_is_exact_and_certified(spec: str, size: int) -> None:
    outcome = grow(spec, f"widen embed to {size} {COPIES}")
    assert outcome.plan.exactness == "exact"
    assert outcome.unrounded <= 1e-14
    assert outcome.stored <= 1e-6
    assert certificate_of(outcome.plan, outcome.state, outcome.grown).outcome == "passed"


@pytest.mark.parametrize("name", ["llama", "llama 3, biases, tied", "olmo2", "gemma2", "gpt2"])
def test_families(name: str) -> None:
    _family(name, "by 5")


@pytest.mark.sweep
@pytest.mark.parametrize("size", ["by 1", "by 5", "by 2x", "to multiple of 77"])
@pytest.mark.parametrize("name", STREAMS)
def test_every_family(name: str, size: str) -> None:
    _family(name, size)


def _family(name: str, size: str) -> None:
    spec, config = fields(name)
    case = Case(spec, config, f"widen {STREAM.get(spec, 'model.embed_tokens')} {size} {COPIES}")
    assert case.plan.exactness == "exact"
    assert case.error() <= 1e-12


def test_units_are_copied_as_often_as_fits() -> None:
    def table(spec: str) -> tuple[list[int], tuple[float, ...]]:
        (table,) = plan_of(spec, f"widen embed to 21 {COPIES}").tables
        return torch.tensor(table.classes).bincount(minlength=8)[:8].tolist(), table.signs.tolist()

    counts, signs = table(PRE)
    assert sorted(counts) == [2, 2, 2, 3, 3, 3, 3, 3]
    assert sum(sign * sign for sign in signs) == pytest.approx(8)
    counts, signs = table(MEANS)
    assert counts == [2] * 8
    assert signs == [1 / sqrt(2)] * 21


# --- faults ---------------------------------------------------------------------------------------------


def _multiples(outcome: Outcome) -> torch.Tensor:
    return torch.tensor(outcome.plan.tables[0].signs)


def _plain_writers(state: StateDict, at: Outcome) -> None:
    state["layers.0.down.weight"] /= _multiples(at)[:, None]
    state["layers.0.down.bias"] /= _multiples(at)


def _plain_table(state: StateDict, at: Outcome) -> None:
    state["position" if "position" in state else "embed.weight"] /= _multiples(at)


def _plain_readers(state: StateDict, at: Outcome) -> None:
    state["layers.1.up.weight"] *= _multiples(at)


def _gains_of_plain_copies(state: StateDict, at: Outcome) -> None:
    """N-5 has the multiples in the gains, and plain shares in the readers: not both."""
    name = "layers.1.norm.weight" if "layers.1.norm.weight" in state else "layers.1.before.weight"
    offset = float(name.endswith("before.weight"))
    state[name] = (state[name] + offset) / _multiples(at) - offset


FAULTS: list[Callable[[StateDict, Outcome], None]] = [
    _plain_writers, _plain_table, _plain_readers, _gains_of_plain_copies,
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("spec", [PRE, MEANS, SANDWICH])
def test_planted_faults_are_seen(spec: str, fault: Callable[[StateDict, Outcome], None]) -> None:
    outcome = grow(spec, f"widen embed to 21 {COPIES}")
    state = {name: value.clone() for name, value in outcome.grown.items()}
    fault(state, outcome)
    # Behind a norm of its own a branch forgets its size but for eps; the rest of the stream does not.
    assert outcome.error_of(state) > (1e-7 if spec == SANDWICH and fault is _plain_writers else 1e-2)
    assert certificate_of(outcome.plan, outcome.state, state).outcome == "failed"


@pytest.mark.parametrize("times", [2, 3])
@pytest.mark.parametrize("spec", [PRE, MEANS, SANDWICH])
def test_copies_of_all_alike_are_the_old_units_to_the_bit(spec: str, times: int) -> None:
    """The stream times ``sqrt(m)``, and each of ``m`` copies ``1/sqrt(m)`` of its unit: nothing is left to round."""
    outcome = grow(spec, f"widen embed by {times}x {COPIES}", dtype="float64")
    assert outcome.stored <= 1e-12
    assert certificate_of(outcome.plan, outcome.state, outcome.grown).outcome == "passed"
    old, new = outcome.state["embed.weight"], outcome.grown["embed.weight"]
    assert new.numel() == times * old.numel()
    if spec != SANDWICH:  # whose head reads the embedding too
        assert torch.equal(new, torch.cat([old] * times, dim=0 if len(new) > len(old) else 1))


# --- learning and messages ------------------------------------------------------------------------------


def test_everything_learns_and_copies_part() -> None:
    """With zeros what reads the new units gets no gradient at first; copies of one unit get gradients of their own."""
    outcome = grow(PRE, f"widen embed to 13 {COPIES}")
    (table,) = outcome.plan.tables
    first = {unit: table.classes.tolist().index(table.classes[unit]) for unit in range(8, 13)}
    gradients = _gradients(outcome)
    for name in ("embed.weight", "layers.0.norm.weight", "layers.0.up.weight", "layers.0.down.weight", "norm.weight"):
        units = gradients[name].movedim(gradients[name].shape.index(13), 0)
        assert (units.reshape(13, -1).abs().amax(1) > 0).all(), name
        if name in ("embed.weight", "layers.0.norm.weight", "layers.0.down.weight"):
            assert all(not torch.allclose(units[a], units[b], rtol=1e-3) for a, b in first.items()), name
    zeros = _gradients(grow(PRE, "widen embed to 13 using rescale"))
    assert not zeros["layers.0.up.weight"][:, 8:].any()


def _gradients(outcome: Outcome) -> StateDict:
    from fptdsl.modules import build

    module = build(outcome.plan.new).double()
    module.load_state_dict({name: value.double() for name, value in outcome.grown.items()})
    found = module(*outcome.inputs)
    (found**2).mean().backward()
    return {name: parameter.grad for name, parameter in module.named_parameters()}


def test_copies_of_some_units_are_refused_with_this_way_out() -> None:
    with pytest.raises(FptError) as refused:
        plan_of(PRE, "widen embed to 13 using net2net")
    hint = "widen to a multiple of 8, or use `rescale(copies=true)`, which scales the copies of a residual stream"
    assert refused.value.diagnostics[0].hint == hint


def test_an_embedding_is_scaled_up_by_the_transfer(tmp_path: Path) -> None:
    """W-8 where the writer's units are the last axis of its kernel."""
    spec = "model M {\n  input ids: int[6]\n  embed: embedding(11, 8)\n  relu\n  fc: linear(5)\n  head: linear(3)\n}\n"
    (path := tmp_path / "words.fpt").write_text(spec)
    outcome = grow(str(path), "widen embed by 6 using r2r(transfer=true)")
    assert outcome.plan.exactness == "exact"
    assert outcome.unrounded <= 1e-14
    assert torch.allclose(outcome.grown["embed.weight"][:, :8], outcome.state["embed.weight"] * sqrt(14 / 8))
    assert certificate_of(outcome.plan, outcome.state, outcome.grown).outcome == "passed"
    assert run(outcome.plan.new, outcome.grown, outcome.inputs)[0].shape == (3, 6, 3)


def test_means_show_both_ways_out() -> None:
    with pytest.raises(FptError) as refused:
        plan_of(PRE, "widen embed to 13 using netmorph")
    hint = "`net2net` keeps it where every unit gets as many copies, `rescale` at any size"
    assert refused.value.diagnostics[0].hint == hint
