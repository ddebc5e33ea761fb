"""``dropout`` (single values), ``dropout2d`` (channels), ``stochastic_depth`` (samples): the identity in eval mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ..arguments import Args
from ..graph import Value
from .axes import announce, floating, ranked
from .base import Lowering, Operation
from .fields import Probability

DROPPING = frozenset({"dropout", "dropout2d", "stochastic_depth"})
"""Operations that set values to zero in train mode, with probability ``p``."""


class DropoutArgs(Args):
    p: Probability = 0.5


class Dropout(Operation):
    """In train mode single values become 0 with probability ``p``; in eval mode the identity."""

    name = "dropout"
    Args = DropoutArgs
    keeps_zero = True
    keeps_range = True

    @classmethod
    def lower(cls, at: Lowering, args: DropoutArgs, inputs: Sequence[Value]) -> Value:
        value = floating(cls, inputs[0])
        if args.p:
            announce(at, "dropout", value.axes)
        return Value(value.axes)


class Dropout2d(Operation):
    """``[C, H, W]``: in train mode whole channels become 0 with probability ``p``; in eval mode the identity."""

    name = "dropout2d"
    Args = DropoutArgs
    keeps_zero = True
    keeps_range = True

    @classmethod
    def lower(cls, at: Lowering, args: DropoutArgs, inputs: Sequence[Value]) -> Value:
        value = ranked(cls, inputs[0], 3)
        if args.p:
            announce(at, "dropout", value.axes[:1])
        return Value(value.axes)


class StochasticDepthArgs(Args):
    """Arguments of ``torchvision.ops.StochasticDepth``; ``mode`` batch: all samples or none."""

    p: Probability
    mode: Literal["row", "batch"] = "row"


class StochasticDepth(Operation):
    """In train mode whole samples become 0 with probability ``p``; in eval mode the identity.

    All units of a sample share their fate, so that equal units stay equal: no ``dropout`` event.
    """

    name = "stochastic_depth"
    Args = StochasticDepthArgs
    keeps_zero = True
    keeps_range = True

    @classmethod
    def lower(cls, at: Lowering, args: StochasticDepthArgs, inputs: Sequence[Value]) -> Value:
        return Value(floating(cls, inputs[0]).axes)
