"""What a recipe starts from: an old tensor, a constant, an identity, fresh values, an identity norm, a factor."""

from __future__ import annotations

from collections.abc import Callable
from math import erf, sqrt

import numpy as np

from .factorise import factor, factor_groups
from .grid import Float64, identity_norm, snap, store, ulp, widen_raw
from .random import Stream
from .recipe import (
    Constant,
    Cycle,
    Dirac,
    Embed,
    Extended,
    Fresh,
    Gathered,
    IdentityNorm,
    IdentityShare,
    Share,
    Solve,
    SolveGroups,
    Source,
    Start,
)
from .source import Weights


def start_rows(
    start: Start,
    rows: np.ndarray,
    source: Weights,
    dtype: str | None,
    stream: Stream,
    measure: Callable[[str], float],
) -> Float64:
    """Rows ``rows`` (axis 0) of the start, in float64; ``dtype`` is the grid, None for no grid.

    ``measure`` gives the standard deviation of an old tensor.
    """
    if isinstance(start, Source):
        return _old(start.name, rows, source)
    if isinstance(start, Embed):
        return _embedded(start, _old(start.name, rows, source))
    if isinstance(start, Extended):
        return _extended(start, rows, source, stream, measure)
    if isinstance(start, Gathered):
        return _gathered(start, rows, source)
    if isinstance(start, Share):
        return _share(start, _old(start.name, rows, source), dtype)
    if isinstance(start, IdentityShare):
        return _share(start, _dirac(Dirac(start.shape), rows, stream), dtype)
    if isinstance(start, Constant):
        return np.full((len(rows), *start.shape[1:]), start.value)
    if isinstance(start, Cycle):
        return np.asarray(np.asarray(start.values)[rows % len(start.values)], dtype=np.float64)
    if isinstance(start, (Solve, SolveGroups)):
        return np.asarray(solved(start, source, dtype, stream.seed)[rows])
    if isinstance(start, Dirac):
        return _dirac(start, rows, stream)
    if isinstance(start, Fresh):
        return _fresh(start, rows, stream, measure)
    return np.asarray(_identity_norm(start, source, dtype)[rows])


def solved(start: Solve | SolveGroups, source: Weights, dtype: str | None, seed: int) -> Float64:
    """A factor of an old kernel, whole; both factors are drawn from the same numbers.

    Raises ``ValueError`` for a kernel with NaN or infinity, for which there is nothing to solve.
    """
    rows = source.shape(start.name)[0]
    old = _old(start.name, np.arange(rows), source)
    if not np.isfinite(old).all():
        raise ValueError(f"{start.name} is not finite")
    if isinstance(start, SolveGroups):
        return factor_groups(start, old, seed, dtype)
    return factor(start, old, Stream(seed, "factor", start.name), dtype)


def _old(name: str, rows: np.ndarray, source: Weights) -> Float64:
    low, high = int(rows.min()), int(rows.max()) + 1
    block = widen_raw(source.rows(name, low, high), source.dtype(name))
    return np.asarray(block.reshape(high - low, *source.shape(name)[1:])[rows - low])


def _extended(
    start: Extended, rows: np.ndarray, source: Weights, stream: Stream, measure: Callable[[str], float]
) -> Float64:
    """Rows of the old table, and fresh ones of its size behind them."""
    known = rows < source.shape(start.name)[0]
    values = np.empty((len(rows), *start.shape[1:]))
    if known.any():
        values[known] = _old(start.name, rows[known], source)
    if not known.all():
        values[~known] = _fresh(Fresh(start.shape, start.name), rows[~known], stream, measure)
    return values


def _gathered(start: Gathered, rows: np.ndarray, source: Weights) -> Float64:
    """Old rows, or columns, in their new order."""
    places = np.concatenate([np.arange(first, behind) for first, behind in start.ranges])
    if start.axis == 0:
        return _old(start.name, places[rows], source)
    return np.take(_old(start.name, rows, source), places, axis=start.axis)


def _embedded(start: Embed, old: Float64) -> Float64:
    """``[rows, in, k...]`` in the middle of ``[rows, in, k'...]``; every difference is even."""
    margins = [(new - k) // 2 for new, k in zip(start.shape[2:], old.shape[2:])]
    return np.pad(old, [(0, 0), (0, 0), *((m, m) for m in margins)])


def _share(start: Share | IdentityShare, old: Float64, dtype: str | None) -> Float64:
    """Equal shares rounded to the grid of the old value; the last is the remainder."""
    part = old / start.count
    if dtype is not None:
        part = snap(part, ulp(old, dtype))
    return np.asarray(part if start.index < start.count - 1 else old - part * (start.count - 1))


def _dirac(start: Dirac, rows: np.ndarray, stream: Stream) -> Float64:
    """1 at the centre of ``[c, c mod per_group]`` (D-1, D-2); kernel sizes are odd."""
    values = np.zeros((len(rows), *start.shape[1:]))
    centre = tuple(size // 2 for size in start.shape[2:])
    for row, channel in enumerate(rows):
        index = (row, int(channel) // start.pieces % start.shape[1], *centre)
        values[index] = 1.0
    if start.noise:
        length = int(np.prod(start.shape[1:], dtype=np.int64))
        values += stream.symmetric_rows(rows, length, start.noise / sqrt(max(length, 1))).reshape(values.shape)
    return values


def _fresh(start: Fresh, rows: np.ndarray, stream: Stream, measure: Callable[[str], float]) -> Float64:
    length = int(np.prod(start.shape[1:], dtype=np.int64))
    sigma = measure(start.like) if start.like else float(1.0 / np.sqrt(max(length, 1)))
    return stream.symmetric_rows(rows, length, sigma).reshape(len(rows), *start.shape[1:])


def _identity_norm(start: IdentityNorm, source: Weights, dtype: str | None) -> Float64:
    """One vector of a batch norm that is the identity in eval: ``weight = sqrt(var + eps)``, ``bias = mean`` (D-4)."""
    mean, variance = _statistics(start, source, dtype)
    if not start.affine:
        # No scale to set: the identity needs running_var + eps = 1 and a mean of zero.
        return np.full(start.shape, 1.0 - start.eps) if start.part == "running_var" else np.zeros(start.shape)
    if start.part in ("bias", "running_mean"):
        return mean
    weight, running_var = identity_norm(variance, start.eps, dtype)
    return weight if start.part == "weight" else running_var


def _statistics(start: IdentityNorm, source: Weights, dtype: str | None) -> tuple[Float64, Float64]:
    """Mean and variance of what enters the norm, ``[channels]`` each, the mean on the file's grid."""
    if start.statistics == "data":
        mean, variance = np.asarray(start.mean), np.maximum(np.asarray(start.variance), 1e-8)
        return (widen_raw(store(mean, dtype), dtype) if dtype is not None else mean), variance
    if start.statistics == "unit" or start.scale is None or start.shift is None:
        return np.zeros(start.shape), np.ones(start.shape)
    gamma = widen_raw(source.rows(start.scale, 0, start.shape[0]), source.dtype(start.scale))
    beta = widen_raw(source.rows(start.shift, 0, start.shape[0]), source.dtype(start.shift))
    # relu(gamma * z + beta) with z standard normal, in closed form.
    a = np.maximum(np.abs(gamma), 1e-12)
    r = beta / a
    density = np.exp(-0.5 * r * r) / np.sqrt(2.0 * np.pi)
    below = np.array([0.5 * (1.0 + erf(x / np.sqrt(2.0))) for x in r])
    mean = beta * below + a * density
    variance = (beta * beta + a * a) * below + beta * a * density - mean * mean
    # A channel that is almost never active has no spread to speak of: keep the norm well conditioned.
    variance = np.maximum(variance, 1e-3)
    return (widen_raw(store(mean, dtype), dtype) if dtype is not None else mean), variance
