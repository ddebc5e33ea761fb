"""Scaled copies of units that RMSNorms see together and that are used one by one behind them (N-5): heads, channels.

The norms have a large eps, so that a mean square that is not the old one shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
import torch
from growth.support import StateDict, grow, grown_state, plan_of, relative_error, run, unrounded_state
from proof.test_certificate_multiples import certificate_of
from torch import Tensor
from torch.nn import functional

from fptdsl.diagnostics import FptError
from fptdsl.growth.plan import Plan

EPS = 0.2
APART = """\
block Attention(heads, kv_heads, depth, v_dim) {{
  q: linear(heads * depth)
  q_norm: {norm}
  split_heads(heads)
  let queries = rotary(100.0)
  k: linear(kv_heads * depth) from input
  k_norm: {norm}
  split_heads(kv_heads)
  let keys = rotary(100.0)
  v: linear(kv_heads * v_dim) from input
  let values = split_heads(kv_heads)
  attention(causal=true) from queries, keys, values
  o: linear(6)
}}
model M {{
  input x: float[5, 6]
  attn: Attention({heads}, {kv}, 4, 3)
}}
"""
FUSED = """\
block Attention(heads, depth) {{
  v_and_qk: linear(heads * depth + heads * depth + heads * depth)
  let values = {{ narrow(-1, 0, heads * depth); split_heads(heads) }}
  narrow(-1, heads * depth, heads * depth) from v_and_qk
  q_norm: {norm}
  let queries = {{ split_heads(heads); rotary(100.0) }}
  narrow(-1, 2 * heads * depth, heads * depth) from v_and_qk
  k_norm: {norm}
  let keys = {{ split_heads(heads); rotary(100.0) }}
  attention from queries, keys, values
  o: linear(6)
}}
model M {{
  input x: float[5, 6]
  attn: Attention({heads}, 4)
}}
"""
UNITS = """\
model M {{
  input x: float[3, 8, 8]
  conv: conv2d(5, 3)
  over: {channels}
  gelu
  down: conv2d(4, 3)
  flatten
  up: linear(7)
  norm: {norm}
  tanh
  head: linear(3)
}}
"""
PLAIN, OFFSET = f"rmsnorm({EPS})", f"rmsnorm({EPS}, unit_offset=true)"
COPIES = "using rescale(copies=true)"


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., str]:
    numbers: Iterator[int] = iter(range(100))

    def write(spec: str, **words: object) -> str:
        path = tmp_path / f"{next(numbers)}.fpt"
        given = {"norm": PLAIN, "channels": f"rmsnorm({EPS}, dim=1)", "heads": 4, "kv": 2, **words}
        path.write_text(spec.format(**given))
        return str(path)

    return write


HEADS = [
    (APART, 4, 4, "widen attn heads to 5"),
    (APART, 4, 4, "widen attn heads to 6"),
    (APART, 4, 4, "widen attn heads to 11"),
    (APART, 4, 2, "widen attn heads to 6"),
    (APART, 4, 2, "widen attn kv_heads to 3"),
    (APART, 4, 2, "widen attn kv_heads to 5; widen attn heads to 15"),
    (APART, 4, 2, "widen attn kv_heads to 4; widen attn heads to 12"),
    (APART, 6, 2, "widen attn kv_heads to 3; widen attn v_dim by 2"),
    (APART, 3, 1, "widen attn heads to 4"),
    (FUSED, 4, 4, "widen attn heads to 6"),
    (FUSED, 2, 2, "widen attn heads to 7"),
    (UNITS, 0, 0, "widen up to 9"),
    (UNITS, 0, 0, "widen conv to 8; widen up by 20"),
]


@pytest.mark.parametrize("norm", [PLAIN, OFFSET])
@pytest.mark.parametrize(("spec", "heads", "kv", "growth"), HEADS)
def test_any_number_is_exact_and_certified(
    spec: str, heads: int, kv: int, growth: str, norm: str, made: Callable[..., str]
) -> None:
    outcome = grow(made(spec, heads=heads, kv=kv, norm=norm), growth)
    assert "rescale" in {step.method for step in outcome.plan.steps}
    assert outcome.plan.exactness == "exact"
    assert outcome.unrounded <= 1e-14
    assert outcome.stored <= 1e-6
    certificate = certificate_of(outcome.plan, outcome.state, outcome.grown)
    assert certificate.outcome == "passed", certificate.findings[:3]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_other_files_are_certified(dtype: str, made: Callable[..., str]) -> None:
    outcome = grow(made(APART, norm=OFFSET), "widen attn heads to 9; widen attn kv_heads to 3", dtype=dtype)
    assert certificate_of(outcome.plan, outcome.state, outcome.grown).outcome == "passed"


def test_a_multiple_is_left_to_plain_copies(made: Callable[..., str]) -> None:
    assert [step.method for step in plan_of(made(APART), "widen attn kv_heads to 4").steps] == ["net2net"]
    table = plan_of(made(APART), f"widen attn kv_heads to 4 {COPIES}").tables[0]
    assert table.signs == pytest.approx((1.0,) * 4, rel=1e-15)


def _attention(state: StateDict, x: Tensor, heads: int, kv: int) -> Tensor:
    """The attention of ``APART`` by torch's own functions."""
    s = {name.removeprefix("attn."): value.double() for name, value in state.items()}

    def normed(name: str) -> Tensor:
        made = functional.linear(x, s[f"{name}.weight"], s[f"{name}.bias"])
        return functional.rms_norm(made, made.shape[-1:], s[f"{name}_norm.weight"], EPS)

    def turned(units: Tensor, count: int) -> Tensor:
        units = units.reshape(*x.shape[:-1], count, 4).transpose(-2, -3)
        angle = torch.arange(x.shape[-2], dtype=torch.float64)[:, None] * 100.0 ** -torch.tensor([0.0, 0.5]).double()
        angle = torch.cat([angle, angle], -1)
        other = torch.cat([-units[..., 2:], units[..., :2]], -1)
        return units * angle.cos() + other * angle.sin()

    values = functional.linear(x, s["v.weight"], s["v.bias"]).reshape(*x.shape[:-1], kv, 3).transpose(-2, -3)
    queries, keys = turned(normed("q"), heads), turned(normed("k"), kv)
    keys, values = (part.repeat_interleave(heads // kv, dim=-3) for part in (keys, values))
    given = functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
    return functional.linear(given.transpose(-2, -3).flatten(-2), s["o.weight"], s["o.bias"])


@pytest.mark.parametrize(
    ("heads", "kv", "more", "more_kv"), [(4, 4, 6, 6), (4, 4, 7, 7), (4, 2, 6, 2), (4, 2, 6, 3), (4, 2, 15, 5)]
)
def test_by_torch(heads: int, kv: int, more: int, more_kv: int, made: Callable[..., str]) -> None:
    growth = f"widen attn heads to {more}"
    growth += f"; widen attn kv_heads to {more_kv}" if more_kv not in (kv, more) else ""
    outcome = grow(made(APART, heads=heads, kv=kv), growth)
    before = _attention(outcome.state, outcome.inputs[0], heads, kv)
    assert relative_error([before], outcome.old_outputs) <= 1e-6, "classes compute the angles in float32"
    new = unrounded_state(outcome.plan, outcome.state)
    assert relative_error([_attention(new, outcome.inputs[0], more, more_kv)], [before]) <= 1e-14


def test_every_head_is_copied_as_often_as_fits(made: Callable[..., str]) -> None:
    (table,) = plan_of(made(APART, kv=4), "widen attn heads to 11").tables
    counts = torch.tensor(table.classes).bincount()
    assert sorted(counts.tolist()) == [2, 3, 3, 3]
    squares = torch.zeros(4, dtype=torch.float64).index_add(
        0, torch.tensor(table.classes), torch.tensor(table.signs, dtype=torch.float64) ** 2
    )
    assert torch.allclose(squares, torch.full((4,), 11 / 4, dtype=torch.float64), rtol=1e-14)


def test_only_what_the_norms_see_is_scaled(made: Callable[..., str]) -> None:
    outcome = grow(made(APART, kv=4), "widen attn heads to 6", dtype="float64")
    (table,) = outcome.plan.tables
    heads, s = torch.tensor(table.classes), torch.tensor(table.signs, dtype=torch.float64)

    def part(name: str, state: StateDict) -> Tensor:
        values = state[f"attn.{name}"]
        return values.reshape(-1, 3 if name.startswith("v") else 4, *values.shape[1:])

    for name, factors in [
        ("q.weight", s),
        ("k.bias", s),
        ("q_norm.weight", 1 / s),
        ("v.weight", s**0),
        ("v.bias", s**0),
    ]:
        old, new = part(name, outcome.state)[heads], part(name, outcome.grown)
        assert torch.allclose(new, old * factors.reshape(-1, *(1,) * (old.ndim - 1)), rtol=1e-15, atol=0.0), name
    shares = torch.zeros(6, 4, 3, dtype=torch.float64)
    shares.index_add_(1, heads, outcome.grown["attn.o.weight"].reshape(6, 6, 3))
    assert torch.allclose(shares.reshape(6, 12), outcome.state["attn.o.weight"], rtol=1e-14, atol=1e-16)


# --- faults ---------------------------------------------------------------------------------------------


class Heads:
    """The heads of a grown network, to make mistakes in."""

    def __init__(self, state: StateDict, plan: Plan) -> None:
        self.state, self.table = state, plan.tables[0]
        self.last = self.table.new - 1
        """A copy; the head of which it is one has another number."""
        self.own = self.table.classes[self.last]

    def units(self, name: str, depth: int = 4) -> Tensor:
        values = self.state[f"attn.{name}"]
        return values.view(-1, depth, *values.shape[1:])


def _queries_of_a_copy_too_large(at: Heads) -> None:
    at.units("q.weight")[at.last] *= sqrt(2)
    at.units("q.bias")[at.last] *= sqrt(2)


def _copies_share_no_square(at: Heads) -> None:
    """Each copy of a head that occurs twice has all of the square that both should have."""
    for head, unit in enumerate(at.table.classes):
        for name in ("q.weight", "q.bias", "k.weight", "k.bias") if (at.table.classes == unit).sum() > 1 else ():
            at.units(name)[head] *= sqrt(2)


def _plain_copies(at: Heads) -> None:
    for head, s in enumerate(at.table.signs):
        for side in ("q", "k"):
            at.units(f"{side}.weight")[head] /= s
            at.units(f"{side}.bias")[head] /= s
            at.units(f"{side}_norm.weight")[head] *= s


def _a_gain_of_a_copy_not_divided(at: Heads) -> None:
    at.units("q_norm.weight")[at.last] *= at.table.signs[at.last]


def _gains_of_keys_not_divided(at: Heads) -> None:
    for head, s in enumerate(at.table.signs):
        at.units("k_norm.weight")[head] *= s


def _gains_multiplied(at: Heads) -> None:
    for head, s in enumerate(at.table.signs):
        at.units("q_norm.weight")[head] *= s * s


def _values_scaled(at: Heads) -> None:
    for head, s in enumerate(at.table.signs):
        at.units("v.weight", 3)[head] *= s
        at.units("v.bias", 3)[head] *= s


def _values_of_one_copy_scaled(at: Heads) -> None:
    at.units("v.weight", 3)[at.last] *= at.table.signs[at.last]


def _a_bias_not_scaled(at: Heads) -> None:
    at.units("q.bias")[at.last] /= at.table.signs[at.last]


def _keys_of_another_head(at: Heads) -> None:
    other = (at.own + 1) % at.table.old
    for name in ("k.weight", "k.bias", "k_norm.weight"):
        at.units(name)[at.last] = at.units(name)[other]


def _shares_not_divided(at: Heads) -> None:
    columns = at.state["attn.o.weight"].view(6, -1, 3)
    columns[:, at.last] += columns[:, at.own]


FAULTS: list[Callable[[Heads], None]] = [
    _queries_of_a_copy_too_large, _copies_share_no_square, _plain_copies, _a_gain_of_a_copy_not_divided,
    _gains_of_keys_not_divided, _gains_multiplied, _values_scaled, _values_of_one_copy_scaled, _a_bias_not_scaled,
    _keys_of_another_head, _shares_not_divided,
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_seen(fault: Callable[[Heads], None], made: Callable[..., str]) -> None:
    outcome = grow(made(APART, kv=4), "widen attn heads to 6", dtype="float64")
    state = {name: value.clone() for name, value in outcome.grown.items()}
    fault(Heads(state, outcome.plan))
    assert outcome.error_of(outcome.grown) <= 1e-14
    assert outcome.error_of(state) > 1e-3
    assert certificate_of(outcome.plan, outcome.state, state).outcome == "failed"


def test_gains_that_are_offsets_are_not_divided_as_they_are_stored(made: Callable[..., str]) -> None:
    outcome = grow(made(APART, kv=4, norm=OFFSET), "widen attn heads to 6", dtype="float64")
    state = {name: value.clone() for name, value in outcome.grown.items()}
    at = Heads(state, outcome.plan)
    for head, (s, unit) in enumerate(zip(at.table.signs, at.table.classes)):
        at.units("q_norm.weight")[head] = outcome.state["attn.q_norm.weight"].view(4, 4)[unit] / s
    assert outcome.error_of(state) > 1e-3
    assert certificate_of(outcome.plan, outcome.state, state).outcome == "failed"


SHARED = [
    ("signs", lambda table: table.signs * 1.001, "N5"),
    ("signs", lambda table: np.ones(table.new), "N5"),
    ("signs", lambda table: np.append(table.signs[0] * 1.001, table.signs[1:]), "N5"),
    ("signs", lambda table: np.full(table.new, sqrt(table.new / table.old)), "N5"),
]


@pytest.mark.parametrize(("field", "value", "check"), SHARED)
def test_multiples_that_plan_and_file_share(
    field: str, value: Callable[[object], object], check: str, made: Callable[..., str]
) -> None:
    plan = plan_of(made(APART, kv=4), "widen attn heads to 6")
    old = grow(made(APART, kv=4), "widen attn heads to 6").state
    plan = replace(plan, tables=(replace(plan.tables[0], **{field: value(plan.tables[0])}),))
    certificate = certificate_of(plan, old, grown_state(plan, old))
    assert certificate.outcome == "failed"
    assert check in {finding.check for finding in certificate.findings}


@pytest.mark.parametrize("spec", [APART, FUSED])
@pytest.mark.parametrize(
    ("tensor", "power", "check"), [("v", 1, "C3"), ("q_norm", 0, "C3"), ("k_norm", 0, "C3"), ("q_norm", 1, "C3")]
)
def test_a_tensor_that_plan_and_file_take_for_another_kind(
    spec: str, tensor: str, power: int, check: str, made: Callable[..., str]
) -> None:
    """Values that are multiples like queries, and gains that undo nothing, or do it once more."""
    outcome = grow(made(spec, kv=4), "widen attn heads to 6")

    def other(axis: object, begin: int = 0) -> object:
        if hasattr(axis, "parts"):
            return replace(axis, parts=(other(axis.parts[0]), *axis.parts[1:]))  # type: ignore[type-var]
        if hasattr(axis, "factors"):
            return replace(axis, factors=(other(axis.factors[0]), *axis.factors[1:]))  # type: ignore[type-var]
        return replace(axis, power=power)  # type: ignore[type-var]

    names = {f"attn.{tensor}.weight", f"attn.{tensor}.bias"}
    if tensor == "v" and spec == FUSED:
        names = {"attn.v_and_qk.weight", "attn.v_and_qk.bias"}
    tensors = tuple(
        replace(t, recipe=replace(t.recipe, axes=(other(t.recipe.axes[0]), *t.recipe.axes[1:])))
        if t.name in names and t.recipe
        else t
        for t in outcome.plan.tensors
    )
    assert tensors != outcome.plan.tensors
    plan = replace(outcome.plan, tensors=tensors)
    new = grown_state(plan, outcome.state)
    assert relative_error(run(plan.new, new, outcome.inputs), outcome.old_outputs) > 1e-3
    certificate = certificate_of(plan, outcome.state, new)
    assert certificate.outcome == "failed"
    assert check in {finding.check for finding in certificate.findings}


# --- learning -------------------------------------------------------------------------------------------


def test_everything_learns_and_copies_part(made: Callable[..., str]) -> None:
    from fptdsl.modules import build

    outcome = grow(made(APART, kv=4), "widen attn heads to 6")
    module = build(outcome.plan.new).double()
    module.load_state_dict({name: value.double() for name, value in outcome.grown.items()})
    (module(*outcome.inputs) ** 2).mean().backward()
    classes = outcome.plan.tables[0].classes
    for name in ("q.weight", "q_norm.weight", "k.weight", "k_norm.weight", "v.weight"):
        gradient = dict(module.named_parameters())[f"attn.{name}"].grad
        heads = gradient.reshape(6, -1)
        assert (heads.abs().amax(1) > 0).all(), name
        for copy in range(4, 6):
            assert not torch.allclose(heads[copy], heads[classes[copy]], rtol=1e-3), name
    assert (dict(module.named_parameters())["attn.o.weight"].grad.abs().amax(0) > 0).all()


# --- refusals and words ---------------------------------------------------------------------------------


REFUSED = [
    (APART, {"norm": "layernorm"}, "", "is a layer norm, and multiples of its units that differ move its mean"),
    (APART, {"norm": "layernorm"}, COPIES, "is a layer norm, and multiples of its units that differ move its mean"),
    (APART, {"norm": "rmsnorm(elementwise_affine=false)"}, "", "has no scale that could undo the multiples"),
    (APART, {}, "using rescale", "heads that are zero would have queries and keys that never learn"),
    (APART, {}, "using net2net", "kept only by copies of all alike"),
    (APART, {}, "using netmorph", "a mean over these units is taken"),
    (APART, {"norm": "{ gelu; n: rmsnorm }"}, "", "normalises what is computed of these units"),
    (APART, {"norm": "identity"}, COPIES, "no layer norm or RMSNorm stands over these units"),
]


@pytest.mark.parametrize(("spec", "words", "using", "message"), REFUSED)
def test_refusals(spec: str, words: dict[str, object], using: str, message: str, made: Callable[..., str]) -> None:
    with pytest.raises(FptError) as refused:
        plan_of(made(spec, kv=4, **words), f"widen attn heads to 6 {using}")
    (first, *_) = refused.value.diagnostics
    assert first.code == "F310"
    assert message in first.message


JOINED = """\
model M {
  input x: float[5, 6]
  a: linear(4)
  let a = identity
  b: linear(3) from input
  concat(-1) from a, b
  over: rmsnorm
  gelu
  head: linear(2)
}
"""
BESIDE = """\
model M {
  input x: float[5, 6]
  a: linear(4)
  over: rmsnorm
  let normed = gelu
  mul from normed, a
  head: linear(2)
}
"""
PARTED = """\
model M {
  input x: float[5, 6]
  a: linear(4 + 6)
  narrow(-1, 4, 6)
  over: rmsnorm
  gelu
  own: linear(2)
  whole: linear(2) from a
  add from own, whole
}
"""
AVERAGED = """\
model M {
  input x: float[5, 6]
  a: linear(4)
  over: rmsnorm
  gelu
  mean(-1)
  head: linear(2)
}
"""


@pytest.mark.parametrize(
    ("spec", "growth", "message"),
    [
        (JOINED, "widen a to 6", "normalises these units together with others"),
        (BESIDE, "widen a to 6", "makes what a norm reads and what `mul` reads without one"),
        (PARTED, "widen a by 3", "makes what a norm reads and what `whole` reads without one"),
        (AVERAGED, "widen a to 6", "takes a mean over these units themselves"),
    ],
)
def test_units_that_are_not_only_normed(spec: str, growth: str, message: str, tmp_path: Path) -> None:
    (path := tmp_path / "m.fpt").write_text(spec)
    with pytest.raises(FptError) as refused:
        plan_of(str(path), f"{growth} {COPIES}")
    assert any(message in found.message for found in refused.value.diagnostics)


def test_the_way_out_is_named(made: Callable[..., str]) -> None:
    def hint(growth: str) -> str | None:
        with pytest.raises(FptError) as refused:
            plan_of(made(APART, kv=4), growth)
        return refused.value.diagnostics[0].hint

    way = "use `rescale(copies=true)`"
    assert hint("widen attn heads to 6 using rescale") == way
    assert hint("widen attn heads to 6 using net2net") == (
        f"widen to a multiple of 4, or {way}, which scales what the norm reads of the copies"
    )
    assert hint("widen attn heads to 6 using netmorph") == (
        "`net2net` keeps it where every unit gets as many copies, `rescale(copies=true)` at any size"
    )


BLOCK = """\
  embed: linear(6)
  residual { n: rmsnorm; attn: Attention(4, 4, 4, 3) }
  last: rmsnorm
  head: linear(2)
"""


def test_the_plan_says_both_of_streams_and_of_heads(tmp_path: Path) -> None:
    spec = APART.format(norm=PLAIN, heads=4, kv=4).replace("  attn: Attention(4, 4, 4, 3)\n", BLOCK)
    (path := tmp_path / "m.fpt").write_text(spec)
    outcome = grow(str(path), "widen * by 1.5x")
    assert outcome.unrounded <= 1e-13
    assert certificate_of(outcome.plan, outcome.state, outcome.grown).outcome == "passed"
    why = next(step.why for step in outcome.plan.steps if step.method == "rescale")
    assert "the stream is rescaled" in why
    assert "the gains of copies undo it" in why
