"""``linear``: a matrix product over the last axis."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod as product

from ..arguments import Args
from ..graph import Value
from ..terms import size
from .axes import floating
from .base import Lowering, Operation
from .fields import Flag, Size


class LinearArgs(Args):
    out_features: Size
    bias: Flag = True


class Linear(Operation):
    """``[..., in] -> [..., out]``; ``weight [out, in]``, ``bias [out]``."""

    name = "linear"
    Args = LinearArgs
    has_parameters = True
    affine = "map"

    @classmethod
    def lower(cls, at: Lowering, args: LinearArgs, inputs: Sequence[Value]) -> Value:
        value = floating(cls, inputs[0])
        *others, features = value.axes
        out = at.space(args.out_features)
        at.sets("out_features", out)
        at.tensor("weight", (out, features), ("writes", "reads"), "kernel")
        if args.bias:
            at.tensor("bias", (out,), ("follows",), "shift")
        at.work(product(map(size, others)) * size(features) * args.out_features)
        return Value((*others, out))
