"""``rotary``: positions as rotations of queries and keys (Su et al. 2021, arXiv 2104.09864)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..arguments import Args
from ..graph import Value
from ..terms import cut, freeze, size
from .axes import floating, shown
from .base import Lowering, Operation, OpFault
from .fields import Flag, Size, fault

Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]

REASON = "inv_freq depends on head_dim"


class RotaryArgs(Args):
    """The frequencies ``theta ** (-2 i / dim)``, and how they are scaled to longer texts.

    ``dim``: how many units of each head are turned (all).  ``interleaved``: neighbours turn together, else
    the first half with the second.  ``scaling``: "linear" divides all frequencies by ``factor``; "llama3"
    divides the low ones and leaves those that turn ``high_freq_factor`` times in
    ``original_max_position_embeddings`` (Grattafiori et al. 2024, arXiv 2407.21783).
    """

    theta: Positive = 10000.0
    dim: Size | None = None
    interleaved: Flag = False
    scaling: Literal["default", "linear", "llama3"] = "default"
    factor: Positive = 1.0
    low_freq_factor: Positive = 1.0
    high_freq_factor: Positive = 4.0
    original_max_position_embeddings: Positive = 8192.0

    @model_validator(mode="after")
    def _together(self) -> RotaryArgs:
        if self.dim is not None and self.dim % 2:
            raise fault(f"dim must be even: units turn in pairs, and it is {self.dim}")
        if self.scaling == "llama3" and self.high_freq_factor <= self.low_freq_factor:
            raise fault("high_freq_factor must be above low_freq_factor")
        return self


class Rotary(Operation):
    """Pairs of units of every head are turned by their position times a frequency: ``[positions, heads, head_dim]``."""

    name = "rotary"
    Args = RotaryArgs
    keeps_zero = True

    @classmethod
    def lower(cls, at: Lowering, args: RotaryArgs, inputs: Sequence[Value]) -> Value:
        value = floating(cls, inputs[0])
        if len(value.axes) != 3:
            message = f"`{cls.name}` takes a value of [positions, heads, head_dim]; this one is {shown(value.shape)}"
            raise OpFault("F250", message, "split the projection first: `split_heads(heads)`")
        units = value.axes[2]
        turned = size(units) if args.dim is None else args.dim
        if turned > size(units) or turned % 2:
            message = f"`{cls.name}` cannot turn {turned} of {size(units)} units in pairs"
            raise OpFault("F252", message, "an even number, at most the size of a head")
        parts = cut(units, turned, at.where) if turned < size(units) else None
        freeze(units if parts is None else parts[0], REASON)
        at.work(3 * turned * value.shape[0] * value.shape[1])
        return Value(value.axes)
