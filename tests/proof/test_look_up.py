"""Rows of a table are looked up in pieces, and are those that torch looks up."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from fptdsl.diagnostics import FptError
from fptdsl.proof import look_up as module
from fptdsl.proof.look_up import look_up
from fptdsl.proof.noise import relative_noise
from fptdsl.proof.variants import Noisy, Recipe, Stored
from fptdsl.proof.weights import Reader

ROWS, COLUMNS = 37, 5
TABLE = torch.randn(ROWS, COLUMNS, generator=torch.Generator().manual_seed(0))


class Reading:
    """A source that notes which rows are read."""

    def __init__(self) -> None:
        self.read: list[tuple[int, int]] = []

    def rows(self, name: str, start: int, stop: int) -> np.ndarray:
        self.read.append((start, stop))
        return TABLE[start:stop].numpy()

    def dtype(self, name: str) -> str:
        return "float32"

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(TABLE.shape)


def grown(name: str) -> Iterator[np.ndarray]:
    """Three times the table, in chunks of four rows."""
    for start in range(0, ROWS, 4):
        yield 3.0 * TABLE[start : start + 4].double().numpy()


@pytest.mark.parametrize("piece", [1, 3 * COLUMNS, 10**6])
def test_as_torch_looks_up(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE", piece)
    source = Reading()
    variants = [Stored(), Noisy("noisy", 1e-3), Recipe(grown), Stored("single", torch.float32)]
    several, one = torch.tensor([[0, 36, 7], [7, 8, 0]]), torch.tensor([20])
    indices = {(v, s): given for v in range(4) for s, given in enumerate((several, one))}
    found = look_up("table", (ROWS, COLUMNS), Reader(source), variants, indices)
    noisy = relative_noise(TABLE.double(), "table", 0, 1e-3)
    wanted: list[Tensor] = [TABLE.double(), noisy, 3.0 * TABLE.double(), TABLE]
    for (v, s), given in indices.items():
        assert torch.equal(found[v, s], wanted[v][given]), (v, s)
        assert found[v, s].dtype == variants[v].dtype
    assert sum(stop - start for start, stop in source.read) <= (ROWS if piece > 1 else 5)


@pytest.mark.parametrize("index", [-1, ROWS])
def test_an_index_that_the_table_does_not_have(index: int) -> None:
    with pytest.raises(FptError, match=f"`table` has {ROWS} rows, and row {index} is looked up"):
        look_up("table", (ROWS, COLUMNS), Reader(Reading()), [Stored()], {(0, 0): torch.tensor([0, index])})
