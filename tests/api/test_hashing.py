"""Digests that are worked out in a thread beside other work."""

from __future__ import annotations

import hashlib
from pathlib import Path
from threading import Event

import pytest
import torch

from fptdsl.api.hashing import Hashing
from fptdsl.checkpoint import open_checkpoint
from fptdsl.checkpoint.scanning import Stopped


@pytest.fixture
def path(tmp_path: Path) -> Path:
    torch.save({"weight": torch.randn(2_000_000)}, tmp_path / "model.pt")
    return tmp_path / "model.pt"


def test_it_is_the_digest_of_the_file(path: Path) -> None:
    with open_checkpoint(path, None) as source, Hashing() as hashing:
        assert hashing.start(source, []).result() == hashlib.sha256(path.read_bytes()).hexdigest()


def test_leaving_ends_it(path: Path) -> None:
    with open_checkpoint(path, None) as source, Hashing() as hashing:
        digest = hashing.start(source, [])
    assert digest.done()


def test_it_stops_when_it_is_asked_to(path: Path) -> None:
    stop = Event()
    stop.set()
    with open_checkpoint(path, None) as source:
        with pytest.raises(Stopped):
            source.digest(stop)
        assert source.digest() == hashlib.sha256(path.read_bytes()).hexdigest()
