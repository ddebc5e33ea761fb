"""``maxout``: the largest of each unit's pieces (Goodfellow et al. 2013, arXiv 1302.4389; ``docs/maths.md`` G-7)."""

from __future__ import annotations

from collections.abc import Sequence

from ..arguments import Args
from ..graph import Value
from ..terms import size
from .axes import announce, ranked, split
from .base import Lowering, Operation, OpFault
from .fields import Size


class MaxoutArgs(Args):
    pieces: Size


class Maxout(Operation):
    """``[units * pieces, ...] -> [units, ...]``; the pieces of a unit are neighbours."""

    name = "maxout"
    Args = MaxoutArgs
    keeps_zero = True
    keeps_range = True

    @classmethod
    def lower(cls, at: Lowering, args: MaxoutArgs, inputs: Sequence[Value]) -> Value:
        value = ranked(cls, inputs[0], 1, 2, 3)
        channels = value.axes[0]
        if size(channels) % args.pieces:
            message = (
                f"`maxout` has pieces={args.pieces}, which does not divide the {size(channels)} units that come in"
            )
            raise OpFault("F252", message, "give the layer before it units * pieces outputs")
        units, pieces = split(at, channels, size(channels) // args.pieces)
        if args.pieces > 1:
            at.sets("pieces", pieces)
            at.event("max", pieces)
        axes = (units, *value.axes[1:])
        announce(at, "pointwise", axes, "maxout")
        return Value(axes)
