"""The two factors of a kernel: one random, the other solved for in float64 (D-10)."""

from __future__ import annotations

from itertools import product
from math import sqrt
from typing import Any

import numpy as np

from ..diagnostics import Diagnostic, FptError
from .grid import Float64, store, widen_raw
from .random import Stream
from .recipe import Solve, SolveGroups

EVERY = slice(None)
RESIDUAL = 1e-9
"""Relative; above it the solved factor does not give the layer back."""


def factor(start: Solve, old: Float64, stream: Stream, dtype: str | None) -> Float64:
    """The factor that ``start`` names, of the kernel ``old`` ``[out, in, *kernel]``.

    The random factor is on the file's grid, so that the other makes up for its rounding.
    Raises :class:`FptError` where the equations have no solution.
    """
    if start.drawn == "rank":
        return _by_rank(start, old, stream, dtype)
    if start.drawn == "first":
        drawn = _grid(_random(start.first, stream, tall=True), dtype)
        solved = _second(old, drawn, start.second)
        first, second = drawn, solved
    else:
        drawn = _grid(_random(start.second, stream, tall=False), dtype)
        solved = _first(old, drawn, start.first)
        first, second = solved, drawn
    error = float(np.abs(compose(first, second, old.shape) - old).max())
    if not error <= RESIDUAL * max(float(np.abs(old).max()), 1e-300):
        raise FptError(
            Diagnostic(
                "F321",
                f"`{start.name}` is not the product of factors {start.first} and {start.second}: the equations leave "
                f"{error:.1e}",
                hint="give the layer between more units with `to N`",
            )
        )
    return first if start.part == "first" else second


def factor_groups(start: SolveGroups, old: Float64, seed: int, dtype: str | None) -> Float64:
    """The factors of each group of ``old``, which lie one after the other along axis 0."""
    found = []
    for number, block in enumerate(np.split(old, start.groups)):
        kernel = np.swapaxes(block, 0, 1) if start.turned else block
        part = factor(start.one, kernel, Stream(seed, "factor", start.name, str(number)), dtype)
        found.append(np.swapaxes(part, 0, 1) if start.turned else part)
    return np.concatenate(found)


def _by_rank(start: Solve, old: Float64, stream: Stream, dtype: str | None) -> Float64:
    """Factors that meet in fewer units than either side has: the kernel's own row space, turned at random."""
    width = start.first[0]
    leading = int(np.prod(start.first[2:], dtype=np.int64)) == 1
    # A 1x1 first factor maps inputs only; before a 1x1 second one the whole kernel is one map of patches.
    matrix = np.moveaxis(old, 1, -1).reshape(-1, old.shape[1]) if leading else old.reshape(old.shape[0], -1)
    _, sizes, rows = np.linalg.svd(matrix, full_matrices=False)
    rank = int(np.count_nonzero(sizes > RESIDUAL * max(float(sizes[0]), 1e-300)))
    if rank > width:
        raise FptError(
            Diagnostic(
                "F321",
                f"`{start.name}` has the rank {rank}, and factors that meet in {width} units have less",
                hint=f"`to {rank}`, or more",
            )
        )
    basis = _random((width, width), stream, tall=True) @ rows[:width]
    first = _grid(np.asarray(basis.reshape(start.first)), dtype)
    return first if start.part == "first" else _against(old, first, start)


def _against(old: Float64, first: Float64, start: Solve) -> Float64:
    """The second factor for a first one whose rows span those of the kernel."""
    if int(np.prod(start.second[2:], dtype=np.int64)) > 1 or int(np.prod(start.first[2:], dtype=np.int64)) == 1:
        return _second(old, first, start.second)
    inverse = np.linalg.pinv(first.reshape(start.first[0], -1))
    return np.asarray((old.reshape(old.shape[0], -1) @ inverse).reshape(start.second))


def _random(shape: tuple[int, ...], stream: Stream, *, tall: bool) -> Float64:
    """Uniform values of deviation ``1 / sqrt(fan-in)``; orthonormal where the factor is a matrix (well conditioned)."""
    length = int(np.prod(shape[1:], dtype=np.int64))
    draws = stream.symmetric_rows(np.arange(shape[0]), length, 1.0 / sqrt(max(length, 1)))
    if int(np.prod(shape[2:], dtype=np.int64)) == 1 and (shape[0] >= shape[1] if tall else shape[1] >= shape[0]):
        basis, triangle = np.linalg.qr(draws if tall else draws.T)
        basis = basis * np.sign(np.where(np.diag(triangle) == 0.0, 1.0, np.diag(triangle)))
        draws = basis if tall else basis.T
    return np.asarray(draws.reshape(shape))


def _grid(values: Float64, dtype: str | None) -> Float64:
    return values if dtype is None else widen_raw(store(values, dtype), dtype)


def _second(old: Float64, first: Float64, shape: tuple[int, ...]) -> Float64:
    """``sum_{u,r} B[o,u,r] A[u,c,p-r] = W[o,c,p]``, solved for ``B``: one system for all outputs."""
    units, inputs, taps = old.shape[0], old.shape[1], old.shape[2:]
    if int(np.prod(first.shape[2:], dtype=np.int64)) == 1:
        # One small system for every position of the kernel.
        inverse = np.linalg.pinv(first.reshape(shape[1], inputs))
        return np.asarray(np.einsum("oc...,cu->ou...", old, inverse))
    places = _places(shape[2:])
    system = np.zeros((shape[1], len(places), inputs, *taps))
    for number, place in enumerate(places):
        at = (EVERY, number, EVERY, *_window(place, first))
        system[at] = first
    matrix = system.reshape(shape[1] * len(places), -1)
    solution = np.linalg.lstsq(matrix.T, old.reshape(units, -1).T, rcond=None)[0]
    return np.asarray(solution.T.reshape(shape))


def _first(old: Float64, second: Float64, shape: tuple[int, ...]) -> Float64:
    """The same equations, solved for ``A``: one system for all inputs."""
    units, inputs, taps = old.shape[0], old.shape[1], old.shape[2:]
    if int(np.prod(second.shape[2:], dtype=np.int64)) == 1:
        return np.asarray(np.einsum("uo,oc...->uc...", np.linalg.pinv(second.reshape(units, -1)), old))
    places = _places(shape[2:])
    system = np.zeros((units, *taps, shape[0], len(places)))
    for number, place in enumerate(places):
        at = (EVERY, *_window(place, second), EVERY, number)
        system[at] = np.moveaxis(second, 1, -1)
    wanted = np.moveaxis(old, 1, -1).reshape(-1, inputs)
    solution = np.linalg.lstsq(system.reshape(len(wanted), -1), wanted, rcond=None)[0]
    return np.asarray(np.moveaxis(solution.reshape(shape[0], len(places), inputs), 1, 2).reshape(shape))


def compose(first: Float64, second: Float64, shape: tuple[int, ...]) -> Float64:
    """The kernel of two layers in a row, ``shape`` ``[out, in, *kernel]``."""
    result = np.zeros(shape)
    for place in _places(second.shape[2:]):
        at: tuple[Any, ...] = (EVERY, EVERY, *_window(place, first))
        tap: tuple[Any, ...] = (EVERY, EVERY, *place)
        result[at] += np.tensordot(second[tap], first, 1)
    return result


def _window(place: tuple[int, ...], kernel: Float64) -> tuple[Any, ...]:
    """Where a kernel lies in the product, when the other factor looks at ``place``."""
    return tuple(slice(p, p + n) for p, n in zip(place, kernel.shape[2:]))


def _places(kernel: tuple[int, ...]) -> list[tuple[int, ...]]:
    return list(product(*map(range, kernel)))
