"""Which filters of a grown kernel are old, copies, pairs, zeros and fresh: from the values alone."""

from __future__ import annotations

import numpy as np

from fptdsl.api.filter_origins import origins

OLD = np.random.default_rng(1).normal(size=(3, 2, 2, 2))
NEW = np.random.default_rng(2).normal(size=(3, 2, 2, 2))


def told(*rows: np.ndarray, old: np.ndarray = OLD) -> list[tuple[str, int | None]]:
    return [tuple(origin) for origin in origins(np.stack(rows), old)]


def test_every_kind() -> None:
    found = told(*OLD, OLD[1], NEW[0], NEW[1], NEW[0], np.zeros_like(NEW[0]))
    assert found == [
        ("old", 0), ("old", 1), ("old", 2), ("copy", 1), ("pair", 4), ("fresh", None), ("pair", 4), ("zero", None),
    ]  # fmt: skip


def test_filters_may_have_moved() -> None:
    assert told(OLD[2], NEW[0], OLD[0]) == [("old", 2), ("fresh", None), ("old", 0)]


def test_one_bit_makes_a_copy_a_fresh_filter() -> None:
    near = OLD[0].copy()
    near[0, 0, 0] = np.nextafter(near[0, 0, 0], 1)
    assert told(*OLD, near)[-1] == ("fresh", None)


def test_old_filters_that_are_equal_or_zero_are_each_found_once() -> None:
    twice = np.stack([OLD[0], OLD[0], np.zeros_like(OLD[0])])
    assert told(*twice, OLD[0], np.zeros_like(OLD[0]), old=twice) == [
        ("old", 0), ("old", 1), ("old", 2), ("copy", 0), ("zero", None),
    ]  # fmt: skip


def test_negative_zeros_are_zeros() -> None:
    assert told(*OLD, -np.zeros_like(OLD[0]))[-1] == ("zero", None)
