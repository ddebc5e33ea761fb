"""Rows that are equal bit by bit are found, whether they differ at their beginnings or behind them."""

from __future__ import annotations

import numpy as np
import pytest

from fptdsl.proof.certificate.alike import HEAD, alike, heads
from fptdsl.proof.certificate.kernels import Kernel


class Held:
    """One kernel in memory."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def rows(self, name: str, start: int, stop: int) -> np.ndarray:
        return self.values[start:stop]

    def shape(self, name: str) -> tuple[int, ...]:
        return self.values.shape

    def dtype(self, name: str) -> str:
        return "float32"


@pytest.mark.parametrize("seed", range(40))
def test_they_are_those_that_their_bytes_tell(seed: int) -> None:
    random = np.random.default_rng(seed)
    base = random.normal(size=(random.integers(1, 9), 2 * HEAD + 3)).astype(np.float32)
    if seed % 2:
        base[1:, : HEAD + 5] = base[0, : HEAD + 5]
    if seed % 3 == 0:
        base[0, 0] = -0.0
        base[-1] = base[0]
        base[-1, 0] = 0.0  # other bits
    rows = base[random.integers(0, len(base), random.integers(1, 200))]
    keys = random.integers(0, 2, (len(rows), 2))
    known: dict[object, int] = {}
    told = [(row.tobytes(), tuple(key)) for row, key in zip(rows, keys.tolist())]
    wanted = [known.setdefault(one, len(known)) for one in told]
    kernel = Kernel(Held(rows), "weight", 1)
    found = alike(kernel, np.arange(len(rows)), keys, heads(rows[:, :, None]))
    assert found.tolist() == wanted
