"""Where a network's weights are read from: a checkpoint in pieces, or tensors that are at hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, Union, runtime_checkable

import numpy as np
import torch
from torch import Tensor


@runtime_checkable
class RowSource(Protocol):
    """A checkpoint: raw rows (bfloat16 as its bits) by the spec's key."""

    def rows(self, name: str, start: int, stop: int) -> np.ndarray[Any, Any]: ...

    def dtype(self, name: str) -> str: ...

    def shape(self, name: str) -> tuple[int, ...]: ...


Weights = Union[RowSource, Callable[[str], Tensor]]


class Reader:
    """Pieces of tensors in the file's dtype; remembers which tensors were zero wherever they were read."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self._seen: dict[str, bool] = {}

    def rows(self, name: str, start: int, stop: int) -> Tensor:
        """Rows of the first axis; a tensor without axes is one row and comes whole."""
        if isinstance(self.weights, RowSource):
            piece = from_raw(self.weights.rows(name, start, stop), self.weights.dtype(name))
        else:
            whole = self.weights(name).detach()
            piece = whole[start:stop] if whole.dim() else whole
        if not self._seen.get(name, False):
            self._seen[name] = bool(piece.flatten()[:1024].any()) or bool(piece.any())
        return piece

    def whole(self, name: str, shape: tuple[int, ...]) -> Tensor:
        return self.rows(name, 0, shape[0] if shape else 1).reshape(shape)

    @property
    def zeros(self) -> frozenset[str]:
        """Tensors that have been read and are zero everywhere."""
        return frozenset(name for name, other in self._seen.items() if not other)


def from_raw(raw: np.ndarray[Any, Any], dtype: str) -> Tensor:
    """Raw elements as a tensor; ``bfloat16`` comes as its bits in uint16."""
    if not raw.flags.writeable or not raw.flags.c_contiguous:
        raw = np.array(raw, order="C")  # A tensor may not share memory that must not be written.
    if dtype == "bfloat16" and raw.dtype == np.uint16:
        return torch.from_numpy(raw.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(raw)
