"""Where something stands: position numbers, learned tables of positions, class tokens, relative positions."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod as product
from typing import Annotated

from pydantic import Field, model_validator

from ..arguments import MAX_SIZE, Args
from ..graph import Value
from ..terms import UNIT, size
from .axes import floating, shown
from .base import Lowering, Operation, OpFault
from .fields import Flag, Natural, Size, fault

Whole = Annotated[int, Field(strict=True, ge=-MAX_SIZE, le=MAX_SIZE)]


class PositionsArgs(Args):
    """``start``: the number of the first position."""

    start: Natural = 0


class Positions(Operation):
    """The numbers of the positions of a text: ``int[positions]`` for a value whose first axis is positions."""

    name = "positions"
    Args = PositionsArgs

    @classmethod
    def lower(cls, at: Lowering, args: PositionsArgs, inputs: Sequence[Value]) -> Value:
        return Value(inputs[0].axes[:1], "int")


class FullLikeArgs(Args):
    """Argument of ``torch.full_like``."""

    fill_value: Whole


class FullLike(Operation):
    """The same number everywhere, in the shape of an integer value: token types where only one is used."""

    name = "full_like"
    Args = FullLikeArgs

    @classmethod
    def lower(cls, at: Lowering, args: FullLikeArgs, inputs: Sequence[Value]) -> Value:
        if inputs[0].dtype != "int":
            raise OpFault("F254", f"`{cls.name}` takes integers", "declare the input as `int[...]`")
        return Value(inputs[0].axes, "int")


class _Token(Operation):
    """A learned parameter with the layer's own key, in the units of the last axis."""

    has_parameters = True

    @classmethod
    def _checked(cls, inputs: Sequence[Value]) -> Value:
        value = floating(cls, inputs[0])
        if len(value.axes) != 2:
            message = f"`{cls.name}` takes a value of [positions, units]; this one is {shown(value.shape)}"
            raise OpFault("F250", message, "`flatten(2)` and `transpose(1, 2)` make one of an image")
        return value


class ClassToken(_Token):
    """A learned token before the others: ``[positions, units] -> [1 + positions, units]``; ``[1, 1, units]``."""

    name = "class_token"

    @classmethod
    def lower(cls, at: Lowering, args: Args, inputs: Sequence[Value]) -> Value:
        positions, units = cls._checked(inputs).axes
        at.tensor("", (UNIT, UNIT, units), ("fixed", "fixed", "writes"), "kernel")
        return Value((at.spatial(size(positions) + 1), units))


class PositionTable(_Token):
    """A learned value for every position, added: ``[1, positions, units]``; the number of positions is fixed."""

    name = "position_table"

    @classmethod
    def lower(cls, at: Lowering, args: Args, inputs: Sequence[Value]) -> Value:
        value = cls._checked(inputs)
        positions, units = value.axes
        at.freeze(positions, "indexed")
        at.tensor("", (UNIT, positions, units), ("fixed", "fixed", "writes"), "kernel")
        at.event("add", units)
        return Value(value.axes)


class RelativePositionBiasArgs(Args):
    """``num_buckets`` ranges of distances, the last from ``max_distance`` on; ``bidirectional``: both ways apart."""

    num_heads: Size
    num_buckets: Size = 32
    max_distance: Size = 128
    bidirectional: Flag = True

    @model_validator(mode="after")
    def _together(self) -> RelativePositionBiasArgs:
        near = self.num_buckets // (4 if self.bidirectional else 2)
        if near < 1 or self.max_distance <= near:
            raise fault(f"max_distance must be above {max(near, 1)}, the distances with a bucket of their own")
        return self


class RelativePositionBias(Operation):
    """A learned number for every head and range of distances (Raffel et al. 2020, arXiv 1910.10683).

    ``relative_position_bias from q, k`` takes two values whose first axis is positions and gives ``[heads,
    positions of q, positions of k]``; ``weight [num_buckets, num_heads]``.
    """

    name = "relative_position_bias"
    Args = RelativePositionBiasArgs
    inputs = 2
    has_parameters = True

    @classmethod
    def lower(cls, at: Lowering, args: RelativePositionBiasArgs, inputs: Sequence[Value]) -> Value:
        buckets, heads = at.space(args.num_buckets), at.space(args.num_heads)
        at.freeze(buckets, "indexed")
        at.sets("num_heads", heads)
        at.tensor("weight", (buckets, heads), ("fixed", "writes"), "kernel")
        rows, columns = inputs[0].axes[0], inputs[1].axes[0]
        at.work(product((size(rows), size(columns), args.num_heads)))
        return Value((heads, rows, columns))
