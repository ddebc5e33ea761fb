"""The Inception pairs 1 x n, n x 1 of Net2Net: two neighbouring groups are deepened as one unit (D-3)."""

from __future__ import annotations

import pytest
from growth.support import grow, plan_of

from fptdsl.diagnostics import FptError

SMALL = {"width": 1, "size": 80, "num_classes": 5}


def test_new_pairs_follow_the_pair() -> None:
    outcome = grow("inception_v3", "deepen Mixed_6e.branch7x7_2, Mixed_6e.branch7x7_3 by 2", settings=SMALL)
    order = [node.name for node in outcome.plan.new.nodes if node.op == "conv2d" and "6e.branch7x7_" in node.name]
    assert [name.split(".")[1].removeprefix("branch7x7_") for name in order] == [
        "1", "2", "3", "2_1", "3_1", "2_2", "3_2",
    ]  # fmt: skip
    kernels = {name: tensor.shape[2:] for name, tensor in outcome.plan.new.tensors.items()}
    assert kernels["Mixed_6e.branch7x7_2_1.conv.weight"] == (1, 7)
    assert kernels["Mixed_6e.branch7x7_3_2.conv.weight"] == (7, 1)
    assert outcome.unrounded < 1e-14
    assert outcome.plan.exactness == "eval-only"


def test_groups_that_are_not_neighbours_are_no_pair() -> None:
    with pytest.raises(FptError, match="F323"):
        plan_of("inception_v3", "deepen Mixed_6e.branch7x7_2, Mixed_6e.branch7x7dbl_3 by 1", settings=SMALL)
