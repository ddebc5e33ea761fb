"""Folders with more shards than a process may have files open."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import fptdsl
from fptdsl.diagnostics import FptError

from . import family

SHARDS = 14


@contextmanager
def limited(more: int) -> Iterator[int]:
    """Inside, ``more`` files may be opened besides those that are; gives the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = len(os.listdir("/proc/self/fd")) - 1 + more
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        yield limit
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("layout", ["safetensors shards", "bin shards"])
def test_the_limit_of_open_files_is_told(place: Path, layout: str) -> None:
    """Wherever it is met (shards, old or new, or other files), the way out is said; in the end nothing is left."""
    family.write(place / "model", layout, shards=SHARDS)
    grow = "widen layers.*.up to 16"
    fptdsl.apply("tiny.fpt", "model", grow=grow, out="out")  # imports all that is needed
    files = sorted(os.listdir(place))
    messages = []
    for more in (2, SHARDS - 1, SHARDS, SHARDS + 1, SHARDS + 3, SHARDS + 7, 2 * SHARDS - 1):
        with limited(more) as limit, pytest.raises(FptError) as caught:
            fptdsl.apply("tiny.fpt", "model", grow=grow, out="out", force=True)
        (item,) = caught.value.diagnostics
        assert item.code in ("F402", "F435", "F604"), item
        assert item.hint is not None
        assert f"at most {limit} files may be open at once" in item.hint
        assert "`ulimit -n 4096`" in item.hint
        # Where no folder can be opened to be removed, the next run does so.
        assert set(os.listdir(place)) - {".out.partial"} == set(files)
        messages.append(item.message)
    assert any(".out.partial" in message for message in messages), messages
    with limited(2 * SHARDS + 40):
        assert fptdsl.apply("tiny.fpt", "model", grow=grow, out="out", force=True).passed
    assert sorted(os.listdir(place)) == files
