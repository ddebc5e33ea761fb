"""Depth behind a transposed convolution: one with stride 1 that keeps the size is the identity (D-2)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from growth.support import StateDict, grow, plan_of
from proof.test_certificate_multiples import certificate_of
from torch.nn.functional import conv_transpose2d

from fptdsl.diagnostics import FptError

FORMS = {
    "square": "up: conv_transpose2d(12, 3, stride=2, padding=1, output_padding=1)\n  ",
    "oblong": "up: conv_transpose2d(12, [5, 3], stride=[2, 1], dilation=2, bias=false)\n  bn: batchnorm2d\n  ",
    "grouped": "up: conv_transpose2d(12, 3, stride=2, groups=4)\n  bn: batchnorm2d\n  ",
    "even": "up: conv_transpose2d(12, 2, stride=2)\n  ",
}
DIRECTIVES = [
    ("deepen up by 2", "bitwise"),
    ("deepen up by 1 to 20 using net2net; widen up to 16", "exact"),
    ("deepen up by 1 to 17; widen up by 4 using r2r", "exact"),
    ("deepen up by 1 using netmorph", "bitwise"),
    ("deepen up by 1 using netmorph(activation=paired)", "exact"),
    ("deepen up by 1 using r2r", "exact"),
]


def spec_of(form: str, folder: Path) -> str:
    path = folder / f"{form}.fpt"
    layers = f"stem: conv2d(8, 3, padding=1)\n  relu\n  {FORMS[form]}relu\n  out: conv2d(4, 3, padding=1)"
    path.write_text(f"model Up {{\n  input image: float[3, 6, 6]\n  {layers}\n}}\n")
    return str(path)


@pytest.mark.parametrize(("directive", "exactness"), DIRECTIVES)
@pytest.mark.parametrize("form", ["square", "oblong", "grouped"])
def test_the_function_is_kept_and_certified(form: str, directive: str, exactness: str, tmp_path: Path) -> None:
    outcome = grow(spec_of(form, tmp_path), directive)
    normed = "batchnorm2d" in FORMS[form] and directive != "deepen up by 1 using r2r"
    assert outcome.plan.exactness == ("eval-only" if normed else exactness)
    assert outcome.unrounded <= 1e-14
    assert outcome.stored <= 1e-11
    assert certificate_of(outcome.plan, outcome.state, outcome.grown).outcome == "passed"


@pytest.mark.parametrize("form", ["square", "grouped"])
def test_the_inserted_layer_is_the_identity_by_torch(form: str, tmp_path: Path) -> None:
    outcome = grow(spec_of(form, tmp_path), "deepen up by 1")
    x = torch.randn(2, 12, 7, 5)
    weight, bias = outcome.grown["up_1.weight"], outcome.grown["up_1.bias"]
    assert torch.equal(conv_transpose2d(x, weight, bias, padding=1, groups=12 // weight.shape[1]), x)


def _shifted(state: StateDict) -> None:
    state["up_1.weight"] = state["up_1.weight"].roll(1, 3)


def _other_units(state: StateDict) -> None:
    state["up_1.weight"] = state["up_1.weight"].roll(1, 1)


@pytest.mark.parametrize("fault", [_shifted, _other_units])
@pytest.mark.parametrize("form", ["square", "grouped"])
def test_planted_faults_are_seen(form: str, fault: Callable[[StateDict], None], tmp_path: Path) -> None:
    outcome = grow(spec_of(form, tmp_path), "deepen up by 1")
    fault(outcome.grown)
    assert outcome.error_of(outcome.grown) > 1e-2
    assert certificate_of(outcome.plan, outcome.state, outcome.grown).outcome == "failed"


def test_a_branch_that_does_not_cancel_is_seen(tmp_path: Path) -> None:
    outcome = grow(spec_of("square", tmp_path), "deepen up by 1 using r2r")
    name = next(name for name in reversed(outcome.grown) if name.startswith("up_1") and name.endswith("weight"))
    outcome.grown[name][0, 0, 1, 1] += 0.1
    assert outcome.error_of(outcome.grown) > 1e-4
    assert "D9" in {f.check for f in certificate_of(outcome.plan, outcome.state, outcome.grown).findings}


def test_an_even_kernel_has_no_centre(tmp_path: Path) -> None:
    with pytest.raises(FptError) as refused:
        plan_of(spec_of("even", tmp_path), "deepen up by 1")
    assert "a kernel of 2x2 has no centre" in refused.value.diagnostics[0].message
