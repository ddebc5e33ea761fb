"""Units that come as ``x`` and ``-x``: what an activation makes of them (paired identity, D-7).

Where ``f(x) - f(-x) = c x`` the odd part of ``f`` is ``c/2 x``, so ``f(s x) = e(x) + s c/2 x`` for ``s = 1, -1``
with an even ``e``.  Columns that read such units must add up to zero over ``e(x)`` and to the old column over ``x``.
"""

from __future__ import annotations

import numpy as np

from ...architecture.activations import activation_of
from ...architecture.graph import Node
from ...architecture.ops import OPERATIONS
from .claims import ZERO, AxisClaim, Claim


def halves_of_pairs(node: Node, given: Claim) -> Claim | None:
    """What a new activation makes of units that are old ones times 1 or -1; None where nothing is known of it."""
    name = OPERATIONS[node.op].activation
    if name is None or given.old is None:
        return None
    constant = activation_of(name, node.args).paired
    mixed = [place for place, axis in enumerate(given.axes) if not axis.simple]
    if constant is None or len(mixed) != 1:
        return None
    axis = given.axes[mixed[0]].without_means()
    if axis.even is not None or not np.isin(axis.factors, (1.0, -1.0)).all():
        return None
    keeps_zero = OPERATIONS[node.op].keeps_zero
    start = axis.top
    known = axis.known
    labels = axis.labels if keeps_zero else axis.without_zeros().labels
    start = max(start, int(labels.max(initial=0)) + 1)
    even = np.where(known, start + axis.labels, ZERO)
    scales = np.where(known, axis.factors * constant / 2.0, 1.0)
    halves = AxisClaim(axis.old, labels, scales, even)
    axes = tuple(
        halves if place == mixed[0] else (other if keeps_zero else other.without_zeros())
        for place, other in enumerate(given.axes)
    )
    return Claim(given.old, axes)
