"""New branches behind layers that are widened too: what they add to new units makes other new units of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from proof.test_certificate import certificate_of, grow

SPEC = """\
model Deep {{
  input x: float[3, 6, 6]
  conv1: conv2d(8, 3, padding=1)
  relu
  conv2: conv2d(8, 3, padding=1, groups={groups})
  relu
  conv3: conv2d(6, 1)
  global_avgpool
  fc: linear(4)
}}
"""


def spec(folder: Path, groups: int = 1) -> str:
    path = folder / "deep.fpt"
    path.write_text(SPEC.format(groups=groups))
    return str(path)


@pytest.mark.parametrize("groups", [1, 2, 8])
@pytest.mark.parametrize("method", ["", " using netmorph", " using r2r", " using net2net"])
def test_a_branch_behind_a_wider_layer(groups: int, method: str, tmp_path: Path) -> None:
    grown = grow(spec(tmp_path, groups), f"widen conv2 by 8{method}; deepen conv2 by 1 using r2r")
    certificate = certificate_of(*grown)
    assert certificate.passed, certificate.verdict


@pytest.mark.parametrize(
    ("tensor", "at", "finding"),
    [
        ("conv2_2.weight", (0, 3, 1, 1), ("D9", "residual sum")),  # it changes an old unit
        ("conv2_1.weight", (3, 2, 0, 0), ("D9", "residual sum")),
        ("conv2_2.weight", (9, 3, 1, 1), ("C2", "conv3.weight")),  # it parts a pair that cancels
        ("conv2_2.bias", (9,), ("C2", "conv3.weight")),
        ("conv3.weight", (2, 9, 0, 0), ("C2", "conv3.weight")),
    ],
)
def test_faults_behind_a_wider_layer(
    tensor: str, at: tuple[int, ...], finding: tuple[str, str], tmp_path: Path
) -> None:
    plan, old, new = grow(spec(tmp_path), "widen conv2 by 4 using r2r; deepen conv2 by 1 using r2r")
    new[tensor][at] += 0.01
    findings = certificate_of(plan, old, new).findings
    assert finding in {(each.check, each.tensor) for each in findings}
