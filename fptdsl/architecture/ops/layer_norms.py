"""``layernorm``, ``rmsnorm``: statistics over the units of each position (``docs/maths.md`` N-3)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod as product
from typing import Annotated

from pydantic import Field

from ..arguments import Args
from ..graph import Value
from ..terms import UNIT, Term, resolve, size
from .axes import floating
from .base import Lowering, Operation
from .fields import Epsilon, Flag
from .shapes import axis_of

Dim = Annotated[int, Field(strict=True)]


class LayerNormArgs(Args):
    """Arguments of ``torch.nn.LayerNorm`` without ``normalized_shape``, and the axis: the last, or any other.

    ``dim`` counts the batch as 0; 1 normalises the channels of an image.
    """

    eps: Epsilon = 1e-5
    elementwise_affine: Flag = True
    bias: Flag = True
    dim: Dim = -1


class RMSNormArgs(Args):
    """Arguments of ``torch.nn.RMSNorm`` without ``normalized_shape``; ``eps`` none: the dtype's own."""

    eps: Epsilon | None = None
    elementwise_affine: Flag = True
    dim: Dim = -1
    unit_offset: Flag = False
    """The factors are ``1 + weight``, as in Gemma (``docs/maths.md`` N-8)."""


class LayerNorm(Operation):
    """Mean 0 and variance 1 over the last axis (or ``dim``) of each position; ``weight [n]``, ``bias [n]``."""

    name = "layernorm"
    Args = LayerNormArgs
    has_parameters = True

    @classmethod
    def lower(cls, at: Lowering, args: LayerNormArgs, inputs: Sequence[Value]) -> Value:
        value = floating(cls, inputs[0])
        units = value.axes[axis_of(cls, args.dim, value)]
        if args.elementwise_affine:
            at.tensor("weight", (units,), ("follows",), "scale")
            if args.bias:
                at.tensor("bias", (units,), ("follows",), "shift")
        _mean(at, value, units)
        return Value(value.axes)


class RMSNorm(Operation):
    """Mean square 1 over the last axis (or ``dim``) of each position; ``weight [n]``."""

    name = "rmsnorm"
    Args = RMSNormArgs
    has_parameters = True
    keeps_zero = True

    @classmethod
    def lower(cls, at: Lowering, args: RMSNormArgs, inputs: Sequence[Value]) -> Value:
        value = floating(cls, inputs[0])
        units = value.axes[axis_of(cls, args.dim, value)]
        if args.elementwise_affine:
            at.tensor("weight", (units,), ("follows",), "offset scale" if args.unit_offset else "scale")
        _mean(at, value, units)
        return Value(value.axes)


def _mean(at: Lowering, value: Value, units: Term) -> None:
    if resolve(units) != UNIT:
        at.event("mean", units)
    at.work(product(map(size, value.axes)))
