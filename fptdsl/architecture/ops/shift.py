"""``shift``: a learned number for every unit, added: a bias by itself, as BERT's ``cls.predictions.bias``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from ..arguments import Args
from ..graph import Role, Value
from ..terms import UNIT
from .axes import announce, floating
from .base import Lowering, Operation
from .shapes import axis_of


class ShiftArgs(Args):
    """``dim``: the axis of the units, the batch counted as 0."""

    dim: Annotated[int, Field(strict=True)] = -1


class Shift(Operation):
    """Every unit plus its own number: a parameter with the layer's own key, ``[n]`` or ``[n, 1, 1]``.

    It has as many axes of size 1 as there are axes behind ``dim``.
    """

    name = "shift"
    Args = ShiftArgs
    has_parameters = True

    @classmethod
    def lower(cls, at: Lowering, args: ShiftArgs, inputs: Sequence[Value]) -> Value:
        value = floating(cls, inputs[0])
        axis = axis_of(cls, args.dim, value)
        behind = len(value.axes) - axis - 1
        roles: list[Role] = ["follows"]
        roles.extend("fixed" for _ in range(behind))
        at.tensor("", (value.axes[axis], *(UNIT,) * behind), roles, "shift")
        announce(at, "add", value.axes[axis : axis + 1])
        return Value(value.axes)
