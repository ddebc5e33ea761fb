"""Chunks that are made one ahead of their use."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from fptdsl.checkpoint.ahead import LARGE, ahead
from fptdsl.checkpoint.storage import Bytes


def numbered(count: int, made: list[int], fault: int = -1) -> Iterator[Bytes]:
    for number in range(count):
        if number == fault:
            raise ValueError("the third")
        made.append(number)
        yield np.full(3, number, np.uint8)


@pytest.mark.parametrize("nbytes", [10, LARGE])
def test_the_order_stays(nbytes: int) -> None:
    made: list[int] = []
    assert [int(chunk[0]) for chunk in ahead(numbered(7, made), nbytes)] == list(range(7))
    assert made == list(range(7))


@pytest.mark.parametrize("nbytes", [10, LARGE])
def test_what_a_chunk_raises_comes_out(nbytes: int) -> None:
    chunks = ahead(numbered(7, [], fault=2), nbytes)
    assert [int(next(chunks)[0]), int(next(chunks)[0])] == [0, 1]
    with pytest.raises(ValueError, match="the third"):
        next(chunks)


def test_it_is_at_most_one_ahead_and_ends_with_its_user() -> None:
    made: list[int] = []
    before = threading.active_count()
    chunks = ahead(numbered(1000, made), LARGE)
    next(chunks)
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    assert len(made) <= 3
    assert threading.active_count() == before
