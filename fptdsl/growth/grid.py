"""The storage grid: rounding float64 values to a file's dtype, and the rules S-1 to S-3.

Raw arrays hold bfloat16 as the ``uint16`` of its bits, since numpy has no such type.
Rules and measured sizes: ``docs/maths.md`` section 4a.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Raw = NDArray[np.generic]

MANTISSA = {"float64": 52, "float32": 23, "float16": 10, "bfloat16": 7}
"""Stored bits of the significand."""
MIN_EXPONENT = {"float64": -1022, "float32": -126, "float16": -14, "bfloat16": -126}
EPS = {dtype: 2.0**-bits for dtype, bits in MANTISSA.items()}
NUMPY = {"float64": np.float64, "float32": np.float32, "float16": np.float16, "bfloat16": np.uint16}


def is_floating(dtype: str) -> bool:
    return dtype in MANTISSA


def ulp(values: Float64, dtype: str) -> Float64:
    """The distance between neighbours of ``dtype`` at each value (subnormals included)."""
    _, exponent = np.frexp(values)
    exponent = np.maximum(exponent - 1, MIN_EXPONENT[dtype]) - MANTISSA[dtype]
    return np.asarray(np.ldexp(1.0, exponent), dtype=np.float64)


def widen_raw(raw: Raw, dtype: str) -> Float64:
    """Raw values of a file as float64, without loss."""
    if dtype == "bfloat16":
        return (raw.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return raw.astype(np.float64)


def store(values: Float64, dtype: str) -> Raw:
    """Float64 values rounded once (to nearest, ties to even) to raw values of ``dtype``."""
    if dtype == "bfloat16":
        # Numbers without axes would be scalars, whose elements cannot be set.
        return _bfloat16(np.atleast_1d(np.asarray(values, dtype=np.float64))).reshape(np.shape(values))
    if dtype in NUMPY:
        return values.astype(NUMPY[dtype])
    return np.rint(values).astype(dtype)


def _bfloat16(values: Float64) -> Raw:
    """The bits of the nearest bfloat16 values, by way of float32, whose upper half they are.

    Rounding twice is rounding once, except where float32 lands half way between two neighbours: there the
    float64 value says to which side it was (subnormal values and overflow included).
    """
    with np.errstate(over="ignore", invalid="ignore"):
        single = np.asarray(values, np.float32, order="C")
        largest = single.max(initial=0.0)
    bits = single.view(np.uint32)
    half_way = np.flatnonzero(bits.astype(np.uint16) == 0x8000)
    rounded = bits + np.uint32(0x7FFF)
    rounded >>= np.uint32(16)
    upper = rounded.astype(np.uint16)
    if len(half_way):  # So far rounded down.
        below = single.reshape(-1)[half_way].astype(np.float64)
        above = np.abs(values.reshape(-1)[half_way]) - np.abs(below)
        low = upper.reshape(-1)[half_way]
        upper.reshape(-1)[half_way] = low + np.where(above == 0, low & 1, above > 0).astype(np.uint16)
    if np.isnan(largest):
        upper[np.isnan(single)] = 0x7FC0  # a carry goes into the sign of some
    return np.asarray(upper)


def snap(values: Float64, step: Float64) -> Float64:
    """Values moved to the nearest multiple of ``step``."""
    return np.rint(values / step) * step


def identity_norm(variance: Float64, eps: float, dtype: str | None, window: float = 0.01) -> tuple[Float64, Float64]:
    """``(weight, running_var)`` with ``weight**2 == running_var + eps`` as near as the grid allows (S-3).

    ``variance`` is moved by at most ``window`` (relative).  ``dtype`` None: unrounded.
    Shapes: all ``[channels]``.
    """
    if dtype is None:
        return np.sqrt(variance + eps), variance.copy()
    wanted, index = np.unique(variance, return_inverse=True)
    pairs = np.array([_search(v, eps, dtype, window) for v in wanted]).reshape(-1, 2)
    return pairs[index, 0], pairs[index, 1]


def _search(variance: float, eps: float, dtype: str, window: float) -> tuple[float, float]:
    """The best pair on the grid for one channel, by trying every weight near ``sqrt(variance + eps)``."""
    centre = np.array(np.sqrt(variance + eps))
    step = float(ulp(centre, dtype))
    count = int(min(2.0**16, 0.45 * window * float(centre) / step))
    weights = snap(centre, np.array(step)) + np.arange(-count, count + 1) * step
    weights = weights[weights > np.sqrt(eps)] if np.any(weights > np.sqrt(eps)) else centre[None]
    target = weights * weights - eps
    variances = widen_raw(store(target, dtype), dtype)
    # What the norm multiplies by is weight / sqrt(running_var + eps): compare as float64 does.
    error = np.abs(weights / np.sqrt(variances + eps) - 1.0)
    best = int(np.argmin(error))
    return float(weights[best]), float(variances[best])
