"""Fresh values: the same in any pieces, uniform, of the deviation of what they are modelled on."""

from __future__ import annotations

import numpy as np
import pytest

from fptdsl.checkpoint.dtypes import all_finite
from fptdsl.growth.random import BLOCK, Stream, symmetric
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
    assert symmetric(values, 0.02).std() == pytest.approx(0.02, rel=2e-3)


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
