"""``scale``: a learned factor for every unit, as ConvNeXt's layer scale (Touvron et al. 2021, arXiv 2103.17239)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod as product
from typing import Annotated

from pydantic import Field

from ..arguments import Args
from ..graph import Role, Value
from ..terms import UNIT
from .axes import floating
from .base import Lowering, Operation
from .fields import Number
from .shapes import axis_of


class ScaleArgs(Args):
    """``init``: the factors of a new layer; ``dim``: the axis of the units, the batch counted as 0."""

    init: Number = 1.0
    dim: Annotated[int, Field(strict=True)] = 1


class Scale(Operation):
    """Every unit times its own factor: a parameter with the layer's own key, ``[n]`` or ``[n, 1, 1]``.

    It has as many axes of size 1 as there are axes behind ``dim``.
    """

    name = "scale"
    Args = ScaleArgs
    has_parameters = True
    keeps_zero = True

    @classmethod
    def lower(cls, at: Lowering, args: ScaleArgs, inputs: Sequence[Value]) -> Value:
        value = floating(cls, inputs[0])
        axis = axis_of(cls, args.dim, value)
        behind = len(value.axes) - axis - 1
        roles: list[Role] = ["follows"]
        roles.extend("fixed" for _ in range(behind))
        at.tensor("", (value.axes[axis], *(UNIT,) * behind), roles, "scale")
        at.work(product(value.shape))
        return Value(value.axes)
