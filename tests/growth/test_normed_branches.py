"""Branches that end in a norm of their own size: twins cancel but for rounding, which such a norm makes large (D-8)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from growth.support import TORCH, StateDict, grow, plan_of, random_inputs, relative_error

from fptdsl.architecture.graph import Graph
from fptdsl.diagnostics import FptError
from fptdsl.modules import build

FLAT = "input x: float[6]\n e: linear(8)\n s: repeat 1 { residual { a: linear(8); gelu; b: linear(8); p: NORM } }\n"
IMAGE = (
    "input x: float[3, 5, 5]\n e: conv2d(8, 1)\n"
    " s: repeat 1 { residual { a: conv2d(8, 1); gelu; b: conv2d(8, 1); p: NORM } }\n"
)


def spec_of(folder: Path, body: str, norm: str) -> str:
    path = folder / "net.fpt"
    path.write_text("model Net {\n " + body.replace("NORM", norm) + "}\n")
    return str(path)


OWN_SIZE = [
    (FLAT, "rmsnorm(eps=1e-6)"),
    (FLAT, "rmsnorm(eps=1e-6, unit_offset=true)"),
    (FLAT, "rmsnorm(eps=1e-6, elementwise_affine=false)"),
    (FLAT, "layernorm"),
    (FLAT, "layernorm; dropout(0.0)"),
    (FLAT, "groupnorm(2)"),
    (IMAGE, "instancenorm2d(affine=true)"),
    (IMAGE, "batchnorm2d(track_running_stats=false)"),
]


@pytest.mark.parametrize(("body", "norm"), OWN_SIZE)
def test_pairs_before_such_a_norm_are_refused(body: str, norm: str, tmp_path: Path) -> None:
    with pytest.raises(FptError) as caught:
        plan_of(spec_of(tmp_path, body, norm), "deepen s by 1 using r2r")
    (fault,) = caught.value.diagnostics
    assert fault.code == "F321"
    assert "`s.1.p`" in fault.message
    assert "pairs cancel but for rounding" in fault.message
    assert "use `zero`" in (fault.hint or "")


@pytest.mark.parametrize(("body", "norm"), OWN_SIZE)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_way_out_has_no_rounding(body: str, norm: str, dtype: str, tmp_path: Path) -> None:
    """In the arithmetic of the file, where an error that float64 hides would be largest."""
    outcome = grow(spec_of(tmp_path, body, norm), "deepen s by 1 using zero", dtype=dtype)
    assert outcome.plan.exactness == "bitwise"
    old = _run(outcome.plan.old, outcome.state, dtype)
    assert torch.equal(_run(outcome.plan.new, outcome.grown, dtype), old)


def test_what_is_refused_would_be_wrong(tmp_path: Path) -> None:
    """Pairs before an RMSNorm, by hand: as exact as any in float64, and far outside the rounding of float32."""
    body = FLAT.replace("a: linear(8)", "a: linear(64)")
    outcome = grow(spec_of(tmp_path, body, "rmsnorm(eps=1e-6)"), "deepen s by 1 using zero")
    state = dict(outcome.grown)
    state["s.1.p.weight"] = torch.ones(8)
    state["s.1.b.bias"] = torch.zeros(8)
    # Twins stand anywhere, as where products of many are summed in blocks.
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    for key in ("s.1.a.weight", "s.1.a.bias"):
        state[key] = state[key][:32].repeat(2, *[1] * (state[key].ndim - 1))[order]
    half = state["s.1.b.weight"][:, :32]
    state["s.1.b.weight"] = torch.cat([half, -half], 1)[:, order]
    assert outcome.error_of(state) < 1e-10
    exact = _run(outcome.plan.old, outcome.state, "float64")
    old = _run(outcome.plan.old, outcome.state, "float32")
    own = relative_error([old.double()], [exact])
    assert relative_error([_run(outcome.plan.new, state, "float32")], [old]) > 10 * own


@pytest.mark.parametrize("norm", ["batchnorm2d", "instancenorm2d(affine=true, track_running_stats=true)"])
def test_norms_with_running_statistics_take_pairs(norm: str, tmp_path: Path) -> None:
    """They divide by a variance of one in evaluation; in training by that of rounding."""
    outcome = grow(spec_of(tmp_path, IMAGE, norm), "deepen s by 1 using r2r")
    assert outcome.plan.exactness == "eval-only"
    assert outcome.unrounded < 1e-14
    assert outcome.stored < 1e-14


def test_pairs_before_a_norm_inside_the_branch_are_no_matter(tmp_path: Path) -> None:
    body = FLAT.replace("gelu", "n: NORM; gelu").replace("; p: NORM", "")
    outcome = grow(spec_of(tmp_path, body, "rmsnorm(eps=1e-6)"), "deepen s by 1 using r2r")
    assert outcome.plan.exactness == "exact"
    old = _run(outcome.plan.old, outcome.state, "float32")
    own = relative_error([old.double()], [_run(outcome.plan.old, outcome.state, "float64")])
    assert relative_error([_run(outcome.plan.new, outcome.grown, "float32")], [old]) <= 10 * own


def _run(graph: Graph, state: StateDict, dtype: str) -> torch.Tensor:
    """The output in evaluation, computed in ``dtype``."""
    kind = TORCH[dtype]
    module = build(graph).to(kind).eval()
    module.load_state_dict({k: v.to(kind) if v.is_floating_point() else v for k, v in state.items()}, strict=True)
    with torch.no_grad():
        result: torch.Tensor = module(*[x.to(kind) for x in random_inputs(graph, 5)])
    return result
