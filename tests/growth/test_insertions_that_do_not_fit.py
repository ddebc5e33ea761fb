"""Insertions that would change a shape are refused at the line that asks for them; what fits gets final widths."""

from __future__ import annotations

from pathlib import Path

import pytest
from growth.support import grow, plan_of

from fptdsl.diagnostics import Diagnostic, FptError

DENSE = """\
model Net {
  input image: float[6, 8, 8]
  relu
  dense: { c: conv2d(2, 3, padding=1); mish; concat from input, c }
  pooled: { d: conv2d(8, 3, padding=1); relu; maxpool2d(2) }
  flatten
  shared: linear(128)
  relu
  reuse shared
}
"""

STAGE = """\
block Block(inner, project) {
  residual {
    c1: conv2d(inner, 1); relu
    c2: conv2d(8, 3, padding=1)
  } shortcut { if project { down: conv2d(8, 1) } }
  relu
}
model Net(n = 1) {
  input image: float[6, 8, 8]
  stage: repeat n as i { Block(4, project = i == 0) }
  flatten
  fc: linear(3)
}
"""


def refusal(folder: Path, directive: str) -> Diagnostic:
    path = folder / "net.fpt"
    path.write_text(DENSE)
    with pytest.raises(FptError) as refused:
        plan_of(str(path), directive)
    return refused.value.diagnostics[0]


def test_a_block_that_concatenates_its_input_changes_the_shape(tmp_path: Path) -> None:
    fault = refusal(tmp_path, "deepen dense by 1 using netmorph")
    assert (fault.code, fault.span is not None) == ("F322", True)
    assert "from 6x8x8 to 8x8x8" in fault.message


def test_a_network_that_no_longer_fits_is_said_at_the_directive(tmp_path: Path) -> None:
    fault = refusal(tmp_path, "deepen pooled by 1")
    assert fault.code == "F322"
    assert fault.span is not None
    assert fault.span.text == "deepen pooled by 1"
    assert "`shared`" in fault.message
    assert fault.notes[0].span is not None


def test_factors_have_no_place(tmp_path: Path) -> None:
    fault = refusal(tmp_path, "deepen pooled.d by 1 at end using netmorph(factor=true)")
    assert fault.code == "F323"
    assert "leave out" in (fault.hint or "")


def test_an_element_that_no_old_one_is_like_has_the_final_widths_of_the_stage(tmp_path: Path) -> None:
    path = tmp_path / "net.fpt"
    path.write_text(STAGE)
    found = grow(str(path), "widen stage.*.c1 to 10; deepen stage by 1")
    shapes = {tensor.name: tensor.new_shape for tensor in found.plan.tensors}
    assert shapes["stage.0.c1.weight"] == (10, 6, 1, 1)
    assert shapes["stage.1.c1.weight"] == (10, 8, 1, 1)
    assert found.stored <= 1e-12
