"""Copies of the units of queries and keys (T-6): their products share the old one's, under norms too."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from growth.support import StateDict, plan_of
from growth.test_query_sizes import FUSED, GIVEN, SEPARATE, Grown, certified, written
from proof.test_certificate import Source

from fptdsl.diagnostics import FptError
from fptdsl.proof.gradients import gradient_probe

EACH = SEPARATE.replace("let queries = split_heads(heads)", "let queries = {{ split_heads(heads); q_norm: {between} }}")
EACH = EACH.replace("split_heads(kv_heads); {between}", "split_heads(kv_heads); k_norm: {between}")
JOINT = EACH.replace("split_heads(heads); q_norm: {between}", "q_norm: {between}; split_heads(heads)")
JOINT = JOINT.replace("split_heads(kv_heads); k_norm: {between}", "k_norm: {between}; split_heads(kv_heads)")
QUERIES = EACH.replace("k_norm: {between}", "identity")
NORMS = ("rmsnorm", "rmsnorm(unit_offset=true)", "layernorm", "layernorm(0.1)")
METHODS = ("net2net", "net2net(split=equal)")


@pytest.mark.parametrize("using", METHODS)
@pytest.mark.parametrize("scale", ["", GIVEN, ", scale_dim=4"])
@pytest.mark.parametrize("kv", [4, 2, 1])
def test_units_are_copied_to_any_size(kv: int, scale: str, using: str, tmp_path: Path) -> None:
    grown = Grown(written(tmp_path, scale=scale, kv=kv), f"widen attn qk_dim to 7 using {using}")
    assert grown.plan.exactness == "exact"
    classes = torch.tensor(grown.plan.tables[0].classes)
    old = grown.old["attn.k.weight"].double().reshape(kv, 4, 6)
    assert torch.equal(grown.state["attn.k.weight"].reshape(kv, 7, 6), old[:, classes]), "keys are copies"
    old = grown.old["attn.q.weight"].double().reshape(4, 4, 6)
    shares = (grown.state["attn.q.weight"].reshape(4, 7, 6) / old[:, classes]).reshape(4, 7, 6)
    assert torch.allclose(shares, shares[:1, :, :1].expand_as(shares), rtol=1e-12), "one number for each copy"
    total = torch.zeros(4, dtype=torch.float64).index_add_(0, classes, shares[0, :, 0])
    factor = (7 / 4) ** 0.5 if not scale else 1.0
    assert torch.allclose(total, torch.full_like(total, factor), rtol=1e-14)
    assert grown.error() <= 1e-12


@pytest.mark.parametrize("using", METHODS)
@pytest.mark.parametrize("text", [EACH, JOINT, QUERIES])
@pytest.mark.parametrize("norm", NORMS)
def test_norms_keep_uniform_copies_and_the_last_gains_share(norm: str, text: str, using: str, tmp_path: Path) -> None:
    grown = Grown(written(tmp_path, text, between=norm), f"widen attn qk_dim to 12 using {using}")
    for side, heads in (("q", 4), ("k", 2)):
        old = grown.old[f"attn.{side}.weight"].double().reshape(heads, 4, 6)
        assert torch.equal(grown.state[f"attn.{side}.weight"].reshape(heads, 12, 6), old.repeat(1, 3, 1)), side
    offset = 1.0 if "unit_offset" in norm else 0.0
    gains = grown.state["attn.q_norm.weight"].reshape(-1, 3, 4).double() + offset
    before = grown.old["attn.q_norm.weight"].double().reshape(-1, 4) + offset
    assert torch.allclose(gains.sum(1), 3**0.5 * before, rtol=1e-13)
    assert grown.error() <= 1e-12
    for dtype in ("float64", "float32", "bfloat16"):
        certificate = certified(grown.plan, dtype)
        assert certificate.outcome == "passed", (dtype, certificate.findings[:3], certificate.reasons)


def test_under_norms_the_automatic_choice_copies(tmp_path: Path) -> None:
    plan = plan_of(written(tmp_path, EACH, between="rmsnorm"), "widen attn qk_dim to 8")
    assert plan.steps[0].method == "net2net"
    assert "the gains of the queries share the products" in plan.steps[0].why
    assert plan_of(written(tmp_path), "widen attn qk_dim to 8").steps[0].method == "netmorph"


def test_keys_are_multiplied_where_the_norm_of_queries_has_no_gains(tmp_path: Path) -> None:
    text = QUERIES.replace("q_norm: {between}", "q_norm: rmsnorm(elementwise_affine=false)")
    grown = Grown(written(tmp_path, text), "widen attn qk_dim to 8")
    assert torch.equal(
        grown.state["attn.q.weight"].reshape(4, 8, 6),
        grown.old["attn.q.weight"].double().reshape(4, 4, 6).repeat(1, 2, 1),
    )
    assert "and keys share the products" in grown.plan.steps[0].why
    assert grown.error() <= 1e-12
    assert certified(grown.plan).outcome == "passed"


def test_with_heads_and_values_and_in_one_kernel(tmp_path: Path) -> None:
    more = "widen attn qk_dim to 8 using net2net; widen attn v_dim to 5 using r2r"
    for text, between in ((SEPARATE, "identity"), (EACH, "rmsnorm")):
        grown = Grown(written(tmp_path, text, between=between), f"{more}; widen attn kv_heads to 3 using r2r")
        assert grown.error() <= 1e-12
        assert certified(grown.plan).outcome == "passed"
        grown = Grown(written(tmp_path, text, between=between), f"{more}; enlarge attn kv_heads to 4")
        assert grown.error() <= 1e-12
        assert certified(grown.plan).outcome == "passed"
    grown = Grown(written(tmp_path, FUSED), "widen attn qk_dim to 7 using net2net; widen attn heads to 6")
    assert grown.error() <= 1e-12
    assert certified(grown.plan).outcome == "passed"


@pytest.mark.parametrize("text", [SEPARATE, EACH])
def test_copies_part_unless_their_shares_are_equal(text: str, tmp_path: Path) -> None:
    for using, twins in (("net2net", False), ("net2net(split=equal)", True)):
        grown = Grown(written(tmp_path, text, between="identity" if text is SEPARATE else "rmsnorm"),
                      f"widen attn qk_dim to 8 using {using}")  # fmt: skip
        report = gradient_probe(grown.plan.new, Source(grown.state), grown.plan)
        assert bool(report.twins) is twins, report


def gains_left(state: StateDict) -> None:
    state["attn.q_norm.weight"] *= 2


def one_gain(state: StateDict) -> None:
    state["attn.q_norm.weight"][5] *= 1.001


def copies_shifted(state: StateDict) -> None:
    state["attn.k.weight"] = state["attn.k.weight"].roll(1, 0)


@pytest.mark.parametrize("fault", [gains_left, one_gain, copies_shifted])
def test_faults_of_the_file_are_found(fault, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    grown = Grown(written(tmp_path, EACH, between="rmsnorm"), "widen attn qk_dim to 8")
    assert certified(grown.plan, change=fault).outcome == "failed"
    fault(grown.state)
    assert grown.error() > 1e-6


REFUSED = [
    (EACH, "rmsnorm", "widen attn qk_dim to 6 using net2net", "a mean over these 4 units", "multiple of 4"),
    (EACH, "rmsnorm", "widen attn qk_dim to 6", "would never learn", "widen to a multiple of 4"),
    (EACH, "rmsnorm(elementwise_affine=false)", "widen attn qk_dim to 8 using net2net", "with no gains", ""),
    (SEPARATE, "rotary", "widen attn qk_dim to 8 using net2net", "inv_freq depends on head_dim", ""),
    (SEPARATE, "relu", "widen attn qk_dim to 8 using net2net", "(relu) works on these units", ""),
]


@pytest.mark.parametrize(("text", "between", "directive", "words", "hint"), REFUSED)
def test_refusals(text: str, between: str, directive: str, words: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(FptError) as caught:
        plan_of(written(tmp_path, text, between=between), directive)
    assert words in caught.value.diagnostics[0].message
    assert hint in (caught.value.diagnostics[0].hint or "")
