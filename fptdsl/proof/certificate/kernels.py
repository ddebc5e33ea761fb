"""Kernels as rows of output units: ``[out, inputs of the group, kernel positions]``, in pieces.

Convolutions and linear layers store them so; of a transposed convolution the whole kernel is held and
turned round, since one output unit has its weights in every row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Protocol

import numpy as np

from ...architecture.graph import Node
from .reading import CHUNK, Floats, Ints, Raw, Tensors, gather, to_float


class Rows(Protocol):
    """What output units compute from old input units: the old kernel, an identity, or nothing."""

    def against(self, units: Ints, classes: Ints) -> tuple[Floats, float]:
        """``[units, classes, positions]`` for old units, and the largest weight on inputs outside ``classes``."""


@dataclass(eq=False)
class Kernel:
    """A kernel in a file.  ``groups`` divides both output and input units."""

    source: Tensors
    name: str
    groups: int
    transposed: bool = False

    def __post_init__(self) -> None:
        shape = self.source.shape(self.name)
        self.dtype = self.source.dtype(self.name)
        self.positions = prod(shape[2:])
        self._whole: Raw | None = None
        if self.transposed:
            self.inputs, members = shape[0], shape[1]
            self.units = members * self.groups
            self.per_group = self.inputs // self.groups
            raw = self.source.rows(self.name, 0, shape[0]).reshape(self.groups, self.per_group, members, -1)
            self._whole = np.ascontiguousarray(raw.transpose(0, 2, 1, 3)).reshape(self.units, self.per_group, -1)
        else:
            self.units, self.per_group = shape[0], shape[1]
            self.inputs = self.per_group * self.groups

    @property
    def step(self) -> int:
        """Output units per piece."""
        return max(1, CHUNK // max(1, self.per_group * self.positions))

    def raw(self, units: Ints) -> Raw:
        """``[units, inputs of the group, positions]``"""
        if self._whole is not None:
            return self._whole[units]
        return gather(self.source, self.name, units).reshape(len(units), self.per_group, self.positions)

    def values(self, units: Ints) -> Floats:
        return to_float(self.raw(units), self.dtype)

    def slack(self, units: Ints) -> Floats | None:
        """How far each of ``values`` may be off by the rounding of what it is computed from; None: it is stored."""
        return None

    def group_of(self, units: Ints) -> Ints:
        return units // max(1, self.units // self.groups)

    def against(self, units: Ints, classes: Ints) -> tuple[Floats, float]:
        if self.groups == 1 and np.array_equal(classes, np.arange(self.per_group)):
            return self.values(units), 0.0
        found = np.zeros((len(units), len(classes), self.positions))
        values, groups, missed = self.values(units), self.group_of(units), 0.0
        for group in np.unique(groups):
            mine = np.flatnonzero(groups == group)
            inside = (classes >= group * self.per_group) & (classes < (group + 1) * self.per_group)
            local = classes[inside] - group * self.per_group
            found[np.ix_(mine, np.flatnonzero(inside))] = values[np.ix_(mine, local)]
            absent = np.setdiff1d(np.arange(self.per_group), local)
            if len(absent):
                missed = max(missed, float(np.abs(values[np.ix_(mine, absent)]).max(initial=0.0)))
        return found, missed


def kernel_of(source: Tensors, node: Node, name: str | None = None) -> Kernel:
    """The kernel of a layer, under its own key or another."""
    return Kernel(source, name or node.tensors["weight"].name, getattr(node.args, "groups", 1), inputs_first(node))


LINEAR = ("linear", "transposed_linear")
"""Layers whose units are on the last axis."""


def inputs_first(node: Node) -> bool:
    """Whether axis 0 of a layer's kernel holds the inputs."""
    return node.op in ("conv_transpose2d", "transposed_linear")


@dataclass(eq=False)
class Identity:
    """1 at the centre of the unit's own input (Net2DeeperNet: D-1, D-2)."""

    inputs: int
    kernel: tuple[int, ...]

    @property
    def positions(self) -> int:
        return prod(self.kernel)

    def against(self, units: Ints, classes: Ints) -> tuple[Floats, float]:
        centre = int(np.ravel_multi_index([n // 2 for n in self.kernel], self.kernel)) if self.kernel else 0
        found = np.zeros((len(units), len(classes), self.positions))
        order = np.argsort(classes)
        place = np.minimum(np.searchsorted(classes, units, sorter=order), max(len(classes) - 1, 0))
        if not len(classes):
            return found, 1.0
        column = order[place]
        there = classes[column] == units
        found[np.flatnonzero(there), column[there], centre] = 1.0
        return found, 0.0 if there.all() else 1.0


@dataclass(eq=False)
class Embedded:
    """An old kernel in the middle of a larger one, zeros around it (K-1)."""

    kernel: Kernel
    before: tuple[int, ...]
    after: tuple[int, ...]

    def against(self, units: Ints, classes: Ints) -> tuple[Floats, float]:
        small, missed = self.kernel.against(units, classes)
        large = np.zeros((*small.shape[:2], *self.after))
        middle = tuple(slice((n - k) // 2, (n - k) // 2 + k) for n, k in zip(self.after, self.before))
        inner: tuple[slice, ...] = (slice(None), slice(None), *middle)
        large[inner] = small.reshape(*small.shape[:2], *self.before)
        return large.reshape(*small.shape[:2], -1), missed


class Together(Kernel):
    """Parallel layers over the same input, as the one layer that their sum is (D-12)."""

    def __init__(self, kernels: Sequence[Kernel]) -> None:
        first = kernels[0]
        super().__init__(first.source, first.name, first.groups, first.transposed)
        self.kernels = tuple(kernels)

    def raw(self, units: Ints) -> Raw:
        """All of them side by side: rows are identical when those of every layer are."""
        return np.concatenate([kernel.raw(units) for kernel in self.kernels], axis=2)

    def values(self, units: Ints) -> Floats:
        total = self.kernels[0].values(units)
        for kernel in self.kernels[1:]:
            total = total + kernel.values(units)
        return total
