"""Factors of grouped and transposed convolutions, and of kernels of low rank (D-10)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from growth.support import Outcome, grow, grown_state, plan_of, random_inputs, random_state, relative_error, run
from growth.support import unrounded_state as unrounded
from torch.nn.functional import conv2d, conv_transpose2d

from fptdsl import api
from fptdsl.diagnostics import FptError

SPEC = """\
model Forms {
  input image: float[3, 6, 6]
  stem: conv2d(6, 3, padding=1)
  gelu
  dw: conv2d(12, 3, padding=1, groups=6)
  relu
  gc: conv2d(8, 3, padding=2, groups=2, stride=2, dilation=2)
  silu
  up: conv_transpose2d(6, 3, stride=2, padding=1, output_padding=1)
  relu
  mix: conv2d(7, 3, padding=1)
  relu
  flatten
  fc: linear(12)
  relu
  head: linear(5)
}
"""


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "forms.fpt"
    path.write_text(SPEC)
    return str(path)


def factor(place: str, to: int | None = None, kernel: int | None = None) -> str:
    width = f" to {to}" if to else ""
    return f"deepen {place} by 1{width} using netmorph(factor=true{f', kernel={kernel}' if kernel else ''})"


KEPT = [
    (factor("up"), {"up_1.weight": (8, 8, 1, 1), "up.weight": (8, 6, 3, 3)}),
    (factor("up", 7, 3), {"up_1.weight": (8, 7, 3, 3), "up.weight": (7, 6, 1, 1)}),
    (factor("up", 11), {"up_1.weight": (8, 11, 1, 1)}),
    (factor("gc"), {"gc_1.weight": (12, 6, 1, 1), "gc.weight": (8, 6, 3, 3)}),
    (factor("gc", 10, 3), {"gc_1.weight": (10, 6, 3, 3), "gc.weight": (8, 5, 1, 1)}),
    (factor("dw"), {"dw_1.weight": (6, 1, 1, 1), "dw.weight": (12, 1, 3, 3)}),
    (factor("dw", 18), {"dw_1.weight": (18, 1, 1, 1), "dw.weight": (12, 3, 3, 3)}),
    (f"{factor('up')}; {factor('gc')}; widen stem by 2x; widen up by 3 using net2net", {"up.weight": (8, 9, 3, 3)}),
]


@pytest.mark.parametrize(("directive", "shapes"), KEPT)
def test_the_function_is_kept(spec: str, directive: str, shapes: dict[str, tuple[int, ...]]) -> None:
    outcome = grow(spec, directive)
    assert outcome.plan.exactness == "exact"
    for name, shape in shapes.items():
        assert tuple(outcome.grown[name].shape) == shape
    assert outcome.unrounded <= 1e-13
    assert outcome.stored <= 1e-6


def test_transposed_factors_by_torch(spec: str) -> None:
    outcome = grow(spec, factor("up"))
    x = torch.randn(2, 8, 5, 5, dtype=torch.float64)
    old, new = ({k: v.double() for k, v in s.items()} for s in (outcome.state, unrounded(outcome.plan, outcome.state)))
    wanted = conv_transpose2d(x, old["up.weight"], old["up.bias"], stride=2, padding=1, output_padding=1)
    inner = conv_transpose2d(x, new["up_1.weight"])
    got = conv_transpose2d(inner, new["up.weight"], new["up.bias"], stride=2, padding=1, output_padding=1)
    assert float((got - wanted).abs().max()) <= 1e-13


def test_grouped_factors_by_torch(spec: str) -> None:
    outcome = grow(spec, factor("gc"))
    x = torch.randn(2, 12, 7, 7, dtype=torch.float64)
    old, new = ({k: v.double() for k, v in s.items()} for s in (outcome.state, unrounded(outcome.plan, outcome.state)))
    form = {"stride": 2, "padding": 2, "dilation": 2, "groups": 2}
    wanted = conv2d(x, old["gc.weight"], old["gc.bias"], **form)
    got = conv2d(conv2d(x, new["gc_1.weight"], groups=2), new["gc.weight"], new["gc.bias"], **form)
    assert float((got - wanted).abs().max()) <= 1e-13


def _groups_exchanged(outcome: Outcome) -> None:
    outcome.grown["gc_1.weight"] = outcome.grown["gc_1.weight"].roll(6, 0)


def _turned_over(outcome: Outcome) -> None:
    outcome.grown["up_1.weight"] = outcome.grown["up_1.weight"].transpose(0, 1).contiguous()


def _not_linear_between(outcome: Outcome) -> None:
    name = next(n for n in outcome.grown if n.startswith("up_1_act"))
    outcome.grown[name] *= 0.9


@pytest.mark.parametrize("fault", [_groups_exchanged, _turned_over, _not_linear_between])
def test_planted_faults(spec: str, fault) -> None:  # type: ignore[no-untyped-def]
    outcome = grow(spec, f"{factor('up')}; {factor('gc')}")
    fault(outcome)
    assert outcome.error_of(outcome.grown) > 1e-3


REFUSED = [
    (factor("gc", 9), "2 groups"),
    (factor("up", None, 2), "one has a kernel of 1"),
    (factor("mix", 3, 2), "cannot be any such layer"),
]


@pytest.mark.parametrize(("directive", "words"), REFUSED)
def test_refused_with_the_reason(spec: str, directive: str, words: str) -> None:
    with pytest.raises(FptError) as refused:
        plan_of(spec, directive)
    assert words in refused.value.diagnostics[0].message


# --- kernels whose rank is below their size --------------------------------------------------------


def _of_low_rank(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """``fc`` of rank 4, ``mix`` of rank 2 over its inputs and of rank 3 over its outputs: copies and zeros, exactly."""
    fc, mix = state["fc.weight"].clone(), state["mix.weight"].clone()
    fc[4:] = fc[[0, 1, 2, 3, 0, 1, 2, 3]]
    mix[:, 2:] = mix[:, [0, 1, 0, 1]]
    mix[3:] = 0.0
    return {**state, "fc.weight": fc, "mix.weight": mix}


@pytest.mark.parametrize(
    "directive", [factor("fc", 4), factor("fc", 7), factor("mix", 2, 1), factor("mix", 3), factor("mix", 5, 3)]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_as_many_units_as_the_rank_are_enough(spec: str, directive: str, dtype: str) -> None:
    plan = plan_of(spec, directive)
    state = _of_low_rank(random_state(plan.old, dtype))
    inputs = random_inputs(plan.old, 3)
    old = run(plan.old, state, inputs)
    assert relative_error(run(plan.new, unrounded(plan, state), inputs), old) <= 1e-12
    grown = grown_state(plan, state, dtype)
    assert relative_error(run(plan.new, grown, inputs), old) <= (1e-6 if dtype == "float32" else 1e-12)
    assert any("no higher rank" in warning for warning in plan.warnings)
    name = directive.split()[1]
    weight = grown[f"{name}.weight"]
    assert float(weight.abs().max()) > 0.01
    grown[f"{name}.weight"] = weight.roll(1, 1)
    assert relative_error(run(plan.new, grown, inputs), old) > 1e-3


@pytest.mark.parametrize(("directive", "rank"), [(factor("fc", 3), 4), (factor("mix", 1, 1), 2), (factor("mix", 2), 3)])
def test_fewer_units_than_the_rank_are_refused(spec: str, directive: str, rank: int) -> None:
    plan = plan_of(spec, directive)
    with pytest.raises(FptError) as refused:
        unrounded(plan, _of_low_rank(random_state(plan.old)))
    told = refused.value.diagnostics[0]
    assert f"the rank {rank}" in told.message
    assert told.hint == f"`to {rank}`, or more"


def test_nothing_is_published_where_the_rank_is_too_high(spec: str, tmp_path: Path) -> None:
    torch.save(random_state(plan_of(spec, factor("fc", 3)).old), tmp_path / "forms.pt")
    with pytest.raises(FptError) as refused:
        api.apply(spec, tmp_path / "forms.pt", grow=factor("fc", 3))
    assert refused.value.diagnostics[0].code == "F321"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["forms.fpt", "forms.pt"]
    made = api.apply(spec, tmp_path / "forms.pt", grow=f"{factor('up')}; {factor('dw')}")
    assert made.passed
