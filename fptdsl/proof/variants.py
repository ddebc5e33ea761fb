"""The readings of a network's weights that a verification evaluates side by side.

All variants are computed in one pass, so that each tensor of a file is read once: the raw piece is
turned into float64 once and every variant makes its own weights from that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, Union

import numpy as np
import torch
from torch import Tensor

from .noise import relative_noise
from .scratch import Empty, allocated
from .weights import from_raw

Piece = np.ndarray[Any, Any]
Unrounded = Callable[[str], Union[Piece, Iterator[Piece], None]]
"""The recipe of a tensor evaluated in float64, whole or as consecutive rows; None where the values are
those of the old file, which the new one holds as they are."""


class Variant(Protocol):
    """One reading of the weights; ``dtype`` is also that of the activations.

    ``always``: evaluated on all samples, not only on those marked as full.
    """

    name: str
    dtype: torch.dtype
    always: bool

    def piece(self, name: str, raw: Tensor, exact: Tensor, start: int, empty: Empty = allocated) -> Tensor:
        """Rows of the tensor ``name`` from row ``start``; ``raw`` as stored, ``exact`` in float64.

        ``empty`` gives the memory for values of its own.
        """

    def release(self) -> None:
        """Drop what was kept for the layer that has just been evaluated."""


class Stored:
    """The values of the file, evaluated in ``dtype``."""

    def __init__(self, name: str = "stored", dtype: torch.dtype = torch.float64) -> None:
        self.name, self.dtype, self.always = name, dtype, dtype == torch.float64

    def piece(self, name: str, raw: Tensor, exact: Tensor, start: int, empty: Empty = allocated) -> Tensor:
        return exact if self.dtype == torch.float64 else raw.to(self.dtype)

    def release(self) -> None:
        """Nothing is kept."""


class Noisy:
    """The values of the file times ``1 + scale * N(0, 1)``; ``scale`` None: eps of the tensor's dtype."""

    dtype = torch.float64
    always = False

    def __init__(self, name: str, scale: float | None) -> None:
        self.name, self.scale = name, scale

    def piece(self, name: str, raw: Tensor, exact: Tensor, start: int, empty: Empty = allocated) -> Tensor:
        scale = torch.finfo(raw.dtype).eps if self.scale is None else self.scale
        row = exact[0].numel() if exact.dim() and len(exact) else 1
        return relative_noise(exact, name, start * row, scale, empty)

    def release(self) -> None:
        """Nothing is kept."""


class Recipe:
    """The recipe of each tensor in float64, before it is rounded to the file's dtype."""

    dtype = torch.float64
    always = True

    def __init__(self, unrounded: Unrounded, name: str = "unrounded") -> None:
        self.name, self.unrounded = name, unrounded
        self._open: dict[str, _Rows | None] = {}

    def piece(self, name: str, raw: Tensor, exact: Tensor, start: int, empty: Empty = allocated) -> Tensor:
        if name not in self._open:
            values = self.unrounded(name)
            self._open[name] = None if values is None else _Rows(values)
        rows = self._open[name]
        return exact if rows is None else rows.take(start, raw.shape, empty)

    def release(self) -> None:
        self._open.clear()


class _Rows:
    """Rows of a tensor in their order, taken in other portions than they come in; some may be passed over."""

    def __init__(self, values: Piece | Iterator[Piece]) -> None:
        self._chunks = iter([values]) if isinstance(values, np.ndarray) else values
        self._left = np.empty(0)
        self._next = 0
        """Number of the first row in what is left."""

    def take(self, start: int, shape: torch.Size, empty: Empty) -> Tensor:
        if not shape:
            return from_raw(next(self._chunks).reshape(()), "float64")
        while start >= self._next + len(self._left):
            self._next += len(self._left)
            self._left = next(self._chunks)
        self._left, self._next = self._left[start - self._next :], start
        found, done = empty(shape), 0
        while done < shape[0]:
            if not len(self._left):
                self._left = next(self._chunks)
            some = self._left[: shape[0] - done]
            found[done : done + len(some)] = from_raw(some, "float64").reshape(-1, *shape[1:])
            self._left = self._left[len(some) :]
            self._next += len(some)
            done += len(some)
        return found


def whole(values: Piece | Iterator[Piece] | None) -> Piece:
    """A recipe's values in one array."""
    if values is None:
        raise ValueError("a recipe without values has no array")
    return values if isinstance(values, np.ndarray) else np.concatenate([np.atleast_1d(piece) for piece in values])
