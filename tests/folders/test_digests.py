"""The digest of a folder: that of its files, whether they are hashed or known to be those of another folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from time import sleep

import pytest
import torch
from blake3 import blake3
from safetensors.torch import save_file

from fptdsl.api.hashing import Hashing
from fptdsl.checkpoint import FolderCheckpoint, known_files, open_checkpoint
from fptdsl.checkpoint.known_files import same_bytes
from fptdsl.checkpoint.scanning import PIECE, Scan, Span, Stopped, scan_file


def shards(folder: Path, *values: float) -> Path:
    folder.mkdir()
    where = []
    for number, value in enumerate(values, 1):
        name = f"model-{number:05d}-of-{len(values):05d}.safetensors"
        save_file({f"t{number}": torch.full((300, 1000), value)}, folder / name)
        where.append(f'"t{number}": "{name}"')
    (folder / "model.safetensors.index.json").write_text(f'{{"metadata": {{}}, "weight_map": {{{", ".join(where)}}}}}')
    return folder


def listed(folder: Path) -> str:
    names = sorted(path.name for path in folder.glob("*.safetensors"))
    lines = [f"{blake3((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    return blake3("".join(lines).encode()).hexdigest()


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The files that were hashed."""
    found: list[int] = []

    def counted(descriptor: int, spans: Sequence[Span], stop: Event | None = None) -> Scan:
        found.append(descriptor)
        return scan_file(descriptor, spans, stop)

    monkeypatch.setattr(known_files, "scan_file", counted)
    return found


@pytest.mark.parametrize(("values", "hashed"), [((1.0, 2.0, 3.0), 0), ((1.0, 2.5, 3.0), 1), ((4.0, 5.0, 6.0), 3)])
def test_files_that_are_known_are_compared(
    values: tuple[float, ...], hashed: int, tmp_path: Path, scanned: list[int]
) -> None:
    old, new = shards(tmp_path / "old", 1.0, 2.0, 3.0), shards(tmp_path / "new", *values)
    with open_checkpoint(old) as before, open_checkpoint(new) as after:
        after.known = before.known
        assert before.digest() == listed(old)
        scanned.clear()
        assert after.digest(like=before) == listed(new)
        assert after.sound == {"t1", "t2", "t3"}
    assert len(scanned) == hashed


def test_without_known_digests_all_are_hashed(tmp_path: Path) -> None:
    old, new = shards(tmp_path / "old", 1.0, 2.0), shards(tmp_path / "new", 1.0, 2.0)
    with open_checkpoint(old) as before, open_checkpoint(new) as after:
        assert after.digest(like=before) == listed(new)


def test_threads_share_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However far the first digest is, no file is hashed twice, and none that is a copy at all."""
    hashed: list[int] = []

    def slow(descriptor: int, spans: Sequence[Span], stop: Event | None = None) -> Scan:
        hashed.append(descriptor)
        sleep(0.05)
        return scan_file(descriptor, spans, stop)

    monkeypatch.setattr(known_files, "scan_file", slow)
    values = tuple(map(float, range(6)))
    old, new = shards(tmp_path / "old", *values), shards(tmp_path / "new", *values)
    with open_checkpoint(old) as before, open_checkpoint(new) as after, Hashing() as first, Hashing(spare=0) as last:
        after.known = before.known
        digests = first.start(before, ()), last.start(after, (), like=before)
        assert [digest.result() for digest in digests] == [listed(old), listed(new)]
        assert sorted(hashed) == sorted(contents.descriptor for contents in before.files.values())


def test_what_was_learnt_while_it_was_written_is_asked_for(tmp_path: Path, scanned: list[int]) -> None:
    old, new = shards(tmp_path / "old", 1.0, 2.0), shards(tmp_path / "new", 1.0, 2.5)
    with open_checkpoint(old) as before:
        before.digest()
        for path in sorted(new.glob("*.safetensors")):
            before.scan_written(path)
        scanned.clear()
        with open_checkpoint(new) as after:
            after.known = before.known
            assert after.digest(like=before) == listed(new)
            assert not scanned
        (path,) = new.glob("model-00002*")
        save_file({"t2": torch.full((300, 1000), 3.5)}, path)  # as large as before
        with open_checkpoint(new) as after:
            after.known = before.known
            assert after.digest(like=before) == listed(new)
            assert len(scanned) == 1


def test_a_file_that_was_cut_off_is_not_sound(tmp_path: Path) -> None:
    folder = shards(tmp_path / "folder", 1.0, 2.0)
    with open_checkpoint(folder) as found:
        path = next(folder.glob("model-00002*"))
        os.truncate(path, path.stat().st_size - 3)
        assert found.digest() == listed(folder)
        assert found.sound == {"t1"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64], ids=str)
@pytest.mark.parametrize("place", [0, PIECE // 8 - 1, PIECE // 8, -1])
def test_one_bad_value_is_seen_wherever_it_lies(place: int, dtype: torch.dtype, tmp_path: Path) -> None:
    values = torch.ones(PIECE // 4, dtype=dtype)
    save_file({"a": torch.ones(3), "b": values, "c": torch.ones(5, dtype=torch.int64)}, tmp_path / "good.safetensors")
    values[place] = float("nan")
    save_file({"a": torch.ones(3), "b": values, "c": torch.ones(5, dtype=torch.int64)}, tmp_path / "bad.safetensors")
    for name, sound in (("good", {"a", "b", "c"}), ("bad", {"a", "c"})):
        with open_checkpoint(tmp_path / f"{name}.safetensors") as found:
            found.digest()
            assert found.sound == sound


def test_a_wrong_checksum_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"a": torch.ones(1000), "b": torch.full((2000,), 3.0)}, path)
    with open_checkpoint(path) as found:
        found.digest()
        assert found.sound == {"a", "b"}
    data = bytearray(path.read_bytes())
    data[data.index(torch.full((2000,), 3.0).numpy().tobytes()) + 5] ^= 1
    path.write_bytes(data)
    with open_checkpoint(path) as found:
        found.digest()
        assert found.sound == {"a"}


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_digest_tells_the_sound_tensors(bad: float, tmp_path: Path) -> None:
    folder = shards(tmp_path / "folder", 1.0, bad, 3.0)
    with open_checkpoint(folder) as found:
        assert not found.sound
        found.digest()
        assert found.sound == {"t1", "t3"}


def test_one_byte_at_the_end_counts(tmp_path: Path) -> None:
    left, right, short = (tmp_path / name for name in ("left", "right", "short"))
    left.write_bytes(bytes(2_500_000))
    right.write_bytes(bytes(2_499_999) + b"\1")
    short.write_bytes(bytes(2_499_999))
    descriptors = [os.open(path, os.O_RDONLY) for path in (left, right, short)]
    try:
        one, other, third = descriptors
        assert same_bytes(one, one)
        assert not same_bytes(one, other)
        assert not same_bytes(one, third)
        stop = Event()
        stop.set()
        with pytest.raises(Stopped):
            same_bytes(one, one, stop)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def test_a_file_is_compared_once_whoever_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = []

    def slow(left: int, right: int, stop: Event | None = None) -> bool:
        pairs.append((left, right))
        sleep(0.05)  # Long enough for the other thread to ask.
        return same_bytes(left, right, stop)

    monkeypatch.setattr(known_files, "same_bytes", slow)
    old, new = shards(tmp_path / "old", 1.0, 2.0, 3.0), shards(tmp_path / "new", 1.0, 2.5, 3.0)
    with open_checkpoint(old) as before, open_checkpoint(new) as after:
        assert isinstance(after, FolderCheckpoint)
        after.known = before.known
        before.digest()
        with ThreadPoolExecutor(1) as pool:
            digest = pool.submit(after.digest, None, before)
            same = [after.in_same_file(f"t{number}", before, f"t{number}") for number in (3, 2, 1)]
        assert same == [True, False, True]
        assert digest.result() == listed(new)
        assert not after.in_same_file("t1", before, "t3")  # another tensor
    assert len(pairs) == 3


def test_what_the_first_thread_meets_the_others_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(left: int, right: int, stop: Event | None = None) -> bool:
        raise OSError("the disk is gone")

    monkeypatch.setattr(known_files, "same_bytes", broken)
    known = known_files.KnownFiles()
    with open(__file__, "rb") as file:
        for _ in range(2):
            with pytest.raises(OSError, match="gone"):
                known.same(file.fileno(), file.fileno())
