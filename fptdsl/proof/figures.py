"""Relative errors between outputs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

import torch
from torch import Tensor

from .network import Outputs


def relative_error(reference: Outputs, other: Outputs, scale: Outputs | None = None) -> float:
    """The largest ``max|y - y'| / max|y|`` over all outputs (V-1): never a mean, a sum or one output only.

    ``scale``: the outputs that give the denominators, by default ``reference``.  Infinite where
    anything is not finite, or where a zero output became another one.
    """
    return max((_relative(reference[name], other[name], (scale or reference)[name]) for name in reference), default=inf)


def _relative(reference: Tensor, other: Tensor, scale: Tensor) -> float:
    if reference.shape != other.shape:
        return inf
    difference = float((reference.double() - other.double()).abs().max())
    if difference == 0.0:
        return 0.0
    largest = float(scale.double().abs().max())
    error = difference / largest if largest > 0.0 else inf
    return error if error == error else inf


def all_finite(outputs: Outputs) -> bool:
    return all(bool(torch.isfinite(values).all()) for values in outputs.values())


def identical(left: Outputs, right: Outputs) -> bool:
    """Whether all outputs are equal bit by bit (zeros of either sign are equal)."""
    return all(torch.equal(left[name], right[name]) for name in left)


def constant(outputs: Sequence[Outputs], bound: float) -> list[str]:
    """The names of outputs that differ between inputs by at most ``bound``, relative to their size.

    An output of two inputs or more that does not react says nothing about what is behind it.
    """
    return [name for name in (outputs[0] if outputs else ()) if not _reacts([o[name] for o in outputs], bound)]


def _reacts(batches: Sequence[Tensor], bound: float) -> bool:
    """Whether rows differ; those of inputs of one size are compared (a probe may have sequences of its own)."""
    alike: dict[torch.Size, list[Tensor]] = {}
    for batch in batches:
        alike.setdefault(batch.shape[1:], []).append(batch.double())
    for some in alike.values():
        values = torch.cat(some)
        if float((values.amax(0) - values.amin(0)).max()) > bound * float(values.abs().max()):
            return True
    return False


def largest(values: Iterable[float | None]) -> float | None:
    """The largest of the figures that were evaluated; None where none was."""
    found = [value for value in values if value is not None]
    return max(found) if found else None
