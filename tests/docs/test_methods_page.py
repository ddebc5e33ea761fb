"""The table of methods names every method, and what it says of their exactness is what plans say."""

from __future__ import annotations

import pytest
from growth.support import plan_of

from fptdsl.growth.deepening import DEEPENING
from fptdsl.growth.methods import WIDENING
from fptdsl.growth.methods.variants import VARIANTS
from fptdsl.language.methods import METHODS

SPEC = "tests/growth/specs/deepening.fpt"
STREAM = ("nanogpt", "transformer.wte")
PLACES = {
    "net2net": "seq.0",
    "zero": "plain",
    "netmorph": "conv1",
    "netmorph(activation=paired)": "conv1",
    "netmorph(factor=true)": "fc1",
    "r2r": "plain",
}


def test_every_method_is_in_the_table() -> None:
    assert {variant.using.partition("(")[0] for variant in VARIANTS} == set(WIDENING)
    assert {name for name, kinds in METHODS.items() if "widen" in kinds} == set(WIDENING)
    assert {method.name for method in DEEPENING.values()} == {n for n, kinds in METHODS.items() if "deepen" in kinds}


@pytest.mark.parametrize("using", [variant.using for variant in VARIANTS])
def test_a_widening_is_as_exact_as_the_table_says(using: str) -> None:
    kinds = next(variant.kinds for variant in VARIANTS if variant.using == using)
    spec, place = STREAM if using.startswith("rescale") else (SPEC, "seq.0")
    plan = plan_of(spec, f"widen {place} by 4 using {using}")
    assert kinds.startswith(plan.exactness)
    assert plan.steps[0].method == using.partition("(")[0]


@pytest.mark.parametrize("using", list(DEEPENING))
def test_a_deepening_is_as_exact_as_the_table_says(using: str) -> None:
    plan = plan_of(SPEC, f"deepen {PLACES.get(using, 'fc1')} by 1 using {using}")
    assert DEEPENING[using].kinds.startswith(plan.exactness)
    assert plan.steps[0].method == DEEPENING[using].name
