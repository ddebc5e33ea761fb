"""Digests that are worked out in a thread beside other work."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from time import sleep
from typing import Any

import pytest
import torch
from blake3 import blake3
from two_layers import save, state_of, written_spec

import fptdsl
from fptdsl.api.hashing import Hashing
from fptdsl.checkpoint import known_files, open_checkpoint
from fptdsl.checkpoint.scanning import Scan, Stopped, scan_file
from fptdsl.diagnostics import FptError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    torch.save({"weight": torch.randn(2_000_000)}, tmp_path / "model.pt")
    return tmp_path / "model.pt"


def test_it_is_the_digest_of_the_file(path: Path) -> None:
    with open_checkpoint(path, None) as source, Hashing() as hashing:
        assert hashing.start(source, []).result() == blake3(path.read_bytes()).hexdigest()


def test_leaving_ends_it(path: Path) -> None:
    with open_checkpoint(path, None) as source, Hashing() as hashing:
        digest = hashing.start(source, [])
    assert digest.done()


def test_leaving_does_not_wait_for_another_thread(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of a file is shared, and whoever else works it out may be stopped later."""
    begun, waiting, may_end = Event(), Event(), Event()

    def slow(*given: Any) -> Scan:
        begun.set()
        may_end.wait(30)
        return scan_file(*given)

    def wait(*given: Any) -> None:
        waiting.set()
        sleep(0.01)

    monkeypatch.setattr(known_files, "scan_file", slow)
    monkeypatch.setattr(known_files, "wait", wait)
    with open_checkpoint(path, None) as source, ThreadPoolExecutor(1) as pool:
        other = pool.submit(source.digest)
        begun.wait()
        with Hashing() as hashing:
            digest = hashing.start(source, [])
            assert waiting.wait(30)
        assert other.running()
        assert digest.cancelled() or isinstance(digest.exception(), Stopped)
        may_end.set()
        assert other.result() == blake3(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("grow", ["widen nothing to 8", "widen first to 8"])
def test_faults_do_not_wait_for_hashing(grow: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong directive, an output that exists: both are told at once, however large the file is."""
    ended: list[bool] = []

    def slow(descriptor: int, spans: object, stop: Event) -> Scan:
        ended.append(stop.wait(30))
        raise Stopped

    monkeypatch.setattr(known_files, "scan_file", slow)
    spec = written_spec(tmp_path)
    source = save(state_of(spec), tmp_path / "two.safetensors")
    (tmp_path / "grown.safetensors").touch()
    with pytest.raises(FptError) as caught:
        fptdsl.apply(spec, source, grow=grow, out=tmp_path / "grown.safetensors")
    assert caught.value.diagnostics[0].code == ("F301" if "nothing" in grow else "F600")
    assert ended == [True]


def test_it_stops_when_it_is_asked_to(path: Path) -> None:
    stop = Event()
    stop.set()
    with open_checkpoint(path, None) as source:
        with pytest.raises(Stopped):
            source.digest(stop)
        assert source.digest() == blake3(path.read_bytes()).hexdigest()
