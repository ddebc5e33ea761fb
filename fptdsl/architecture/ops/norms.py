"""Normalisations over channels (``docs/maths.md`` N-1, N-2)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod as product
from typing import ClassVar

from ..arguments import Args
from ..graph import Value
from ..terms import Term, size
from .axes import ranked, shown, spatial_axes, split
from .base import Lowering, Operation, OpFault
from .fields import Epsilon, Flag, Number, Size


class BatchNormArgs(Args):
    """Arguments of ``torch.nn.BatchNorm2d`` without ``num_features``; ``momentum`` none: cumulative mean."""

    eps: Epsilon = 1e-5
    momentum: Number | None = 0.1
    affine: Flag = True
    track_running_stats: Flag = True


class InstanceNormArgs(Args):
    eps: Epsilon = 1e-5
    momentum: Number | None = 0.1
    affine: Flag = False
    track_running_stats: Flag = False


class GroupNormArgs(Args):
    num_groups: Size
    eps: Epsilon = 1e-5
    affine: Flag = True


def scale_and_shift(at: Lowering, channels: Term) -> None:
    """``weight [C]`` and ``bias [C]``."""
    at.tensor("weight", (channels,), ("follows",), "scale")
    at.tensor("bias", (channels,), ("follows",), "shift")


def running_statistics(at: Lowering, channels: Term) -> None:
    """``running_mean [C]``, ``running_var [C]`` and the counter ``num_batches_tracked []``."""
    at.tensor("running_mean", (channels,), ("follows",), "mean", buffer=True)
    at.tensor("running_var", (channels,), ("follows",), "variance", buffer=True)
    at.tensor("num_batches_tracked", (), (), "count", buffer=True, optional=True)


class _BatchNorm(Operation):
    """One scale, shift, mean and variance per channel; the shape stays."""

    Args = BatchNormArgs
    ranks: ClassVar[tuple[int, ...]]
    has_parameters = True
    affine = "norm"

    @classmethod
    def lower(cls, at: Lowering, args: BatchNormArgs, inputs: Sequence[Value]) -> Value:
        value = ranked(cls, inputs[0], *cls.ranks)
        spatial_axes(at, value)
        channels = value.axes[0]
        if args.affine:
            scale_and_shift(at, channels)
        if args.track_running_stats:
            running_statistics(at, channels)
        at.event("batchnorm", channels, "" if args.track_running_stats else "untracked")
        at.work(product(value.shape))
        return Value(value.axes)


class BatchNorm1d(_BatchNorm):
    """``[C]`` or ``[C, L]``: one scale, shift, mean and variance per channel."""

    name = "batchnorm1d"
    ranks = (1, 2)


class BatchNorm2d(_BatchNorm):
    """``[C, H, W]``: one scale, shift, mean and variance per channel."""

    name = "batchnorm2d"
    ranks = (3,)


class InstanceNorm2d(Operation):
    """Each channel of each sample with its own statistics: a follower, like batch norm."""

    name = "instancenorm2d"
    Args = InstanceNormArgs
    has_parameters = True

    @classmethod
    def lower(cls, at: Lowering, args: InstanceNormArgs, inputs: Sequence[Value]) -> Value:
        value = ranked(cls, inputs[0], 3)
        if product(spatial_axes(at, value)) == 1 and not args.track_running_stats:
            message = (
                f"`{cls.name}` takes statistics over the positions of a channel: {shown(value.shape)} has only one"
            )
            raise OpFault("F251", message, "use it before the pooling, or another norm")
        channels = value.axes[0]
        if args.affine:
            scale_and_shift(at, channels)
        if args.track_running_stats:
            running_statistics(at, channels)
        at.work(product(value.shape))
        return Value(value.axes)


class GroupNorm(Operation):
    """Statistics over groups of channels: the axis is ``groups x members``, with a mean inside a group."""

    name = "groupnorm"
    Args = GroupNormArgs
    has_parameters = True

    @classmethod
    def lower(cls, at: Lowering, args: GroupNormArgs, inputs: Sequence[Value]) -> Value:
        value = ranked(cls, inputs[0], 1, 2, 3)
        spatial_axes(at, value)
        channels = value.axes[0]
        if size(channels) % args.num_groups:
            message = f"`groupnorm` has num_groups={args.num_groups}, and {size(channels)} channels come in"
            raise OpFault("F252", message, "choose a number of groups that divides the channels")
        groups, members = split(at, channels, args.num_groups)
        if args.num_groups > 1:
            at.sets("num_groups", groups)
        if args.num_groups < size(channels):
            at.event("groups", members)
        if args.affine:
            scale_and_shift(at, channels)
        at.work(product(value.shape))
        return Value(value.axes)
