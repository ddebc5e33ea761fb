"""Relative noise on weights, cheap and repeatable.

One fixed vector of standard normal numbers is laid over every tensor, from a place that depends on the
tensor's name.  The same name gives the same noise, whole or in pieces, on any number of threads.
"""

from __future__ import annotations

from functools import lru_cache
from zlib import crc32

import torch
from torch import Tensor

from .scratch import Empty, allocated

PERIOD = 1_000_003
"""A prime, so that the repetition does not line up with the rows of a matrix."""


@lru_cache(maxsize=1)
def _normal() -> Tensor:
    """``2 * PERIOD`` float64 numbers, the second half like the first, so that any piece is one slice."""
    drawn = torch.randn(PERIOD, generator=torch.Generator().manual_seed(0x5EED), dtype=torch.float64)
    return drawn.repeat(2)


def relative_noise(values: Tensor, name: str, first: int, scale: float, empty: Empty = allocated) -> Tensor:
    """``values * (1 + scale * N(0, 1))`` for a float64 piece of the tensor ``name``, in memory from ``empty``.

    ``first`` is the piece's first element in the flattened tensor.  Zeros stay zero.
    """
    flat = values.reshape(-1)
    out = empty(flat.shape)
    begin = crc32(name.encode()) + first
    for start in range(0, flat.numel(), PERIOD):
        piece = flat[start : start + PERIOD]
        place = (begin + start) % PERIOD
        noise = _normal()[place : place + piece.numel()]
        torch.addcmul(piece, piece, noise, value=scale, out=out[start : start + PERIOD])
    return out.view(values.shape)


def absolute_noise(values: Tensor, name: str, scale: float) -> Tensor:
    """``values + scale * N(0, 1)`` of a whole float64 tensor (V-3: noise that also moves zeros)."""
    flat = values.reshape(-1)
    out = torch.empty_like(flat)
    begin = crc32(name.encode())
    for start in range(0, flat.numel(), PERIOD):
        piece = flat[start : start + PERIOD]
        place = (begin + start) % PERIOD
        torch.add(piece, _normal()[place : place + piece.numel()], alpha=scale, out=out[start : start + PERIOD])
    return out.view(values.shape)
