"""Columns that cancel, as they are stored: their sum is zero to the last bit, however many they are (S-2)."""

from __future__ import annotations

import numpy as np
import pytest

from fptdsl.growth.axes import PAIR, ZERO, AxisMap
from fptdsl.growth.grid import MANTISSA, store, widen_raw
from fptdsl.growth.law import split_reader
from fptdsl.growth.random import Stream


def a_class_of(count: int, scale: float) -> AxisMap:
    """One old unit, and so many new ones that are equal."""
    new = np.arange(count + 1)
    return AxisMap(
        old=1,
        source=np.where(new == 0, 0, -1),
        label=np.minimum(new, 1),
        donor=np.zeros_like(new),
        writer=np.full_like(new, ZERO),
        reader=np.full_like(new, PAIR),
        noise=np.zeros(count + 1),
        scale=np.full(count + 1, scale),
    )


@pytest.mark.parametrize("dtype", list(MANTISSA))
@pytest.mark.parametrize("count", [2, 3, 4, 7, 16])
@pytest.mark.parametrize("deviation", [0.011, 0.9, 1.01])
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_the_sum_is_zero(dtype: str, count: int, deviation: float, scale: float) -> None:
    rows = np.arange(2000)
    columns = split_reader(np.ones((len(rows), 1)), a_class_of(count, scale), deviation, dtype, Stream(0, "x"), rows)
    stored = widen_raw(store(columns, dtype), dtype)[:, 1:]
    assert np.abs(stored).max() > deviation * scale
    for order in (1, -1):
        total = np.zeros(len(rows))
        for column in stored.T[::order]:
            total += column
        assert not total.any()
