"""``rotary``: positions as rotations of queries and keys (Su et al. 2021, arXiv 2104.09864)."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, sqrt
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
    ``original_max_position_embeddings`` (Grattafiori et al. 2024, arXiv 2407.21783); "yarn" divides the low ones and
    goes over to the high ones linearly, from those that turn ``beta_slow`` to those that turn ``beta_fast`` times
    (Peng et al. 2023, arXiv 2309.00071); "longrope" divides each by a number of its own, those of ``long_factor`` in
    texts longer than ``original_max_position_embeddings`` and of ``short_factor`` in others (Ding et al. 2024, arXiv
    2402.13753).  The last two multiply what they turn by ``attention_factor``, by default that of their papers.
    """

    theta: Positive = 10000.0
    dim: Size | None = None
    interleaved: Flag = False
    scaling: Literal["default", "linear", "llama3", "yarn", "longrope"] = "default"
    factor: Positive = 1.0
    low_freq_factor: Positive = 1.0
    high_freq_factor: Positive = 4.0
    original_max_position_embeddings: Positive = 8192.0
    beta_fast: Positive = 32.0
    beta_slow: Positive = 1.0
    short_factor: tuple[Positive, ...] | None = None
    long_factor: tuple[Positive, ...] | None = None
    attention_factor: Positive | None = None

    @model_validator(mode="after")
    def _together(self) -> RotaryArgs:
        if self.dim is not None and self.dim % 2:
            raise fault(f"dim must be even: units turn in pairs, and it is {self.dim}")
        if self.scaling == "llama3" and self.high_freq_factor <= self.low_freq_factor:
            raise fault("high_freq_factor must be above low_freq_factor")
        if self.scaling == "longrope" and (self.short_factor is None or self.long_factor is None):
            raise fault("scaling by longrope needs short_factor and long_factor")
        if self.scaling in ("yarn", "longrope") and self.original_max_position_embeddings <= 1:
            raise fault("original_max_position_embeddings must be above 1")
        if self.scaling == "yarn" and self.theta == 1:
            raise fault("theta must not be 1: all frequencies would be one")
        return self

    @property
    def multiplier(self) -> float:
        """What turned units are multiplied by."""
        if self.scaling not in ("yarn", "longrope"):
            return 1.0
        if self.attention_factor is not None:
            return self.attention_factor
        if self.factor <= 1:
            return 1.0
        if self.scaling == "yarn":
            return 0.1 * log(self.factor) + 1.0
        return sqrt(1 + log(self.factor) / log(self.original_max_position_embeddings))


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
        for listed in (args.short_factor, args.long_factor):
            if args.scaling == "longrope" and len(listed or ()) != turned // 2:
                message = f"`{cls.name}` turns {turned // 2} pairs, and a list of factors has {len(listed or ())}"
                raise OpFault("F252", message, "one factor for each pair")
        parts = cut(units, turned, at.where) if turned < size(units) else None
        freeze(units if parts is None else parts[0], REASON)
        at.work(3 * turned * value.shape[0] * value.shape[1])
        return Value(value.axes)
