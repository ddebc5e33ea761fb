"""``linear`` and ``transposed_linear``: a matrix product over the last axis."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod as product

from ..arguments import Args
from ..graph import Value
from ..terms import Term, size
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
        cls._weight(at, out, features)
        if args.bias:
            at.tensor("bias", (out,), ("follows",), "shift")
        at.work(product(map(size, others)) * size(features) * args.out_features)
        return Value((*others, out))

    @classmethod
    def _weight(cls, at: Lowering, out: Term, features: Term) -> None:
        at.tensor("weight", (out, features), ("writes", "reads"), "kernel")


class TransposedLinear(Linear):
    """``linear`` whose weight is stored as ``[in, out]``: the ``Conv1D`` of GPT-2."""

    name = "transposed_linear"

    @classmethod
    def _weight(cls, at: Lowering, out: Term, features: Term) -> None:
        at.tensor("weight", (features, out), ("reads", "writes"), "kernel")
