"""The gradient probe: what cannot learn, what stays equal, and which option the warning names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from growth.support import StateDict, Weights, grown_state, plan_of, random_state

from fptdsl.growth.plan import Plan
from fptdsl.proof.gradient_report import GradientReport, Unmoved
from fptdsl.proof.gradients import gradient_probe

CIFAR, MIXTURE = "tests/growth/specs/small_cifar.fpt", "tests/growth/specs/mixture.fpt"


class Source(Weights):
    def __contains__(self, name: object) -> bool:
        return name in self.state


def probe(spec: str, text: str, dtype: str = "float32") -> tuple[Plan, StateDict, GradientReport]:
    plan = plan_of(spec, text, settings={"n": 1} if spec == CIFAR else {})
    new = grown_state(plan, random_state(plan.old, dtype), dtype)
    return plan, new, gradient_probe(plan.new, Source(new), plan)


@pytest.mark.parametrize("method", ["net2net", "r2r", "netmorph"])
@pytest.mark.parametrize("spec", [CIFAR, MIXTURE])
def test_the_methods_leave_nothing_behind(spec: str, method: str) -> None:
    _, _, report = probe(spec, f"widen * by 1.5x using {method}")
    assert report.warnings == ()
    assert report.ratio is not None
    assert 0 < report.ratio < 30


def test_equal_shares_keep_every_copy_a_twin() -> None:
    plan, _, report = probe(CIFAR, "widen layer1.0.conv1 to 24 using net2net(split=equal)")
    (table,) = plan.tables
    assert [(twins.space, twins.copies) for twins in report.twins] == [(table.space, table.new - table.old)]
    assert "split=element" in report.warnings[0]


def test_equal_shares_in_low_precision_are_twins_too() -> None:
    _, _, report = probe(CIFAR, "widen layer1.0.conv1 to 24 using net2net(split=equal)", "float16")
    assert sum(twins.copies for twins in report.twins) == 8


def test_dropout_parts_twins() -> None:
    _, _, report = probe(MIXTURE, "widen fc1 to 27 using net2net(split=equal)")
    assert report.twins == ()


def test_zero_units_before_a_relu_never_learn() -> None:
    _, _, report = probe(CIFAR, "widen layer1.0.conv1 to 24 using netmorph(zero=in)")
    assert report.dead == (Unmoved("layer1.0.conv1.weight", 0, 8, 16),)
    assert "zero=out" in report.warnings[0]


def test_a_zeroed_branch_waits_one_step() -> None:
    _, _, report = probe(CIFAR, "deepen layer3 by 1")
    assert report.dead == ()
    assert {part.tensor for part in report.waiting} >= {"layer3.1.conv1.weight", "layer3.1.conv2.weight"}


def test_without_a_plan_whole_tensors_are_told() -> None:
    plan, new, _ = probe(CIFAR, "deepen layer3 by 1")
    assert gradient_probe(plan.new, Source(new)).dead == ()
    new["layer3.1.conv2.weight"].zero_()
    dead = {part.tensor for part in gradient_probe(plan.new, Source(new)).dead}
    assert "layer3.1.conv1.weight" in dead
    assert "layer3.1.bn2.bias" not in dead


BRANCH = (
    "model Net {\n input x: float[6]\n e: linear(8)\n"
    " s: repeat 1 { residual { a: linear(8); relu; b: linear(8)%s } }\n}"
)
LARGE = [
    (
        "; n: batchnorm1d(eps=1e-8)",
        "deepen s by 1 using r2r",
        "`zero` keeps them small, and so does a low learning rate",
    ),
    (
        "; n: rmsnorm(eps=1e-8, elementwise_affine=false)",
        "deepen s by 1 using zero",
        "what helps is a low learning rate",
    ),
]


@pytest.mark.parametrize(("norm", "text", "cure"), LARGE)
def test_large_gradients_of_new_blocks_name_a_method_of_depth(norm: str, text: str, cure: str, tmp_path: Path) -> None:
    path = tmp_path / "net.fpt"
    path.write_text(BRANCH % norm)
    plan = plan_of(str(path), text)
    report = gradient_probe(plan.new, Source(grown_state(plan, random_state(plan.old))), plan)
    assert report.ratio is not None
    assert report.ratio > 30
    (warning,) = report.warnings
    assert cure in warning
    assert "netmorph" not in warning


def test_large_gradients_of_new_units_name_a_method_of_width(tmp_path: Path) -> None:
    """Units that are zero before a batch norm, which divides by the root of its eps."""
    path = tmp_path / "net.fpt"
    path.write_text(
        "model Net {\n input x: float[6]\n a: linear(8)\n n: batchnorm1d(eps=1e-8)\n tanh\n b: linear(4)\n}"
    )
    plan = plan_of(str(path), "widen a to 12 using netmorph(zero=in)")
    report = gradient_probe(plan.new, Source(grown_state(plan, random_state(plan.old))), plan)
    assert report.ratio is not None
    assert report.ratio > 30
    assert "`netmorph(zero=out)` keeps them small" in report.warnings[-1]


def test_the_probe_changes_nothing_and_repeats() -> None:
    plan, new, first = probe(CIFAR, "widen layer1 to 20; deepen layer2 by 1")
    before = {name: tensor.clone() for name, tensor in new.items()}
    assert gradient_probe(plan.new, Source(new), plan) == first
    assert all(np.array_equal(before[name].numpy(), new[name].numpy()) for name in new)


def test_the_report_is_json() -> None:
    found = GradientReport(dead=(Unmoved("a.weight", 1, 3, 5),), ratio=99.0).to_json()
    assert found["dead"] == [{"tensor": "a.weight", "axis": 1, "count": 3, "first": 5}]
    assert len(found["warnings"]) == 2
    assert "3 columns of `a.weight` (from 5)" in found["warnings"][0]
