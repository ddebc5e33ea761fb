"""A copy of a network's weights with every tensor moved away from zero (V-3).

A zero head, a zero gain or a branch that has just been inserted hides whatever is behind it.  Where a
plan is at hand, the same plan is applied to shaken weights, and the two functions are compared there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..architecture.graph import Graph
from .noise import absolute_noise
from .variants import Unrounded
from .weights import Reader

SCALE = 0.02
"""Standard deviation of what is added to every parameter."""


class ShakenWeights:
    """Weights of ``graph`` in float64: parameters plus ``N(0, 0.02)``, running statistics randomised.

    Recipes and networks read from it as from a checkpoint.  The last tensor is kept, so that reading it in
    pieces shakes it once.
    """

    def __init__(self, graph: Graph, reader: Reader) -> None:
        self.graph, self.reader = graph, reader
        self._last: tuple[str, Tensor] | None = None

    def tensor(self, name: str) -> Tensor:
        if self._last is None or self._last[0] != name:
            self._last = (name, self._shaken(name))
        return self._last[1]

    def rows(self, name: str, start: int, stop: int) -> np.ndarray[Any, Any]:
        values: np.ndarray[Any, Any] = self.tensor(name).numpy()
        return values[start:stop] if values.ndim else values

    def dtype(self, name: str) -> str:
        return str(self.tensor(name).dtype).removeprefix("torch.")

    def shape(self, name: str) -> tuple[int, ...]:
        return self.graph.tensors[name].shape

    def _shaken(self, name: str) -> Tensor:
        stored = self.reader.whole(name, self.shape(name))
        if not stored.is_floating_point():
            return stored
        values = stored.to(torch.float64)
        declared = self.graph.tensors.get(name)
        if declared is not None and declared.init == "variance":
            spread = absolute_noise(torch.zeros_like(values), name, 0.5).exp()
            return values.abs().clamp_min(1e-3) * spread
        return absolute_noise(values, name, SCALE)


Regrow = Callable[[ShakenWeights], Unrounded]
"""Applies the plan's recipes to other weights: every grown tensor in float64 (never None)."""
