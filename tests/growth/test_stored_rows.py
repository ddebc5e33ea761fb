"""Rows that are copied as stored are those that the arithmetic gives, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
from growth.support import Weights, plan_of, random_state

from fptdsl.growth import Evaluator

CIFAR, MIXTURE = "tests/growth/specs/small_cifar.fpt", "tests/growth/specs/mixture.fpt"
METHODS = ["netmorph", "net2net", "net2net(noise=0.01)", "r2r", "random_pad"]
CASES = [(CIFAR, "netmorph(zero=in)"), *((spec, method) for spec in (CIFAR, MIXTURE) for method in METHODS)]


class OnlyArithmetic(Evaluator):
    def _copied(self, recipe: object, dtype: str) -> None:
        return None


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("spec", "method"), CASES)
def test_both_ways_give_the_same_bits(spec: str, method: str, dtype: str) -> None:
    plan = plan_of(spec, f"widen * by 1.5x using {method}", settings={"n": 1} if spec == CIFAR else {})
    source = Weights(random_state(plan.old, dtype))
    quick, plain = Evaluator(plan, source), OnlyArithmetic(plan, source)
    copied = 0
    for tensor in plan.tensors:
        kind = "int64" if plan.new.tensors[tensor.name].init == "count" else dtype
        left, right = (np.concatenate(list(way.chunks(tensor, kind))) for way in (quick, plain))
        assert left.dtype == right.dtype
        assert left.tobytes() == right.tobytes(), tensor.name
        rows = None if tensor.recipe is None else quick._copied(tensor.recipe, kind)
        copied += rows is not None and bool(rows.any())
    assert copied > 0 or "noise" in method
