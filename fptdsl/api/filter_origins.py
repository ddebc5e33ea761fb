"""Where the filters of a grown convolution come from, told from two kernels and nothing else."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

How = Literal["old", "copy", "pair", "zero", "fresh"]
HOW: tuple[How, ...] = ("old", "copy", "pair", "zero", "fresh")
"""In the order in which they are counted: an old filter, a copy of one, one of several equal new ones (R2R),
all zeros, and any other."""


class Origin(NamedTuple):
    """``of``: the old filter that this one is or copies, or the first of those equal to it; None for the others."""

    how: How
    of: int | None = None


def origins(new: NDArray[np.float64], old: NDArray[np.float64]) -> list[Origin]:
    """What each filter of ``new`` is in terms of ``old``; both ``[filters, ...]``, compared bit by bit.

    The first filter that equals an old one stands for it, later ones are its copies.  Old filters that are equal
    to each other are told apart by their order.
    """
    left: dict[bytes, list[int]] = {}
    for number, row in enumerate(old):
        left.setdefault(row.tobytes(), []).append(number)
    known = {bits: numbers[0] for bits, numbers in left.items()}
    first: dict[bytes, int] = {}
    times: dict[bytes, int] = {}
    for number, row in enumerate(new):
        first.setdefault(row.tobytes(), number)
        times[row.tobytes()] = times.get(row.tobytes(), 0) + 1
    found = []
    for row in new:
        bits = row.tobytes()
        if left.get(bits):
            found.append(Origin("old", left[bits].pop(0)))
        elif not np.any(row):
            found.append(Origin("zero"))
        elif bits in known:
            found.append(Origin("copy", known[bits]))
        elif times[bits] > 1:
            found.append(Origin("pair", first[bits]))
        else:
            found.append(Origin("fresh"))
    return found
