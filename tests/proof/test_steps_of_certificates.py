"""Every tensor that a certificate checked is counted to the line that changed it."""

from __future__ import annotations

from pathlib import Path

import pytest
from two_layers import save, state_of

import fptdsl

SPEC = """
model Small() {
  input x: float[3, 8, 8]
  first: conv2d(4, 3, padding=1)
  relu
  second: conv2d(4, 3, padding=1)
  relu
  third: conv2d(2, 3, padding=1)
}
"""


@pytest.mark.parametrize(
    ("grow", "counts"),
    [
        ({"deepen first by 1": 2, "enlarge third kernel_size to 5": 1}, 5),
        ({"enlarge third kernel_size to 5": 1, "deepen second by 1": 2}, 5),
        ({"enlarge first kernel_size to 5": 1, "deepen second by 1": 2, "widen second to 6": 3}, 2),
    ],
)
def test_counts(grow: dict[str, int], counts: int, tmp_path: Path) -> None:
    spec = tmp_path / "small.fpt"
    spec.write_text(SPEC)
    source = save(state_of(spec), tmp_path / "small.safetensors")
    result = fptdsl.apply(spec, source, grow="; ".join(grow), out=tmp_path / "grown.safetensors", verify="certificate")
    steps = {step["step"]: step["tensors"] for step in result.document["certificate"]["steps"]}
    assert steps == {**grow, "unchanged tensors": counts}
