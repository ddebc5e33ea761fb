"""Fresh values: the same in any pieces, uniform, of the deviation of what they are modelled on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fptdsl.checkpoint.dtypes import all_finite
from fptdsl.growth.grid import store, widen_raw
from fptdsl.growth.random import BLOCK, Stream
from fptdsl.growth.source import SAMPLED, deviation


class _Table:
    """One float32 tensor that counts the rows that are read."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.read = values, 0

    def rows(self, name: str, start: int, stop: int) -> np.ndarray:
        self.read += min(stop, len(self.values)) - start
        return self.values[start:stop]

    def dtype(self, name: str) -> str:
        return "float32"

    def shape(self, name: str) -> tuple[int, ...]:
        return self.values.shape


@pytest.mark.parametrize("cut", [1, 1000, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 7])
def test_values_do_not_depend_on_the_pieces(cut: int) -> None:
    stream, count = Stream(3, "layer.weight"), 3 * BLOCK
    pieces = np.concatenate([stream.uniform(0, cut), stream.uniform(cut, count)])
    assert np.array_equal(pieces, stream.uniform(0, count))
    rows = np.array([0, 1, 5, 6, 2])
    assert np.array_equal(stream.uniform_rows(rows, 700), stream.uniform(0, 4900).reshape(7, 700)[rows])


def test_values_are_uniform_and_of_their_stream_alone() -> None:
    values = Stream(0, "a").uniform(0, 1 << 20)
    assert values.min() >= 0.0
    assert values.max() < 1.0
    counts, _ = np.histogram(values, 64, (0.0, 1.0))
    assert float(((counts - counts.mean()) ** 2 / counts.mean()).sum()) < 120  # chi-squared of 63: 1 in 30,000
    assert abs(float(np.corrcoef(values[:-1], values[1:])[0, 1])) < 0.005
    for other in (Stream(1, "a"), Stream(0, "b")):
        assert not np.isin(values[:1000], other.uniform(0, 1 << 16)).all()
        assert abs(float(np.corrcoef(values, other.uniform(0, 1 << 20))[0, 1])) < 0.005


def test_values_around_zero_have_the_deviation() -> None:
    stream, rows = Stream(0, "a"), np.arange(1 << 10)
    values = stream.symmetric_rows(rows, 1 << 10, 0.02)
    assert values.std() == pytest.approx(0.02, rel=2e-3)
    assert abs(values.mean()) < 1e-4
    assert abs(values).max() == pytest.approx(0.02 * np.sqrt(3.0), rel=1e-4)
    counts, _ = np.histogram(values, 64, (-0.02 * np.sqrt(3.0), 0.02 * np.sqrt(3.0)))
    assert float(((counts - counts.mean()) ** 2 / counts.mean()).sum()) < 120  # chi-squared of 63: 1 in 30,000
    some = np.array([7, 3, 4, 5, 1000])
    assert np.array_equal(stream.symmetric_rows(some, 1 << 10, 0.02), values[some])


def test_the_deviation_of_a_large_tensor_is_that_of_rows_from_all_over() -> None:
    rows = 4 * SAMPLED // 1024
    scale = np.linspace(0.5, 2.0, rows, dtype=np.float32)[:, None]
    table = _Table(np.random.default_rng(0).standard_normal((rows, 1024), dtype=np.float32) * scale)
    assert deviation(table, "w") == pytest.approx(float(table.values.std(dtype=np.float64)), rel=0.03)
    assert table.read * 1024 <= 2 * SAMPLED
    small = _Table(table.values[: SAMPLED // 1024])
    assert deviation(small, "w") == pytest.approx(float(small.values.std(dtype=np.float64)), rel=1e-9)


@pytest.mark.parametrize("bits", [0x7F80, 0x7F81, 0x7FFF, 0xFF80, 0xFFC0, 0xFFFF])
def test_infinity_and_nan_of_bfloat16_are_found_whatever_their_sign(bits: int) -> None:
    every = np.arange(1 << 16, dtype=np.uint16)
    finite = every[(every & 0x7F80) != 0x7F80]
    assert all_finite(finite, "bfloat16")
    assert not all_finite(np.append(finite, np.uint16(bits)), "bfloat16")
    assert all_finite(finite[:0], "bfloat16")


def test_bfloat16_is_rounded_to_nearest_and_halves_to_even() -> None:
    every = np.arange(1 << 16, dtype=np.uint16)
    finite = every[(every & 0x7F80) != 0x7F80]
    assert np.array_equal(store(widen_raw(finite, "bfloat16"), "bfloat16"), finite)
    positive = widen_raw(np.arange(0x7F80, dtype=np.uint16), "bfloat16")
    between = (positive[:-1] + positive[1:]) / 2
    lower = np.arange(len(between), dtype=np.uint16)
    for sign, bit in ((1.0, 0), (-1.0, 0x8000)):
        assert np.array_equal(store(sign * between, "bfloat16"), (lower + (lower & 1)) | bit)
        # A float64 beside the middle, which float32 does not tell from it.
        assert np.array_equal(store(sign * np.nextafter(between, np.inf), "bfloat16"), (lower + 1) | bit)
        assert np.array_equal(store(sign * np.nextafter(between, 0.0), "bfloat16"), lower | bit)
    some = np.random.default_rng(0).integers(0, 1 << 32, 1 << 20, dtype=np.uint32).view(np.float32)
    some = some[np.isfinite(some)]
    torch_bits = torch.from_numpy(some).to(torch.bfloat16).view(torch.int16).numpy().view(np.uint16)
    assert np.array_equal(store(some.astype(np.float64), "bfloat16"), torch_bits)
    special = store(np.array([np.inf, -np.inf, np.nan, -np.nan, 3.4e38, -0.0]), "bfloat16")
    assert [hex(bits & 0x7FFF) for bits in special.tolist()] == [
        "0x7f80",
        "0x7f80",
        "0x7fc0",
        "0x7fc0",
        "0x7f80",
        "0x0",
    ]
    assert store(np.zeros((0, 3)), "bfloat16").shape == (0, 3)
    assert store(np.array(1.5), "bfloat16").shape == ()
