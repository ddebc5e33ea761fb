"""Pools over windows: ``maxpool1d``, ``maxpool2d``, ``avgpool1d``, ``avgpool2d``."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod as product
from typing import Any, ClassVar

from pydantic import field_validator

from ..arguments import Args
from ..graph import Value
from .axes import ranked, shown, spatial_axes
from .base import Lowering, Operation, OpFault
from .fields import Flag, PerAxis, Size, per_axis, whole
from .windows import extent, pooled


class PoolArgs(Args):
    """``stride`` none: the kernel size."""

    dims: ClassVar[int] = 2

    kernel_size: PerAxis
    stride: PerAxis | None = None
    padding: PerAxis = 0

    @field_validator("kernel_size", "stride", "dilation", mode="before", check_fields=False)
    @classmethod
    def _positive(cls, value: Any) -> PerAxis | None:
        return None if value is None else whole(value, cls.dims, 1)

    @field_validator("padding", mode="before")
    @classmethod
    def _natural(cls, value: Any) -> PerAxis:
        return whole(value, cls.dims, 0)


class MaxPoolArgs(PoolArgs):
    """Arguments of ``torch.nn.MaxPool2d`` (``return_indices`` is not one of them)."""

    dilation: PerAxis = 1
    ceil_mode: Flag = False


class MaxPool1dArgs(MaxPoolArgs):
    dims: ClassVar[int] = 1


class AvgPool1dArgs(PoolArgs):
    dims: ClassVar[int] = 1

    ceil_mode: Flag = False
    count_include_pad: Flag = True


class AvgPoolArgs(PoolArgs):
    """Arguments of ``torch.nn.AvgPool2d``."""

    ceil_mode: Flag = False
    count_include_pad: Flag = True
    divisor_override: Size | None = None


def window_sizes(op: type[Operation], args: PoolArgs, sizes: Sequence[int]) -> tuple[int, ...]:
    """Output sizes of a pool; faults where torch has none."""
    dims = args.dims
    kernel = per_axis(args.kernel_size, dims)
    stride = kernel if args.stride is None else per_axis(args.stride, dims)
    padding = per_axis(args.padding, dims)
    dilation = per_axis(getattr(args, "dilation", 1), dims)
    ceil_mode: bool = args.ceil_mode  # type: ignore[attr-defined]
    # torch bounds the padding by the kernel itself, however dilated.
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        message = f"the padding {shown(padding)} of `{op.name}` is more than half of its kernel {shown(kernel)}"
        raise OpFault("F253", message, "use less padding or a larger kernel")
    result = tuple(pooled(*each, ceil_mode) for each in zip(sizes, kernel, stride, padding, dilation, strict=True))
    if min(result) < 1:
        spans = [extent(k, d) for k, d in zip(kernel, dilation, strict=True)]
        padded = [n + 2 * p for n, p in zip(sizes, padding, strict=True)]
        raise OpFault(
            "F251",
            f"the window {shown(spans)} of `{op.name}` is larger than its padded input {shown(padded)}",
            "use a smaller kernel, or shrink the input less before",
        )
    return result


class _Pool(Operation):
    """Each channel on its own, over sliding windows."""

    dims: ClassVar[int]
    keeps_zero = True

    @classmethod
    def lower(cls, at: Lowering, args: PoolArgs, inputs: Sequence[Value]) -> Value:
        value = ranked(cls, inputs[0], cls.dims + 1)
        sizes = window_sizes(cls, args, spatial_axes(at, value))
        at.work(cls.window_work(args) * value.shape[0] * product(sizes))
        return Value((value.axes[0], *map(at.spatial, sizes)))

    @classmethod
    def window_work(cls, args: PoolArgs) -> int:
        """Multiply-accumulates for one output."""
        return product(per_axis(args.kernel_size, cls.dims))


class _MaxPool(_Pool):
    """The largest of each window."""

    keeps_range = True

    @classmethod
    def window_work(cls, args: PoolArgs) -> int:
        return 0


class MaxPool1d(_MaxPool):
    """``[C, L] -> [C, L']``: the largest value of each window."""

    name = "maxpool1d"
    Args = MaxPool1dArgs
    dims = 1


class MaxPool2d(_MaxPool):
    """``[C, H, W] -> [C, H', W']``: the largest value of each window."""

    name = "maxpool2d"
    Args = MaxPoolArgs
    dims = 2


# Not ``keeps_range``: ``divisor_override`` and counted padding leave the interval of the inputs.
class AvgPool1d(_Pool):
    """``[C, L] -> [C, L']``: the mean of each window."""

    name = "avgpool1d"
    Args = AvgPool1dArgs
    dims = 1


class AvgPool2d(_Pool):
    """``[C, H, W] -> [C, H', W']``: the mean of each window."""

    name = "avgpool2d"
    Args = AvgPoolArgs
    dims = 2
