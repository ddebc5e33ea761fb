"""Memory for the pieces of large layers, used again instead of being allocated for each piece."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Empty = Callable[[torch.Size], Tensor]
"""Makes a float64 tensor of a shape, with any values."""


def allocated(shape: torch.Size) -> Tensor:
    """Memory of its own."""
    return torch.empty(shape, dtype=torch.float64)


class Scratch:
    """Two sets of buffers: while the pieces in one are used, the other takes the next ones.

    A piece is valid until the second ``turn`` after it was taken.  Only for layers whose results are no views
    of their weights.
    """

    def __init__(self) -> None:
        self._sets: tuple[list[Tensor], list[Tensor]] = ([], [])
        self._turn = self._taken = 0

    def turn(self) -> None:
        """Start with the next piece."""
        self._turn, self._taken = 1 - self._turn, 0

    def empty(self, shape: torch.Size) -> Tensor:
        buffers, count = self._sets[self._turn], shape.numel()
        if self._taken == len(buffers):
            buffers.append(torch.empty(0, dtype=torch.float64))
        if buffers[self._taken].numel() < count:
            buffers[self._taken] = torch.empty(count, dtype=torch.float64)
        self._taken += 1
        return buffers[self._taken - 1][:count].view(shape)
