"""Memory stays small whatever the size of the file (measured in a process of its own)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from .helpers import save

MEGABYTE = 1 << 20

MEASURE = """
import resource, sys
from fptdsl.checkpoint import NewTensor, open_checkpoint, write_checkpoint
from fptdsl.checkpoint.values import bad_values
if sys.argv[3] == "torch":
    import torch
    open_checkpoint(sys.argv[4])
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = peak()
with open_checkpoint(sys.argv[1]) as source:
    def tensor(name):
        return NewTensor(name, name, source.shape(name), source.dtype(name), lambda: source.chunks(name))
    assert not any(bad_values(source, name) for name in source)
    write_checkpoint(sys.argv[2], source, [tensor(name) if i % 2 else
        NewTensor(name, name, source.shape(name), source.dtype(name)) for i, name in enumerate(source)])
    assert source.digest()
print(start, peak())
"""


@pytest.mark.parametrize("container", ["safetensors", "zip"])
def test_streaming(tmp_path: Path, container: str) -> None:
    """300 MB are checked, copied and hashed in less than 64 MiB beyond the imports."""
    state = {f"w{i}": torch.full((2500, 3000), float(i)) for i in range(10)}
    path = save(state, tmp_path / "large", container)
    small = save({"w": torch.ones(2)}, tmp_path / "small", "zip")
    del state
    mode = "torch" if container == "zip" else "plain"
    result = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), str(tmp_path / "new"), mode, str(small)],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    start, peak = map(int, result.stdout.split())
    assert (peak - start) * 1024 < 64 * MEGABYTE
    assert (tmp_path / "new").stat().st_size > 299 * 1000 * 1000
