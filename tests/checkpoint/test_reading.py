"""Reading tensors in pieces, against torch's own reading."""

from __future__ import annotations

import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from blake3 import blake3

from fptdsl.checkpoint import open_checkpoint

from .helpers import CONTAINERS, bits, same, save

DTYPES = [
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float64,
    torch.int64,
    torch.int32,
    torch.uint8,
    torch.bool,
    torch.float8_e4m3fn,
    torch.complex64,
]


def tensor(dtype: torch.dtype, *shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    if dtype.is_complex:
        return torch.randn(shape, dtype=dtype, generator=generator)
    if dtype.is_floating_point:
        return torch.randn(shape, generator=generator).to(dtype)
    return torch.randint(0, 2, shape, generator=generator).to(dtype)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_container_and_type(tmp_path: Path, container: str, dtype: torch.dtype) -> None:
    if container == "legacy" and dtype == torch.float8_e4m3fn:
        pytest.skip("torch itself cannot read this type back from the older container")
    state = {
        "a.weight": tensor(dtype, 7, 3, 2),
        "a.bias": tensor(dtype, 7),
        "n": tensor(dtype),
        "none": tensor(dtype, 0, 3),
    }
    with open_checkpoint(save(state, tmp_path / "file", container)) as source:
        assert source.container == container
        assert set(source.keys()) == set(state)
        for name, value in state.items():
            assert source.shape(name) == tuple(value.shape)
            assert source.dtype(name) == str(dtype).removeprefix("torch.")
            same(source.tensor(name), value)
            assert b"".join(rows.tobytes() for rows in source.chunks(name)) == bits(value)
        assert source.rows("a.weight", 2, 5).tobytes() == bits(state["a.weight"][2:5])
        assert source.rows("n", 0, 1).shape == ()
        assert source.rows("none", 0, 0).shape == (0, 3)


def test_bfloat16_rows_are_their_bits(tmp_path: Path) -> None:
    value = torch.tensor([1.0, -2.0], dtype=torch.bfloat16)
    with open_checkpoint(save({"w": value}, tmp_path / "w.pt", "zip")) as source:
        assert source.rows("w", 0, 2).dtype == np.uint16
        assert source.rows("w", 0, 2).tolist() == [0x3F80, 0xC000]


@pytest.mark.parametrize("container", ["zip", "legacy"])
def test_views_of_a_larger_storage(tmp_path: Path, container: str) -> None:
    whole = torch.arange(60.0)
    state = {
        "part": whole[8:20].view(3, 4),
        "transposed": whole[:24].view(4, 6).t(),
        "strided": whole[::7],
        "permuted": whole.view(3, 4, 5).permute(2, 0, 1),
        "expanded": whole[3:4].expand(5, 1),
        "channels_last": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
        "lone": torch.randn(()),
    }
    with open_checkpoint(save(state, tmp_path / "file", container)) as source:
        for name, value in state.items():
            assert torch.equal(source.tensor(name), value), name
            if value.ndim:
                assert np.array_equal(source.rows(name, 1, 3), value[1:3].numpy()), name
        assert source.aliases == ()


@pytest.mark.parametrize("container", ["zip", "legacy"])
def test_aliases_are_the_same_view_of_the_same_storage(tmp_path: Path, container: str) -> None:
    weight = torch.randn(4, 4)
    state = {
        "a": weight,
        "b": weight,
        "c": weight.view(4, 4),
        "t": weight.t(),
        "half": weight[:2],
        "copy": weight.clone(),
    }
    with open_checkpoint(save(state, tmp_path / "file", container)) as source:
        assert source.aliases == (("a", "b", "c"),)


def test_parameters_other_entries_and_metadata(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    state = model.state_dict(keep_vars=True)
    state["steps"] = 7
    path = save({"epoch": 3, "net": state}, tmp_path / "file.bin", "zip")
    with open_checkpoint(path) as source:
        assert source.found == "torch file with 7 tensors under `net`."
        assert "steps" not in source
        assert not source.tensor("0.weight").requires_grad


def test_a_tensor_is_a_copy(tmp_path: Path) -> None:
    for container in CONTAINERS:
        path = save({"w": torch.ones(3)}, tmp_path / container, container)
        with open_checkpoint(path) as source:
            source.tensor("w").zero_()
            assert source.rows("w", 0, 3).tolist() == [1, 1, 1]
        assert torch.equal(torch.ones(3), open_checkpoint(path).tensor("w"))


def test_digest_is_that_of_the_file(tmp_path: Path) -> None:
    path = save({"w": torch.ones(3)}, tmp_path / "w.pt", "zip")
    with open_checkpoint(path) as source:
        assert source.digest() == blake3(path.read_bytes()).hexdigest()


def test_the_container_is_told_by_content(tmp_path: Path) -> None:
    save({"w": torch.ones(3)}, tmp_path / "a.pth", "safetensors")
    save({"w": torch.ones(3)}, tmp_path / "b.bin", "legacy")
    assert open_checkpoint(tmp_path / "a.pth").container == "safetensors"
    assert open_checkpoint(tmp_path / "b.bin").container == "legacy"


def test_checksums_switched_off(tmp_path: Path) -> None:
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        path = save({"w": torch.ones(3)}, tmp_path / "w.pt", "zip")
    finally:
        torch.serialization.set_crc32_options(before)
    with open_checkpoint(path) as source:
        assert source.tensor("w").tolist() == [1, 1, 1]


def test_an_entry_that_no_tensor_uses_does_not_disturb(tmp_path: Path) -> None:
    state = OrderedDict((f"w{i}", torch.full((1024,), float(i))) for i in range(12))
    path = save(
        {"state_dict": state, "optimizer": {"state": {0: {"exp_avg": torch.ones(9)}}}}, tmp_path / "w.pt", "zip"
    )
    with open_checkpoint(path) as source:
        assert [source.tensor(name)[5].item() for name in source] == list(range(12))


def test_safetensors_needs_no_torch(tmp_path: Path) -> None:
    path = save({"w": torch.arange(6.0).view(3, 2)}, tmp_path / "w.safetensors", "safetensors")
    code = (
        "import sys; from fptdsl.checkpoint import open_checkpoint\n"
        f"source = open_checkpoint({str(path)!r})\n"
        "assert source.rows('w', 1, 3).tolist() == [[2, 3], [4, 5]] and source.digest()\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
