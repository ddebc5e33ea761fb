"""Files that are no checkpoint, damaged, or made to harm: each is one diagnostic and nothing else."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fptdsl.checkpoint import open_checkpoint

from .helpers import fault, save

STATE = {"layer.weight": torch.arange(4096.0), "layer.bias": torch.arange(64.0)}


def refused(path: Path, code: str, *told: str) -> None:
    item = fault(lambda: open_checkpoint(path), code)
    assert item.path == str(path)
    assert item.hint
    for text in told:
        assert text in item.message, item.message


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


class Payload:
    """Pickles to a call that creates a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("container", ["zip", "legacy"])
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path: Path, container: str) -> None:
    path = save({"state_dict": STATE, "x": Payload(tmp_path / "harm")}, tmp_path / "evil.pt", container)
    refused(path, "F406", "system")
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(("protocol", "code"), [(0, "F404"), (2, "F406"), (4, "F405")])
def test_a_bare_pickle_is_refused_and_not_run(tmp_path: Path, protocol: int, code: str) -> None:
    path = written(tmp_path / "evil.pkl", pickle.dumps(Payload(tmp_path / "harm"), protocol))
    refused(path, code)
    assert not (tmp_path / "harm").exists()


def test_a_whole_module_is_refused(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "model.pt")
    refused(tmp_path / "model.pt", "F406", "torch.nn.modules.linear.Linear")


@pytest.mark.parametrize("container", ["zip", "legacy", "safetensors"])
@pytest.mark.parametrize("part", [0.05, 0.5, 0.9, 0.999])
def test_cut_short(tmp_path: Path, container: str, part: float) -> None:
    data = save(STATE, tmp_path / "whole", container).read_bytes()
    refused(written(tmp_path / "cut", data[: int(len(data) * part)]), "F405")


def test_empty_folder_missing_and_special(tmp_path: Path) -> None:
    refused(written(tmp_path / "empty.pt", b""), "F403")
    save(STATE, tmp_path / "resnet.pt", "zip")
    refused(tmp_path, "F430")
    assert "`resnet.pt`" in str(fault(lambda: open_checkpoint(tmp_path / "resmet.pt"), "F400").hint)
    assert "no folder" in str(fault(lambda: open_checkpoint(tmp_path / "no" / "x.pt"), "F400").hint)
    refused(tmp_path / "resnet.pt" / "x.pt", "F400")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "F401")


def test_a_name_that_no_file_can_have() -> None:
    assert fault(lambda: open_checkpoint("a\0b"), "F402").hint
    assert fault(lambda: open_checkpoint("x" * 5000), "F402").hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    path = save(STATE, tmp_path / "secret.pt", "zip")
    path.chmod(0)
    refused(path, "F402")


@pytest.mark.parametrize(
    "data",
    [
        b"hello world, this is text",
        b"\x89HDF\r\n\x1a\n",
        b"\x93NUMPY",
        b"\0" * 4096,
        b"\xff" * 64,
        b"PK\x05\x06" + b"\0" * 18,
    ],
)
def test_other_files(tmp_path: Path, data: bytes) -> None:
    refused(written(tmp_path / "file.pt", data), "F404")


def test_noise_that_begins_as_a_pickle(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).bytes(4000)
    refused(written(tmp_path / "file.pt", b"\x80\x02" + noise), "F405")


def test_other_zip_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "arrays.npz", a=np.ones(3))
    refused(tmp_path / "arrays.npz", "F404")
    path = save(STATE, tmp_path / "whole.pt", "zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("whole/constants.pkl", b"\x80\x02).")
    refused(path, "F408")


def test_the_oldest_container(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "old.pt", "w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            item = tarfile.TarInfo(name)
            item.size = 4
            archive.addfile(item, io.BytesIO(b"\x80\x02}."))
    refused(tmp_path / "old.pt", "F404")


def rezipped(
    source: Path,
    target: Path,
    change: Callable[[str, bytes], tuple[str, bytes] | None],
    compression: int = zipfile.ZIP_STORED,
) -> Path:
    """A zip file with some records changed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", compression) as new:
        for name in old.namelist():
            record = change(name, old.read(name))
            if record is not None:
                new.writestr(*record)
    return target


def test_zip_with_a_missing_storage(tmp_path: Path) -> None:
    path = save(STATE, tmp_path / "whole.pt", "zip")
    cut = rezipped(path, tmp_path / "cut.pt", lambda n, d: None if n.endswith("data/1") else (n, d))
    refused(cut, "F405")


def test_zip_with_a_short_storage(tmp_path: Path) -> None:
    path = save(STATE, tmp_path / "whole.pt", "zip")
    cut = rezipped(path, tmp_path / "cut.pt", lambda n, d: (n, d[:-4]) if n.endswith("data/0") else (n, d))
    refused(cut, "F405", "do not fit its records")


def test_zip_without_structure_or_compressed(tmp_path: Path) -> None:
    path = save(STATE, tmp_path / "whole.pt", "zip")
    bare = rezipped(path, tmp_path / "bare.pt", lambda n, d: None if n.endswith("data.pkl") else (n, d))
    refused(bare, "F404")
    refused(rezipped(path, tmp_path / "small.pt", lambda n, d: (n, d), zipfile.ZIP_DEFLATED), "F409")


def test_zip_with_a_wrong_checksum_of_its_structure(tmp_path: Path) -> None:
    data = bytearray(save(STATE, tmp_path / "whole.pt", "zip").read_bytes())
    at = data.index(b"layer.weight")
    data[at : at + 5] = b"lager"
    refused(written(tmp_path / "bad.pt", bytes(data)), "F410")


def test_no_state_dict(tmp_path: Path) -> None:
    for item, told in [
        ({"epoch": 3}, "`epoch`"),
        ({}, "empty"),
        (torch.ones(3), "single tensor"),
        ([torch.ones(3)], "a list"),
        (7, "a int"),
        ({0: torch.ones(3)}, "no tensors"),
    ]:
        torch.save(item, tmp_path / "file.pt")
        refused(tmp_path / "file.pt", "F420", told)
    torch.save({"a": {"w": torch.ones(2)}, "b": {"w": torch.ones(2)}}, tmp_path / "file.pt")
    refused(tmp_path / "file.pt", "F421", "`a`", "`b`")


def test_a_structure_that_holds_itself(tmp_path: Path) -> None:
    item: dict[str, Any] = {"state_dict": dict(STATE)}
    item["state_dict"]["self"] = item
    torch.save(item, tmp_path / "loop.pt")
    with open_checkpoint(tmp_path / "loop.pt") as source:
        assert source.keys() == list(STATE)


def safetensors(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def item(start: object, end: object, shape: object = (2,), dtype: object = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


SAFETENSORS = {
    "overlap": safetensors({"a": item(0, 8), "b": item(4, 12)}, b"\0" * 12),
    "same bytes": safetensors({"a": item(0, 8), "b": item(0, 8)}, b"\0" * 8),
    "hole": safetensors({"a": item(0, 8), "b": item(16, 24)}, b"\0" * 24),
    "rest": safetensors({"a": item(0, 8)}, b"\0" * 24),
    "backwards": safetensors({"a": item(8, 0)}, b"\0" * 8),
    "negative": safetensors({"a": item(-8, 0)}, b"\0" * 8),
    "wrong size": safetensors({"a": item(0, 12)}, b"\0" * 12),
    "negative shape": safetensors({"a": item(0, 8, [-1, -2])}, b"\0" * 8),
    "fractional shape": safetensors({"a": item(0, 8, [2.0])}, b"\0" * 8),
    "true as a number": safetensors({"a": item(0, 4, [True])}, b"\0" * 4),
    "overflow": safetensors({"a": item(0, 8, [1 << 40, 1 << 40])}, b"\0" * 8),
    "unknown type": safetensors({"a": item(0, 8, dtype="F33")}, b"\0" * 8),
    "type that is no text": safetensors({"a": item(0, 8, dtype=["F32"])}, b"\0" * 8),
    "missing field": safetensors({"a": {"dtype": "F32", "shape": [2]}}, b"\0" * 8),
    "not a table": safetensors({"a": 7}),
    "list": safetensors(b"{}  ".replace(b"{}", b"[]")),
    "not json": safetensors(b'{"a": '),
    "not text": safetensors(b'{"\xff\xfe": 1}'),
    "deep": safetensors(b'{"a":' + b"[" * 100_000),
    "half a character": safetensors(b'{"\\ud800": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}', b"\0" * 8),
    "duplicate": safetensors(b'{"a":%s,"a":%s}' % ((json.dumps(item(0, 8)).encode(),) * 2), b"\0" * 8),
    "metadata": safetensors({"__metadata__": {"a": 1}, "a": item(0, 8)}, b"\0" * 8),
    "giant header": safetensors(b"{}", length=1 << 62),
}


@pytest.mark.parametrize("data", SAFETENSORS.values(), ids=SAFETENSORS.keys())
def test_safetensors_headers(tmp_path: Path, data: bytes) -> None:
    refused(written(tmp_path / "file.safetensors", data), "F407")


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        safetensors(b"{}", length=500),
        safetensors({"a": item(0, 8)}, b"\0" * 4),
        safetensors({"a": item(0, 1 << 50, [1 << 48])}, b"\0" * 8),
    ],
    ids=["one byte", "header", "tensor", "huge tensor"],
)
def test_safetensors_cut_short(tmp_path: Path, data: bytes) -> None:
    refused(written(tmp_path / "file.safetensors", data), "F405")


def test_safetensors_without_tensors(tmp_path: Path) -> None:
    refused(written(tmp_path / "file.safetensors", safetensors({})), "F420")


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    path = written(tmp_path / "file.safetensors", SAFETENSORS["overlap"])
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        refused(path, "F407")
    assert len(os.listdir("/proc/self/fd")) == before
