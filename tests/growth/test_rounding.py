"""Rounding to bfloat16: once, to nearest, ties to even, against exact arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from fptdsl.growth.grid import store, widen_raw


def nearest(value: float) -> int:
    """The bits of the nearest bfloat16 among all finite ones, by exact fractions; ties to the even one."""
    finite = widen_raw(np.arange(0x7F80, dtype=np.uint16), "bfloat16")
    place = int(np.searchsorted(finite, abs(value)))
    around = [n for n in (place - 1, place) if 0 <= n < len(finite)]
    best = min(around, key=lambda n: (abs(Fraction(float(finite[n])) - Fraction(abs(value))), n % 2))
    return best | (0x8000 if np.signbit(value) else 0)


def test_nearest_of_random_values_and_of_values_beside_a_tie() -> None:
    random = np.random.default_rng(0)
    scales = 2.0 ** random.integers(-140, 127, 120)
    values = random.standard_normal(120) * scales
    ties = widen_raw(random.integers(0, 0x7F00, 120).astype(np.uint16), "bfloat16")
    half = (ties + widen_raw((store(ties, "bfloat16") + 1).astype(np.uint16), "bfloat16")) / 2
    beside = [half, np.nextafter(half, 0.0), np.nextafter(half, np.inf), half * (1 + 2.0**-40), -half]
    for value in np.concatenate([values, *beside]):
        assert int(store(np.array([value]), "bfloat16")[0]) == nearest(float(value)), value.hex()


def test_overflow_zero_and_nan() -> None:
    largest = float(widen_raw(np.array([0x7F7F], np.uint16), "bfloat16")[0])
    found = store(np.array([0.0, -0.0, np.inf, -np.inf, largest, 3.4e38, -1e300, 5e-324]), "bfloat16")
    assert found.tolist() == [0, 0x8000, 0x7F80, 0xFF80, 0x7F7F, 0x7F80, 0xFF80, 0]
    bits = np.array([0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF, 0x7FF8000000000000], np.uint64)
    with np.errstate(invalid="ignore"):
        assert np.isnan(widen_raw(store(bits.view(np.float64), "bfloat16"), "bfloat16")).all()


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (2, 3, 4)])
def test_shapes(shape: tuple[int, ...]) -> None:
    assert store(np.ones(shape), "bfloat16").shape == shape


@pytest.mark.parametrize("value", [1.01171875, -1.01171875, 1 + 2.0**-8 + 2.0**-40, 1.25, 1e300, np.nan])
def test_numbers_without_axes(value: float) -> None:
    """A number is rounded as it is in an array: the first three lie half way, or beside it once they are float32."""
    alone = store(np.array(value), "bfloat16")
    assert alone.shape == ()
    assert alone.dtype == np.uint16
    assert int(alone) == int(store(np.array([value]), "bfloat16")[0])
    if np.isfinite(value) and abs(value) < 1e38:
        assert int(alone) == nearest(value)
