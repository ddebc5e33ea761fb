"""Places where a method has nothing to insert: refused for their own reason, not for the copy that would not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from growth.support import grow, plan_of

from fptdsl.diagnostics import FptError

NESTED = """\
block Two() {
  first: conv2d(4, 3, padding=1)
  relu
  {
    second: conv2d(4, 3, padding=1)
    relu
  }
}

model M() {
  input image: float[4, 5, 5]
  stem: conv2d(4, 3, padding=1)
  relu
  two: Two()
  flatten
  head: linear(3)
}
"""


def test_parallel_branches_do_not_share_an_activation_name() -> None:
    with pytest.raises(FptError) as refused:
        plan_of("squeezenet", "deepen features.4 by 1 using netmorph", settings={"width": 2, "size": 48})
    assert refused.value.diagnostics[0].code == "F321"
    assert "concat" in refused.value.diagnostics[0].message


def test_activations_of_nested_groups_get_names_of_their_own(tmp_path: Path) -> None:
    spec = tmp_path / "nested.fpt"
    spec.write_text(NESTED)
    outcome = grow(str(spec), "deepen two by 1 using netmorph")
    assert outcome.unrounded == 0
    slopes = [name for name in outcome.grown if ".act" in name]
    assert len(slopes) == 2
