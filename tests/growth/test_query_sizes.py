"""More units of queries and keys in each head (T-6): one side zero, and the factor where the scale is recomputed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
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
from torch.nn import functional

from fptdsl.diagnostics import FptError
from fptdsl.growth.plan import Plan
from fptdsl.proof.certificate import certify
from fptdsl.proof.certificate.result import Certificate

SEPARATE = """\
block Attention(heads, kv_heads, qk_dim, v_dim) {{
  q: linear(heads * qk_dim)
  let queries = split_heads(heads)
  k: linear(kv_heads * qk_dim) from input
  let keys = {{ split_heads(kv_heads); {between} }}
  v: linear(kv_heads * v_dim) from input
  let values = split_heads(kv_heads)
  attention(causal=true{scale}) from queries, keys, values
  o: linear(6)
}}
model M {{
  input x: float[seq, 6]
  attn: Attention(4, {kv}, 4, 3)
}}
"""
FUSED = """\
block Attention(heads, qk_dim, v_dim) {{
  qkv: linear(heads * qk_dim + heads * qk_dim + heads * v_dim)
  narrow(-1, 0, heads * qk_dim)
  let queries = split_heads(heads)
  narrow(-1, heads * qk_dim, heads * qk_dim) from qkv
  let keys = split_heads(heads)
  narrow(-1, 2 * heads * qk_dim, heads * v_dim) from qkv
  let values = split_heads(heads)
  attention(causal=true{scale}) from queries, keys, values
  o: linear(6)
}}
model M {{
  input x: float[seq, 6]
  attn: Attention(4, 4, 3)
}}
"""
GIVEN = ", scale=0.4"


def written(folder: Path, text: str = SEPARATE, *, scale: str = "", kv: int = 2, between: str = "identity") -> str:
    path = folder / "net.fpt"
    path.write_text(text.format(scale=scale, kv=kv, between=between))
    return str(path)


class Grown:
    def __init__(self, spec: str, directive: str) -> None:
        self.plan: Plan = plan_of(spec, directive)
        state = random_state(self.plan.old, seed=3)
        self.inputs = random_inputs(self.plan.old, 2)
        self.before = run(self.plan.old, state, self.inputs)
        self.old, self.state = state, unrounded_state(self.plan, state)

    def error(self) -> float:
        return relative_error(run(self.plan.new, self.state, self.inputs), self.before)


@pytest.mark.parametrize("zero", ["auto", "out", "in"])
@pytest.mark.parametrize("scale", ["", GIVEN, ", scale_dim=4"])
@pytest.mark.parametrize("kv", [4, 2, 1])
def test_the_size_of_queries_and_keys_grows(zero: str, scale: str, kv: int, tmp_path: Path) -> None:
    spec = written(tmp_path, scale=scale, kv=kv)
    grown = Grown(spec, f"widen attn qk_dim to 6 using netmorph(zero={zero})")
    assert grown.plan.exactness == "exact"
    assert grown.state["attn.q.weight"].shape == (24, 6)
    assert grown.state["attn.k.weight"].shape == (6 * kv, 6)
    assert grown.state["attn.v.weight"].shape == (3 * kv, 6)
    assert grown.error() <= 1e-12
    factor = 1.5**0.5 if not scale else 1.0
    old = grown.old["attn.q.weight"].double().reshape(4, 4, 6)
    queries, keys = grown.state["attn.q.weight"].reshape(4, 6, 6), grown.state["attn.k.weight"].reshape(kv, 6, 6)
    assert torch.allclose(queries[:, :4], factor * old, rtol=1e-14)
    none, free = (queries, keys) if zero == "in" else (keys, queries)
    assert not none[:, 4:].any()
    assert free[:, 4:].all(), "both sides zero would never learn"


@pytest.mark.parametrize("scale", ["", GIVEN])
def test_the_sides_lie_in_one_kernel(scale: str, tmp_path: Path) -> None:
    grown = Grown(written(tmp_path, FUSED, scale=scale), "widen attn qk_dim to 7")
    assert grown.state["attn.qkv.weight"].shape == (4 * (7 + 7 + 3), 6)
    assert grown.error() <= 1e-12
    keys = grown.state["attn.qkv.weight"][28:56].reshape(4, 7, 6)
    assert not keys[:, 4:].any()


def test_heads_and_their_sizes_grow_together(tmp_path: Path) -> None:
    for method in ("netmorph", "r2r", "net2net"):
        directive = f"widen attn kv_heads to 3 using {method}; widen attn qk_dim to 6; widen attn v_dim to 4"
        grown = Grown(written(tmp_path), directive)
        assert grown.state["attn.q.weight"].shape == (36, 6)
        assert grown.error() <= 1e-12, method


def test_what_goes_wrong_without_the_factor_and_without_the_zeros(tmp_path: Path) -> None:
    grown = Grown(written(tmp_path), "widen attn qk_dim to 6")
    right = dict(grown.state)
    for name in ("attn.q.weight", "attn.q.bias"):
        grown.state[name] = right[name] / 1.5**0.5
    assert grown.error() > 0.01
    grown.state = {**right, "attn.k.weight": right["attn.k.weight"].clone()}
    grown.state["attn.k.weight"].reshape(2, 6, 6)[:, 4:] = 0.3
    assert grown.error() > 0.01


@pytest.mark.parametrize(
    ("between", "directive", "words"),
    [
        ("rotary", "widen attn qk_dim to 6", "inv_freq depends on head_dim"),
        ("norm: rmsnorm", "widen attn qk_dim to 6", "normalises queries or keys"),
        ("relu", "widen attn qk_dim to 6", "(relu) works on these units before queries meet keys"),
        ("identity", "widen attn qk_dim to 6 using r2r", "so pairs cannot cancel"),
    ],
)
def test_refusals(between: str, directive: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(FptError) as caught:
        plan_of(written(tmp_path, between=between), directive)
    assert words in caught.value.diagnostics[0].message


# --- the certificate ----------------------------------------------------------------------------------------


def certified(plan: Plan, dtype: str = "float32", change: Callable[[StateDict], None] | None = None) -> Certificate:
    old = random_state(plan.old, dtype)
    new = grown_state(plan, old, dtype)
    if change is not None:
        change(new)
    return certify(plan, Source(old), Source(new))


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("text", [SEPARATE, FUSED])
@pytest.mark.parametrize("zero", ["out", "in"])
def test_sound_growth_is_certified(text: str, zero: str, dtype: str, tmp_path: Path) -> None:
    plan = plan_of(
        written(tmp_path, text), f"widen attn qk_dim to 6 using netmorph(zero={zero}); widen attn v_dim to 5"
    )
    certificate = certified(plan, dtype)
    assert certificate.outcome == "passed", (certificate.findings[:3], certificate.reasons)


@pytest.mark.parametrize("method", ["netmorph", "r2r", "net2net"])
def test_heads_and_their_sizes_are_certified_together(method: str, tmp_path: Path) -> None:
    directive = f"widen attn kv_heads to 3 using {method}; widen attn heads to 9; widen attn qk_dim to 6"
    certificate = certified(plan_of(written(tmp_path), directive))
    assert certificate.outcome == "passed", (certificate.findings[:3], certificate.reasons)


def not_scaled(state: StateDict) -> None:
    state["attn.q.weight"] /= 1.5**0.5


def bias_not_scaled(state: StateDict) -> None:
    state["attn.q.bias"] /= 1.5**0.5


def no_zeros(state: StateDict) -> None:
    state["attn.k.weight"].reshape(2, 6, 6)[1, 5, 0] = 0.1


def no_zero_bias(state: StateDict) -> None:
    state["attn.k.bias"][5] = 0.1


def appended(state: StateDict) -> None:
    """New units of all heads behind the old ones."""
    parts = state["attn.k.weight"].reshape(2, 6, 6)
    state["attn.k.weight"] = torch.cat([parts[:, :4].flatten(0, 1), parts[:, 4:].flatten(0, 1)])


@pytest.mark.parametrize("fault", [not_scaled, bias_not_scaled, no_zeros, no_zero_bias, appended])
def test_faults_of_the_file_are_found(fault: Callable[[StateDict], None], tmp_path: Path) -> None:
    plan = plan_of(written(tmp_path), "widen attn qk_dim to 6")
    assert certified(plan, change=fault).outcome == "failed"


@pytest.mark.parametrize(
    ("side", "mistake"),
    [
        ("queries", {"signs": None}),
        ("queries", {"signs": np.full(6, 1.5)}),
        ("queries", {"signs": np.repeat([1.5**0.5, 1.0], 3)}),
        ("keys", {"writer": "fresh"}),
        ("keys", {"signs": np.full(6, 1.5**0.5)}),
        ("keys", {"classes": np.array([0, 1, 2, 3, 0, 1])}),
    ],
)
def test_mistakes_that_plan_and_file_share_are_found(side: str, mistake: dict[str, Any], tmp_path: Path) -> None:
    plan = plan_of(written(tmp_path), "widen attn qk_dim to 6")
    wrong = [replace(t, **mistake) if ("(keys)" in t.space) == (side == "keys") else t for t in plan.tables]
    assert wrong != list(plan.tables)
    certificate = certified(replace(plan, tables=tuple(wrong)))
    assert certificate.outcome == "failed"
    assert "C3" in {finding.check for finding in certificate.findings}


# --- against attention that is written here -----------------------------------------------------------------


def attention(state: StateDict, x: torch.Tensor, heads: int) -> torch.Tensor:
    """Causal attention as torch computes it, with its own scale."""
    q, k, v = (functional.linear(x, state[f"attn.{n}.weight"], state[f"attn.{n}.bias"]) for n in "qkv")
    parts = (each.unflatten(-1, (heads, -1)).transpose(-2, -3) for each in (q, k, v))
    mixed = functional.scaled_dot_product_attention(*parts, is_causal=True).transpose(-2, -3).flatten(-2)
    return functional.linear(mixed, state["attn.o.weight"], state["attn.o.bias"])


def test_attention_of_torch_gives_the_same_and_every_new_weight_learns(tmp_path: Path) -> None:
    grown = Grown(written(tmp_path, kv=4), "widen attn qk_dim to 6")
    x = torch.randn(2, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    before = attention({name: value.double() for name, value in grown.old.items()}, x, 4)
    state = {name: value.clone().requires_grad_() for name, value in grown.state.items()}
    after = attention(state, x, 4)
    assert relative_error(after.detach(), before) <= 1e-12
    after.square().sum().backward()
    assert state["attn.k.weight"].grad.reshape(4, 6, 6)[:, 4:].abs().min() > 0, "the zero side learns at once"
    with torch.no_grad():
        moved = {name: (value - 0.01 * value.grad).requires_grad_() for name, value in state.items()}
    attention(moved, x, 4).square().sum().backward()
    assert moved["attn.q.weight"].grad.reshape(4, 6, 6)[:, 4:].abs().min() > 0, "then the free side"


def test_the_diff_tells_queries_that_are_multiplied(tmp_path: Path) -> None:
    tensors = {tensor.name: tensor for tensor in plan_of(written(tmp_path), "widen attn qk_dim to 6").tensors}
    how = {name: [part.how for part in tensors[name].parts[:2]] for name in ("attn.q.weight", "attn.k.weight")}
    assert how == {"attn.q.weight": ["old, multiplied", "fresh"], "attn.k.weight": ["old", "zero"]}
    stored = {t.name: t for t in plan_of(written(tmp_path, scale=GIVEN), "widen attn qk_dim to 6").tensors}
    assert stored["attn.q.weight"].parts[0].how == "old"
