"""Heads of keys and values copied for their query heads (T-4): ``enlarge PATH kv_heads to N``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from growth.support import (
    StateDict,
    grown_state,
    plan_of,
    random_inputs,
    random_state,
    relative_error,
    run,
    unrounded_state,
)
from proof.test_certificate import Source

from fptdsl.architecture import elaborate, lower
from fptdsl.diagnostics import FptError
from fptdsl.growth import make_plan
from fptdsl.growth.plan import Plan
from fptdsl.growth.recipe import Gathered
from fptdsl.growth.respell import respell
from fptdsl.language import load
from fptdsl.proof.certificate import certify
from fptdsl.proof.certificate.result import Certificate

SEPARATE = """\
block Attention(heads, groups, dim) {{
  q: linear(heads * dim)
  let queries = split_heads(heads)
  k: linear(groups * dim) from input
  let keys = {{ {before}; split_heads(groups); {behind} }}
  v: linear(groups * 5) from input
  let values = split_heads(groups)
  attention(causal=true) from queries, keys, values
  o: linear(6)
}}
model M {{
  input x: float[seq, 6]
  attn: Attention({heads}, {groups}, 4)
}}
"""
FUSED = """\
block Attention(heads, kv_heads, dim) {{
  qkv: linear(heads * dim + 2 * (kv_heads * dim))
  {before}
  narrow(-1, 0, heads * dim)
  let queries = split_heads(heads)
  narrow(-1, heads * dim, kv_heads * dim) from qkv
  let keys = split_heads(kv_heads)
  narrow(-1, (heads + kv_heads) * dim, kv_heads * dim) from qkv
  let values = split_heads(kv_heads)
  attention from queries, keys, values
  o: linear(6)
}}
model M {{
  input x: float[seq, 6]
  attn: Attention({heads}, {groups}, 4)
}}
"""
TRANSPOSED = SEPARATE.replace("k: linear", "k: transposed_linear").replace("o: linear", "o: transposed_linear")
TWICE = """\
model M {{
  input x: float[seq, 6]
  k: linear({groups} * 4) from x
  let keys = split_heads({groups})
  v: linear({groups} * 3) from x
  let values = split_heads({groups})
  first: {{
    q: linear({heads} * 4) from x
    let queries = split_heads({heads})
    bias: relative_position_bias({heads}, 8, 16) from queries, keys
    attention from queries, keys, values, bias
    o: linear(6)
  }}
  second: {{
    q: linear(2 * {heads} * 4)
    let more = split_heads(2 * {heads})
    attention(scale=0.3) from more, keys, values
    o: linear(6)
  }}
}}
"""


def written(
    folder: Path,
    text: str = SEPARATE,
    *,
    heads: int = 8,
    groups: int = 2,
    before: str = "identity",
    behind: str = "identity",
) -> str:
    path = folder / "net.fpt"
    path.write_text(text.format(heads=heads, groups=groups, before=before, behind=behind))
    return str(path)


class Grown:
    def __init__(self, spec: str, directive: str) -> None:
        self.plan: Plan = plan_of(spec, directive)
        self.old = random_state(self.plan.old, seed=3)
        self.inputs = random_inputs(self.plan.old, 2)
        self.before = run(self.plan.old, self.old, self.inputs)
        self.state = unrounded_state(self.plan, self.old)

    def error(self, change: Callable[[StateDict], None] | None = None) -> float:
        state = {name: value.clone() for name, value in self.state.items()}
        if change is not None:
            change(state)
        return relative_error(run(self.plan.new, state, self.inputs), self.before)


def repeated(value: torch.Tensor, groups: int, times: int) -> torch.Tensor:
    """``repeat_interleave`` over the heads of axis 0."""
    heads = value.double().reshape(groups, -1, *value.shape[1:])
    return heads.repeat_interleave(times, 0).flatten(0, 1)


# --- what the tensors are -------------------------------------------------------------------------------


@pytest.mark.parametrize(("groups", "to"), [(2, 4), (2, 8), (1, 2), (1, 8), (4, 8)])
@pytest.mark.parametrize("behind", ["identity", "rotary", "norm: rmsnorm", "silu; gain: scale(dim=3)"])
def test_heads_of_keys_and_values_stand_several_times_in_a_row(
    behind: str, groups: int, to: int, tmp_path: Path
) -> None:
    grown = Grown(written(tmp_path, groups=groups, behind=behind), f"enlarge attn kv_heads to {to}")
    assert [(s.kind, s.method, s.exactness) for s in grown.plan.steps] == [("enlarge", "copies", "exact")]
    for name, old in grown.old.items():
        new = grown.state[name]
        if name.startswith(("attn.k.", "attn.v.")):
            assert torch.equal(new, repeated(old, groups, to // groups)), name
        else:
            assert torch.equal(new, old.double()), name
    assert grown.error() <= 1e-14
    certificate = certified(grown.plan)
    assert certificate.outcome == "passed", (certificate.findings[:3], certificate.reasons)
    added = sum(v.numel() for v in grown.state.values()) - sum(v.numel() for v in grown.old.values())
    assert grown.plan.steps[0].parameters == added > 0


def test_the_blocks_own_name_for_the_size_serves_too(tmp_path: Path) -> None:
    spec = written(tmp_path)
    for named in ("attn groups", "attn kv_heads", "* kv_heads"):
        plan = plan_of(spec, f"enlarge {named} to 4")
        assert plan.new.tensors["attn.k.weight"].shape == (16, 6)
        assert plan.steps[0].target == "attn"


def test_parts_of_a_fused_kernel_are_copied_each_in_its_place(tmp_path: Path) -> None:
    grown = Grown(written(tmp_path, FUSED, heads=6, groups=2), "enlarge attn kv_heads to 6")
    for part in ("weight", "bias"):
        old, new = grown.old[f"attn.qkv.{part}"], grown.state[f"attn.qkv.{part}"]
        q, k, v = old.split([24, 8, 8])
        assert torch.equal(new, torch.cat([q.double(), repeated(k, 2, 3), repeated(v, 2, 3)]))
    parts = next(t for t in grown.plan.tensors if t.name == "attn.qkv.bias").parts
    assert [(p.start, p.stop, p.how) for p in parts][:4] == [
        (0, 28, "old"), (28, 36, "copy"), (36, 40, "old"), (40, 48, "copy"),
    ]  # fmt: skip
    assert grown.error() <= 1e-14


def test_kernels_with_their_inputs_on_axis_0_are_copied_along_axis_1(tmp_path: Path) -> None:
    grown = Grown(written(tmp_path, TRANSPOSED), "enlarge attn kv_heads to 4; widen attn heads to 16 using r2r")
    assert torch.equal(grown.state["attn.k.weight"], repeated(grown.old["attn.k.weight"].T, 2, 2).T)
    assert grown.error() <= 1e-12


def test_a_norm_over_all_keys_keeps_its_mean(tmp_path: Path) -> None:
    grown = Grown(written(tmp_path, before="norm: rmsnorm; part: layernorm"), "enlarge attn kv_heads to 8")
    for name in ("attn.norm.weight", "attn.part.weight", "attn.part.bias"):
        assert torch.equal(grown.state[name], repeated(grown.old[name], 2, 4))
    assert grown.error() <= 1e-12


def test_keys_and_values_that_two_attentions_use(tmp_path: Path) -> None:
    spec = written(tmp_path, TWICE, heads=4)
    for target in ("first", "second", "*"):
        grown = Grown(spec, f"enlarge {target} kv_heads to 4")
        assert len(grown.plan.steps) == 1
        assert torch.equal(grown.state["k.weight"], repeated(grown.old["k.weight"], 2, 2))
        assert grown.error() <= 1e-14
    with pytest.raises(FptError) as caught:
        plan_of(spec, "enlarge second kv_heads to 8")
    assert "its query heads are no whole groups for 4 copies" in caught.value.diagnostics[0].message


# --- with other growth, and again -------------------------------------------------------------------------

TOGETHER = [
    "widen attn heads to 16",
    "widen attn groups to 6 using net2net",
    "widen attn groups to 6 using r2r",
    "widen attn dim to 6",
    "widen attn.v to 40",
    "widen attn heads to 24 using net2net; widen attn.v to 32",
    "deepen attn.q by 1",
    "deepen attn by 1",
    "deepen attn by 1 using r2r",
    "deepen attn by 1 using zero(copies=true)",
]
STACK = SEPARATE.replace(
    "model M {{\n", "block Layer(heads, groups) {{\n  residual {{ own: Attention(heads, groups, 4) }}\n}}\nmodel M {{\n"
).replace(
    "  attn: Attention({heads}, {groups}, 4)",
    "  attn: sequential {{ Layer({heads}, {groups}); Layer({heads}, {groups}) }}",
)


@pytest.mark.parametrize("more", TOGETHER)
def test_with_other_growth_in_one_plan(more: str, tmp_path: Path) -> None:
    text = STACK if "deepen attn by" in more else SEPARATE
    spec = written(tmp_path, text)
    grown = Grown(spec, f"enlarge * kv_heads to 4; {more}")
    assert grown.plan.exactness in ("exact", "bitwise")
    assert grown.error() <= 1e-12
    certificate = certified(grown.plan)
    assert certificate.outcome == "passed", (certificate.findings[:3], certificate.reasons)


def test_inputs_of_copies_are_shared_out_alike(tmp_path: Path) -> None:
    """Random shares of a widened input are equal in copies, which the certificate asks for bit by bit."""
    behind = SEPARATE.replace("  attn: Attention", "  inner: linear(9)\n  attn: Attention")
    for text in (behind, behind.replace("k: linear", "k: transposed_linear")):
        spec = written(tmp_path, text)
        for method in ("net2net", "r2r", "netmorph(zero=in)"):
            grown = Grown(spec, f"enlarge * kv_heads to 8; widen inner to 11 using {method}")
            key = grown.state["attn.k.weight"]
            key = (key.T if "transposed_linear(groups" in text else key).reshape(2, 4, 4, 11)
            assert torch.equal(key, key[:, :1].expand_as(key))
            assert grown.error() <= 1e-12
            assert certified(grown.plan).outcome == "passed"


def test_the_grown_spec_grows_again(tmp_path: Path) -> None:
    document = load(written(tmp_path), grow=["enlarge attn kv_heads to 4"])
    network = elaborate(document, {})
    text = respell(document, network, make_plan(network, lower(network), document.grows).network)
    first = Grown(written(tmp_path), "enlarge attn kv_heads to 4")
    assert "attn: Attention(8, 4, 4)" in text
    again = tmp_path / "again.fpt"
    again.write_text(text)
    assert lower(elaborate(load(str(again)), {})).tensors.keys() == first.plan.new.tensors.keys()
    for directive in ("enlarge attn kv_heads to 8", "widen attn groups to 5", "widen attn heads to 12"):
        plan = plan_of(str(again), directive)
        state = {name: value.float() for name, value in first.state.items()}
        second = run(plan.new, unrounded_state(plan, state), first.inputs)
        assert relative_error(second, first.before) <= 1e-12


# --- what goes wrong otherwise, and refusals ---------------------------------------------------------------


def tiled(state: StateDict) -> None:
    """All heads, and then all again."""
    for name in ("attn.k.weight", "attn.k.bias", "attn.v.weight", "attn.v.bias"):
        old = state[name].reshape(2, 2, -1)
        state[name] = old.transpose(0, 1).reshape(state[name].shape)


def test_tiled_copies_serve_other_query_heads(tmp_path: Path) -> None:
    assert Grown(written(tmp_path), "enlarge attn kv_heads to 4").error(tiled) > 0.1


REFUSED = [
    ("enlarge attn kv_heads to 1", "F303", "growth cannot shrink it to 1"),
    ("enlarge attn kv_heads to 3", "F306", "3 is no multiple of 2, and all are copied equally often"),
    ("enlarge attn kv_heads to 6", "F306", "8 query heads are no whole groups for 6"),
    ("enlarge attn kv_heads to 16", "F306", "8 query heads are no whole groups for 16"),
    ("enlarge attn kv_heads to (2, 4)", "F308", "`kv_heads` is one number"),
    ("enlarge attn heads to 16", "F308", "no size `heads` that can be enlarged"),
    ("enlarge attn.k kv_heads to 4", "F308", "`attn.k` holds no attention"),
    ("enlarge attn kv_heads to 4; enlarge * kv_heads to 8", "F305", "two new forms at once"),
    ("enlarge attn kv_heads to 4; branch attn.v into 2", "F305", "two new forms at once"),
    ("enlarge attn kv_heads to 4; deepen attn.k by 1", "F305", "`attn.k` cannot be copied and deepened at once"),
    ("enlarge attn kv_heads to 4; widen attn groups to 3", "F303", "growth cannot shrink"),
]


@pytest.mark.parametrize(("directive", "code", "words"), REFUSED)
def test_refusals_of_numbers(directive: str, code: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(FptError) as caught:
        plan_of(written(tmp_path), directive)
    first = caught.value.diagnostics[0]
    assert (first.code, words in first.message) == (code, True), first.message


def test_the_numbers_that_are_possible_are_named(tmp_path: Path) -> None:
    for directive, hint in (("enlarge attn kv_heads to 3", "4, 8, 16"), ("enlarge attn kv_heads to 12", "4, 8, 16")):
        with pytest.raises(FptError) as caught:
            plan_of(written(tmp_path, heads=16), directive)
        assert caught.value.diagnostics[0].hint == f"possible here: {hint}"


def test_heads_with_keys_of_their_own_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FptError) as caught:
        plan_of(written(tmp_path, heads=4, groups=4), "enlarge attn kv_heads to 8")
    assert "each query head has its own already" in caught.value.diagnostics[0].message


@pytest.mark.parametrize(
    ("part", "instead", "words"),
    [
        ("linear(groups * 5) from input", "linear(groups * 5) from k", "`attn.v` (linear) reads them besides"),
        ("{before}", "multiply(width_power=0.5)", "(multiply) works on them too"),
        ("{before}", "softmax(-1)", "a softmax runs over its units"),
        ("  o: linear(6)\n", "  o: linear(6)\n  output keys\n", "cannot be copied: its units are the model's output"),
    ],
)
def test_other_uses_of_the_units_are_refused(part: str, instead: str, words: str, tmp_path: Path) -> None:
    assert part in SEPARATE
    spec = written(tmp_path, SEPARATE.replace(part, instead))
    with pytest.raises(FptError) as caught:
        plan_of(spec, "enlarge attn kv_heads to 4")
    assert words in caught.value.diagnostics[0].message, caught.value.diagnostics[0].message


def test_a_mean_over_queries_and_keys_together_would_move(tmp_path: Path) -> None:
    text = FUSED.replace("qkv: ", "all: ").replace("{before}", "let qkv = {{ norm: rmsnorm }}")
    with pytest.raises(FptError) as caught:
        plan_of(written(tmp_path, text), "enlarge attn kv_heads to 4")
    assert "`attn.norm` (rmsnorm) takes a mean over them and other units" in caught.value.diagnostics[0].message


def test_dropped_keys_are_exact_in_eval_mode_only(tmp_path: Path) -> None:
    grown = Grown(written(tmp_path, behind="dropout(0.1)"), "enlarge attn kv_heads to 4")
    assert grown.plan.exactness == "eval-only"
    assert grown.error() <= 1e-14


# --- the certificate ----------------------------------------------------------------------------------------


def certified(plan: Plan, dtype: str = "float32", change: Callable[[StateDict], None] | None = None) -> Certificate:
    old = random_state(plan.old, dtype)
    new = grown_state(plan, old, dtype)
    if change is not None:
        change(new)
    return certify(plan, Source(old), Source(new))


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("text", [SEPARATE, FUSED, TRANSPOSED, TWICE])
def test_sound_copies_are_certified(text: str, dtype: str, tmp_path: Path) -> None:
    plan = plan_of(written(tmp_path, text), "enlarge * kv_heads to 4")
    certificate = certified(plan, dtype)
    assert certificate.outcome == "passed", (certificate.findings[:3], certificate.reasons)
    assert certificate.tensors == len(plan.tensors)
    assert plan.steps[0].directive in {step.step for step in certificate.steps}


def perturbed(state: StateDict) -> None:
    state["attn.v.weight"][7, 2] *= 1.0001


def bias_of_another(state: StateDict) -> None:
    state["attn.k.bias"][4:8] = state["attn.k.bias"][8:12]


def keys_rolled(state: StateDict) -> None:
    state["attn.k.weight"] = state["attn.k.weight"].roll(4, 0)


def gain_of_copies(state: StateDict) -> None:
    state["attn.norm.weight"][4:8] *= 0.5


@pytest.mark.parametrize("fault", [tiled, perturbed, bias_of_another, keys_rolled, gain_of_copies])
def test_faults_of_the_file_are_found(fault: Callable[[StateDict], None], tmp_path: Path) -> None:
    plan = plan_of(written(tmp_path, before="norm: rmsnorm"), "enlarge attn kv_heads to 4")
    assert certified(plan).outcome == "passed"
    assert certified(plan, change=fault).outcome == "failed"


def test_a_plan_that_tiles_is_found(tmp_path: Path) -> None:
    """Plan and file agree on copies in the wrong order: the queries meet other keys."""
    plan = plan_of(written(tmp_path), "enlarge attn kv_heads to 4")
    tensors = []
    for tensor in plan.tensors:
        start = tensor.recipe.start if tensor.recipe is not None else None
        if isinstance(start, Gathered):
            old = tensor.old_shape[0] if tensor.old_shape else 0
            start = replace(start, ranges=((0, old), (0, old)))
            tensor = replace(tensor, recipe=replace(tensor.recipe, start=start))
        tensors.append(tensor)
    wrong = replace(plan, tensors=tuple(tensors))
    certificate = certified(wrong)
    assert certificate.outcome == "failed"
    assert any("meet keys and values of another one" in finding.message for finding in certificate.findings)
