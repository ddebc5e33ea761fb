"""``local_response_norm``: units divided by a sum over neighbours, which cannot grow (``docs/maths.md`` G-9)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod as product

from ..arguments import Args
from ..graph import Value
from .axes import ranked
from .base import Lowering, Operation
from .fields import Number, Size


class LocalResponseNormArgs(Args):
    """Arguments of ``torch.nn.LocalResponseNorm``."""

    size: Size
    alpha: Number = 1e-4
    beta: Number = 0.75
    k: Number = 1.0


class LocalResponseNorm(Operation):
    """``[C, H, W]``: each value is divided by a sum of squares over ``size`` neighbouring channels."""

    name = "local_response_norm"
    Args = LocalResponseNormArgs
    keeps_zero = True

    @classmethod
    def lower(cls, at: Lowering, args: LocalResponseNormArgs, inputs: Sequence[Value]) -> Value:
        value = ranked(cls, inputs[0], 2, 3)
        at.freeze(value.axes[0], f"local response norm at {at.where} sums over neighbours, so new ones change the old")
        at.work(args.size * product(value.shape))
        return Value(value.axes)
