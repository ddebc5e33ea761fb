"""Rows of a table for the indices of a batch: of a large vocabulary, only the pieces that are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..diagnostics import Diagnostic, FptError
from .variants import Variant
from .weights import Reader

PIECE = 2**14
"""Values that are read at a time, about: neighbouring rows, of which at least one is asked for."""


def look_up(
    name: str,
    shape: tuple[int, int],
    reader: Reader,
    variants: Sequence[Variant],
    indices: Mapping[tuple[int, int], Tensor],
) -> dict[tuple[int, int], Any]:
    """``[..., columns]`` for the indices ``[...]`` of each variant and sample (by their numbers).

    ``shape`` is that of the table.

    Raises FptError (F517): an index that the table does not have.
    """
    rows, columns = shape
    wanted = sorted({number for some in indices.values() for number in some.flatten().tolist()})
    if wanted and not 0 <= wanted[0] <= wanted[-1] < rows:
        missing = wanted[0] if wanted[0] < 0 else wanted[-1]
        raise FptError(
            Diagnostic(
                "F517",
                f"`{name}` has {rows:,} rows, and row {missing:,} is looked up",
                hint="give the probe shorter texts or smaller numbers, or the table more rows",
            )
        )
    found = {(v, s): torch.empty(*some.shape, columns, dtype=variants[v].dtype) for (v, s), some in indices.items()}
    for start, stop in _runs(wanted, max(1, PIECE // columns)):
        raw = reader.rows(name, start, stop)
        exact = raw.to(torch.float64)
        weights = [variant.piece(name, raw, exact, start) for variant in variants]
        for (v, s), some in indices.items():
            here = (some >= start) & (some < stop)
            found[v, s][here] = weights[v][some[here] - start]
    for variant in variants:
        variant.release()
    return found


def _runs(wanted: Sequence[int], rows: int) -> Iterator[tuple[int, int]]:
    """``(first, past the last)`` of runs of at most ``rows`` rows that hold all of the rising numbers."""
    place = 0
    while place < len(wanted):
        start = last = wanted[place]
        while place < len(wanted) and wanted[place] < start + rows:
            last = wanted[place]
            place += 1
        yield start, last + 1
