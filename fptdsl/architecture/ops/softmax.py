"""``softmax`` and ``log_softmax``: the units of the axis compete, so the axis cannot grow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from ..arguments import Args
from ..graph import Value
from .axes import floating, shown
from .base import Lowering, Operation, OpFault
from .shapes import axis_of


class SoftmaxArgs(Args):
    """``dim`` counts the batch as 0.  Without it the channels, where that is also torch's choice."""

    dim: Annotated[int, Field(strict=True)] | None = None


class Softmax(Operation):
    """Positive shares of 1 along an axis: ``exp(x) / sum(exp(x))``."""

    name = "softmax"
    Args = SoftmaxArgs

    @classmethod
    def lower(cls, at: Lowering, args: SoftmaxArgs, inputs: Sequence[Value]) -> Value:
        value = floating(cls, inputs[0])
        if args.dim is None and len(value.axes) == 2:  # torch would take the batch axis
            raise OpFault("F256", f"`{cls.name}` of {shown(value.shape)} needs an axis", "write `dim=1` or `dim=2`")
        axis = value.axes[axis_of(cls, 1 if args.dim is None else args.dim, value)]
        at.event("softmax", axis)
        at.freeze(axis, "softmax")
        return Value(value.axes)


class LogSoftmax(Softmax):
    """The logarithm of ``softmax``."""

    name = "log_softmax"
