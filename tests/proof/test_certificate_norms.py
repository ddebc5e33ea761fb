"""Inserted batch norms without a scale: the identity is a variance of ``1 - eps``, rounded."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from fptdsl import api

SPEC = """model Plain {
  input x: float[2, 6, 6]
  stem: conv2d(8, 3, padding=1)
  relu
  body: repeat 3 { c: conv2d(8, 3, padding=1); n: batchnorm2d(affine=false); relu }
  flatten
  out: linear(3)
}
"""


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_a_norm_without_scale_is_inserted(tmp_path: Path, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(2)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator).mul(0.2).to(dtype)

    state = {"stem.weight": normal(8, 2, 3, 3), "stem.bias": normal(8)}
    for n in range(3):
        state |= {f"body.{n}.c.weight": normal(8, 8, 3, 3), f"body.{n}.c.bias": normal(8)}
        state |= {f"body.{n}.n.running_mean": normal(8), f"body.{n}.n.running_var": normal(8).abs() + 0.5}
        state |= {f"body.{n}.n.num_batches_tracked": torch.tensor(3)}
    state |= {"out.weight": normal(3, 8 * 36), "out.bias": normal(3)}
    save_file(state, tmp_path / "plain.safetensors")
    (tmp_path / "plain.fpt").write_text(SPEC)
    made = api.apply(tmp_path / "plain.fpt", tmp_path / "plain.safetensors", grow="deepen body by 1")
    assert made.passed
    assert made.document["certificate"]["outcome"] == "passed"
