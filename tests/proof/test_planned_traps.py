"""What ``plan`` warns of without weights is what the gradient probe measures; the cure that it names has neither."""

from __future__ import annotations

from pathlib import Path

import pytest
from growth.support import Weights, grown_state, plan_of, random_state

from fptdsl.proof.gradient_report import GradientReport
from fptdsl.proof.gradients import gradient_probe

PLAIN = "input x: float[6]; a: linear(8); {act}; b: linear(4)"
GLU = "input x: float[6]; gate: linear(8); let g = {act}; up: linear(8) from x; mul from g, up; down: linear(4)"
NORM = "input x: float[6]; a: linear(8); n: batchnorm1d; tanh; b: linear(4)"
SANDWICH = (
    "input x: float[6]; e: linear(8); s: repeat 1 { residual { a: linear(8); gelu; b: linear(8); p: rmsnorm(eps=1e-6) "
    "} }; h: linear(2)"
)
BARE = SANDWICH.replace("eps=1e-6", "eps=1e-6, elementwise_affine=false")
DROPOUT = PLAIN.replace("; b:", "; dropout(0.5); b:")

TWINS = "equal gradients for ever"
DEAD = "never learn"
LARGE = "very large"


class Source(Weights):
    def __contains__(self, name: object) -> bool:
        return name in self.state


def symptom(report: GradientReport) -> str:
    if report.twins:
        return TWINS
    if report.dead:
        return DEAD
    return LARGE if report.ratio is not None and report.ratio > 30 else ""


@pytest.mark.parametrize(
    ("text", "trap", "warning", "cure"),
    [
        (PLAIN.format(act="relu"), "widen a to 12 using net2net(split=equal)", TWINS,
         "widen a to 12 using net2net(split=element)"),
        (PLAIN.format(act="relu"), "widen a to 12 using netmorph(zero=in)", DEAD,
         "widen a to 12 using netmorph(zero=out)"),
        (GLU.format(act="silu"), "widen gate to 12 using netmorph(zero=in)", DEAD,
         "widen gate to 12 using netmorph(zero=out)"),
        (NORM, "widen a to 12 using netmorph(zero=in)", "very large first gradients",
         "widen a to 12 using netmorph(zero=out)"),
        (BARE, "deepen s by 1 using zero", LARGE, ""),
        (SANDWICH, "deepen s by 1 using zero", "", ""),
    ],
)  # fmt: skip
def test_trap_and_cure(text: str, trap: str, warning: str, cure: str, tmp_path: Path) -> None:
    for directive, expected in [(trap, warning), (cure, "")] if cure else [(trap, warning)]:
        told, report = planned_and_probed(tmp_path, text, directive)
        found = symptom(report)
        if expected:
            assert expected in told
            assert found
            assert found in expected
        else:
            assert not any(word in told for word in (TWINS, DEAD, LARGE))
            assert not found


@pytest.mark.parametrize(
    ("text", "directive"),
    [
        (DROPOUT.format(act="relu"), "widen a to 12 using net2net(split=equal)"),
        (PLAIN.format(act="tanh"), "widen a to 12 using netmorph(zero=in)"),
        (GLU.format(act="sigmoid"), "widen gate to 12 using netmorph(zero=in)"),
    ],
)
def test_no_alarm_where_there_is_no_trap(text: str, directive: str, tmp_path: Path) -> None:
    told, report = planned_and_probed(tmp_path, text, directive)
    assert not any(word in told for word in (TWINS, DEAD, LARGE))
    assert not symptom(report)


def planned_and_probed(folder: Path, text: str, directive: str) -> tuple[str, GradientReport]:
    """The plan's warnings, made from the spec alone, and the probe of the network that it gives."""
    path = folder / "net.fpt"
    path.write_text("model Net {\n" + text.replace("; ", "\n") + "\n}\n")
    plan = plan_of(str(path), directive)
    grown = Source(grown_state(plan, random_state(plan.old)))
    return "; ".join(plan.warnings), gradient_probe(plan.new, grown, plan)
