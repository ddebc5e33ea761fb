"""Which columns of a kernel make up which class of its inputs, and how often each counts (L2)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .claims import MEAN, ZERO, AxisClaim
from .reading import Floats, Ints


@dataclass(frozen=True, eq=False)
class Sums:
    """The inputs of one group by class; zero units are left out, and a half of a pair counts in two classes."""

    classes: Ints
    order: Ints
    """Columns, class by class."""
    starts: Ints
    """Where each class begins in ``order``."""
    weights: Floats | None
    """What the columns are multiplied by: their inputs are such multiples of the class; None: 1."""
    largest: int
    """Most columns of a class."""

    @classmethod
    def of(cls, inputs: AxisClaim) -> Sums:
        used = np.flatnonzero((inputs.labels != ZERO) & (inputs.labels != MEAN))
        labels, columns, weights = inputs.labels[used], used, inputs.factors[used]
        if inputs.even is not None:
            more = np.flatnonzero(inputs.even != ZERO)
            labels, columns = np.concatenate([labels, inputs.even[more]]), np.concatenate([columns, more])
            weights = np.concatenate([weights, np.ones(len(more))])
        order = np.argsort(labels, kind="stable")
        classes, starts, counts = np.unique(labels[order], return_index=True, return_counts=True)
        plain = inputs.scales is None
        return cls(classes, columns[order], starts, None if plain else weights[order], int(counts.max(initial=1)))

    def __call__(self, values: Floats) -> Floats:
        """``[units, inputs, positions]`` added up to ``[units, classes, positions]``."""
        if not len(self.classes):
            return np.zeros((len(values), 0, values.shape[2]))
        alone = self.largest == 1
        in_place = alone and np.array_equal(self.order, np.arange(values.shape[1]))
        columns = values if in_place else values[:, self.order]
        if self.weights is not None:
            columns = columns * self.weights[:, None]
        return columns if alone else np.asarray(np.add.reduceat(columns, self.starts, axis=1))

    def of_sizes(self, sizes: Floats) -> Floats:
        """The same sums of sizes, with the sizes of the weights."""
        weights = None if self.weights is None else np.abs(self.weights)
        return Sums(self.classes, self.order, self.starts, weights, self.largest)(sizes)

    @cached_property
    def key(self) -> tuple[bytes, ...]:
        """Equal where the same classes are read in the same columns."""
        parts = (self.classes, self.order, np.ones(1) if self.weights is None else self.weights)
        return tuple(part.tobytes() for part in parts)
