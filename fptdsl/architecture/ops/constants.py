"""Fixed functions with a number: ``multiply`` and ``softcap``."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod as product
from typing import Annotated

from pydantic import Field

from ..arguments import Args
from ..graph import Value
from ..terms import spaces
from .axes import announce, floating
from .base import Lowering, Operation
from .fields import Number


class MultiplyArgs(Args):
    """``factor`` times the size of the last axis to the power ``width_power``."""

    factor: Number = 1.0
    width_power: Number = 0.0


class Multiply(Operation):
    """Every value times one number: a scale of logits or, with ``width_power=0.5``, of Gemma's embedding."""

    name = "multiply"
    Args = MultiplyArgs
    keeps_zero = True

    @classmethod
    def lower(cls, at: Lowering, args: MultiplyArgs, inputs: Sequence[Value]) -> Value:
        value = floating(cls, inputs[0])
        if args.width_power and any(leaf.frozen is None for leaf in spaces(value.axes[-1])):
            at.event("width factor", value.axes[-1])
        at.work(product(value.shape))
        return Value(value.axes)


class SoftcapArgs(Args):
    cap: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]


class Softcap(Operation):
    """Pointwise: cap * tanh(x / cap) (Gemma 2, arXiv 2408.00118)."""

    name = "softcap"
    Args = SoftcapArgs
    keeps_zero = True

    @classmethod
    def lower(cls, at: Lowering, args: SoftcapArgs, inputs: Sequence[Value]) -> Value:
        value = floating(cls, inputs[0])
        announce(at, "pointwise", value.axes, "tanh")
        return Value(value.axes)
