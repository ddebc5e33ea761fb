"""Pools to a given size: adaptive pools, and global pools that leave one value per channel."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod as product
from typing import Any, ClassVar

from pydantic import field_validator

from ..arguments import Args
from ..graph import Value
from .axes import ranked, spatial_axes
from .base import Lowering, Operation
from .fields import fault, per_axis, spelled, whole


class AdaptivePoolArgs(Args):
    """``output_size``: one number or a list of two, ``none`` for the size of the input."""

    output_size: int | tuple[int | None, ...] | None

    @field_validator("output_size", mode="before")
    @classmethod
    def _sizes(cls, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            if len(value) != 2:
                raise fault(f"should be a whole number from 1 or a list of two of them, not {spelled(value)}")
            return tuple(None if item is None else whole(item, 2, 1) for item in value)
        return None if value is None else whole(value, 2, 1)


class _AdaptivePool(Operation):
    """``[C, H, W] -> [C, *output_size]``"""

    Args = AdaptivePoolArgs
    keeps_zero = True
    keeps_range = True
    averages: ClassVar[bool]

    @classmethod
    def lower(cls, at: Lowering, args: AdaptivePoolArgs, inputs: Sequence[Value]) -> Value:
        value = ranked(cls, inputs[0], 3)
        before = spatial_axes(at, value)
        wanted = per_axis(args.output_size, 2)
        sizes = [old if new is None else new for old, new in zip(before, wanted, strict=True)]
        if cls.averages:
            # Output i covers floor(i n / m) to ceil((i + 1) n / m).
            windows = (
                sum(-(-(i + 1) * n // m) - i * n // m for i in range(m)) for n, m in zip(before, sizes, strict=True)
            )
            at.work(value.shape[0] * product(windows))
        return Value((value.axes[0], *map(at.spatial, sizes)))


class AdaptiveAvgPool2d(_AdaptivePool):
    """``[C, H, W] -> [C, *output_size]``: means over windows that cover the input evenly."""

    name = "adaptive_avgpool2d"
    averages = True


class AdaptiveMaxPool2d(_AdaptivePool):
    """``[C, H, W] -> [C, *output_size]``: the largest of windows that cover the input evenly."""

    name = "adaptive_maxpool2d"
    averages = False


class _GlobalPool(Operation):
    """``[C, *size] -> [C]``"""

    keeps_zero = True
    keeps_range = True
    averages: ClassVar[bool]

    @classmethod
    def lower(cls, at: Lowering, args: Any, inputs: Sequence[Value]) -> Value:
        value = ranked(cls, inputs[0], 2, 3)
        spatial_axes(at, value)
        at.work(product(value.shape) if cls.averages else 0)
        return Value(value.axes[:1])


class GlobalAvgPool(_GlobalPool):
    """``[C, *size] -> [C]``: the mean of each channel."""

    name = "global_avgpool"
    averages = True


class GlobalMaxPool(_GlobalPool):
    """``[C, *size] -> [C]``: the largest value of each channel."""

    name = "global_maxpool"
    averages = False
