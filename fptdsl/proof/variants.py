"""The readings of a network's weights that a verification evaluates side by side.

All variants are computed in one pass, so that each tensor of a file is read once: the raw piece is
turned into float64 once and every variant makes its own weights from that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from .noise import absolute_noise, relative_noise

Unrounded = Callable[[str], "np.ndarray | None"]
"""The recipe of a tensor evaluated in float64 (whole); None where the file holds it without rounding."""


class Variant(Protocol):
    """One reading of the weights; ``dtype`` is also that of the activations.

    ``always``: evaluated on all samples, not only on those marked as full.
    """

    name: str
    dtype: torch.dtype
    always: bool

    def piece(self, name: str, raw: Tensor, exact: Tensor, start: int) -> Tensor:
        """Rows of the tensor ``name`` from row ``start``; ``raw`` as stored, ``exact`` in float64."""

    def release(self) -> None:
        """Drop what was kept for the layer that has just been evaluated."""


class Stored:
    """The values of the file, evaluated in ``dtype``."""

    def __init__(self, name: str = "stored", dtype: torch.dtype = torch.float64) -> None:
        self.name, self.dtype, self.always = name, dtype, dtype == torch.float64

    def piece(self, name: str, raw: Tensor, exact: Tensor, start: int) -> Tensor:
        return exact if self.dtype == torch.float64 else raw.to(self.dtype)

    def release(self) -> None:
        """Nothing is kept."""


class Noisy:
    """The values of the file times ``1 + scale * N(0, 1)``; ``scale`` None: eps of the tensor's dtype."""

    dtype = torch.float64
    always = False

    def __init__(self, name: str, scale: float | None) -> None:
        self.name, self.scale = name, scale

    def piece(self, name: str, raw: Tensor, exact: Tensor, start: int) -> Tensor:
        scale = torch.finfo(raw.dtype).eps if self.scale is None else self.scale
        row = exact[0].numel() if exact.dim() and len(exact) else 1
        return relative_noise(exact, name, start * row, scale)

    def release(self) -> None:
        """Nothing is kept."""


class Recipe:
    """The recipe of each tensor in float64, before it is rounded to the file's dtype."""

    dtype = torch.float64
    always = True

    def __init__(self, unrounded: Unrounded, name: str = "unrounded") -> None:
        self.name, self.unrounded = name, unrounded
        self._whole: dict[str, Tensor | None] = {}

    def piece(self, name: str, raw: Tensor, exact: Tensor, start: int) -> Tensor:
        if name not in self._whole:
            values = self.unrounded(name)
            self._whole[name] = None if values is None else torch.from_numpy(np.ascontiguousarray(values))
        whole = self._whole[name]
        if whole is None:
            return exact
        return whole[start : start + len(raw)] if raw.dim() else whole

    def release(self) -> None:
        self._whole.clear()
