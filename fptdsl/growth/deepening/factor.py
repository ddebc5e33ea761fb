"""Factorisation of a trained layer into two (Network Morphism, Wei et al. 2016; D-10).

``W = B A``: a linear layer, or a convolution by one of 1x1 and one of KxK.  Of a factor pair with other
kernels the first takes all the padding, since the identity is one of infinite images.  A grouped convolution is
one product for each group; a transposed one has its kernel the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any, Literal

from ...architecture.ops.fields import per_axis
from ...architecture.tree import Layer
from ..recipe import Constant, Solve, SolveGroups, Source, Start
from ..refusal import Refused
from .base import Deepening
from .copies import is_map, shown
from .netmorph import starting

Drawn = Literal["first", "second", "rank"]
"""Which factor is random; the other is solved for.  ``rank``: both are made from the old kernel's row space."""

TURNED = ("conv_transpose2d", "transposed_linear")
"""Layers whose kernel has its inputs on axis 0."""


class Factor(Deepening):
    name = "netmorph"
    using = "netmorph(factor=true)"
    ids = "D-10"
    paper = "Network Morphism (Wei et al. 2016)"
    place = "a linear layer or a convolution, which becomes two"
    kinds = "exact, with storage drift"
    condition = "the width between is at least the rank of the layer; one factor is 1x1, or the first pads"
    trainability = "everything learns from the first step"
    sets_width = True


@dataclass(frozen=True, eq=False)
class Split:
    """A layer as ``first``, an activation that starts as the identity, and ``second``, which keeps the name."""

    first: Layer
    activation: Layer
    second: Layer
    key: str
    """The old layer's name."""
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    """Of the factors of one group, ``[out, in, *kernel]``."""
    drawn: Drawn
    groups: int
    summary: str

    @property
    def layers(self) -> tuple[Layer, ...]:
        return (self.first, self.activation, self.second)

    @property
    def advice(self) -> tuple[str, ...]:
        if self.drawn != "rank":
            return ()
        return (
            f"two factors that meet in {self.shapes[0][0] * self.groups} units are exact only where the kernel of "
            f"`{self.key}` has no higher rank, which `apply` finds out",
        )

    def start(self, position: int, suffix: str, shape: tuple[int, ...]) -> Start:
        if position == 1:
            return Constant(1.0, shape)
        if suffix == "weight":
            one = Solve(f"{self.key}.weight", "second" if position else "first", *self.shapes, self.drawn)
            turned = self.second.op in TURNED
            return SolveGroups(one, self.groups, turned) if turned or self.groups > 1 else one
        return Source(f"{self.key}.{suffix}") if position else Constant(0.0, shape)


def split(
    layer: Layer, key: str, inputs: int, width: int | None, kernel: int | None, follows: Layer | None,
    names: tuple[str | None, str | None],
) -> Split:  # fmt: skip
    """The two factors of a layer that reads ``inputs`` units; ``kernel`` is that of the first.

    ``follows`` is the activation behind the layer; ``names`` are keys of the first factor and the activation.
    Raises Refused.
    """
    args: Any = layer.args
    if not is_map(layer):
        raise Refused("F320", f"`{key}` ({layer.op}) is not a layer that can be factorised", "name a linear layer")
    width, groups = width or inputs, getattr(args, "groups", 1)
    if width % groups:
        near = -(-width // groups) * groups
        raise Refused("F323", f"{width} units do not divide into the {groups} groups of `{key}`", f"use `to {near}`")
    old = per_axis(args.kernel_size, getattr(type(args), "dims", 2)) if hasattr(args, "kernel_size") else ()
    units = args.out_channels if old else args.out_features
    leading, trailing = _kernels(layer, key, old, kernel, width >= inputs)
    each = width // groups, inputs // groups, units // groups
    shapes = (each[0], each[1], *leading), (each[2], each[0], *trailing)
    drawn = _drawn(key, groups, each, leading, trailing, old)
    opening, closing = _arguments(layer, key, width, leading, trailing)
    first = Layer(key=names[0], op=layer.op, args=opening, sources=layer.sources)
    between = starting(follows, names[1])
    second = replace(layer, args=closing, sources=None)
    words = f"{shown(shapes[0])} and {shown(shapes[1])}" + (f" in each of {groups} groups" if groups > 1 else "")
    activation = replace(between, let=None, sources=None, like=None)
    return Split(first, activation, second, key, shapes, drawn, groups, f"two factors, {words}")


def _kernels(
    layer: Layer, key: str, old: tuple[int, ...], kernel: int | None, wide: bool
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The kernels of the two factors, the first ``kernel`` large or as small as the width between allows."""
    if kernel is None:
        leading = tuple(1 for _ in old) if wide else old
    else:
        leading = tuple(min(kernel, k) for k in old)
        if not old or any(kernel > k for k in old):
            raise Refused("F321", f"`{key}` has no kernel of {kernel} or more to divide", "leave `kernel` out")
    trailing = tuple(k - a + 1 for k, a in zip(old, leading))
    if layer.op in TURNED and prod(leading) > 1 and prod(trailing) > 1:
        raise Refused(
            "F321", f"of the factors of the transposed convolution `{key}` one has a kernel of 1", "leave `kernel` out"
        )
    return leading, trailing


def _drawn(
    key: str, groups: int, each: tuple[int, int, int], leading: tuple[int, ...], trailing: tuple[int, ...],
    old: tuple[int, ...],
) -> Drawn:  # fmt: skip
    """The factor that may be any: the other then has as many unknowns as the law has equations, or more.

    ``each``: the units between the factors, those that come in and those that go out, of one group.
    """
    width, inputs, units = each
    taps = prod(old)
    if width * prod(trailing) >= inputs * taps:
        return "first"
    if width * prod(leading) >= units * taps:
        return "second"
    if prod(leading) == 1 or prod(trailing) == 1:
        return "rank"
    needed = groups * min(-(-inputs * taps // prod(trailing)), -(-units * taps // prod(leading)))
    raise Refused(
        "F321",
        f"`{key}` maps {groups * inputs} units to {groups * units}, and two factors with kernels {shown(leading)} and "
        f"{shown(trailing)} that meet in {groups * width} units cannot be any such layer",
        f"use {needed} units or more",
    )


def _arguments(
    layer: Layer, key: str, width: int, leading: tuple[int, ...], trailing: tuple[int, ...]
) -> tuple[Any, Any]:
    args: Any = layer.args
    kind = type(args)
    if not hasattr(args, "kernel_size"):
        return kind(**{**dict(args), "out_features": width}), args
    if layer.op in TURNED:
        return _transposed(args, width, leading, trailing)
    first: dict[str, Any] = {**dict(args), "out_channels": width, "stride": 1, "kernel_size": _one(leading)}
    second: dict[str, Any] = {**dict(args), "kernel_size": _one(trailing)}
    if prod(leading) == 1:
        # Zeros around the image stay zeros through a layer without a bias, so the second may pad.
        first |= {"padding": 0, "dilation": 1, "bias": False, "padding_mode": "zeros"}
        return kind(**first), kind(**second)
    if args.padding == "same":
        full = tuple(k + t - 1 for k, t in zip(leading, trailing))
        if any(k % 2 == 0 for k in full):
            raise Refused("F321", f"`{key}` pads by an odd number, which numbers cannot say", "give its padding")
        first["padding"] = _one(tuple(d * (k // 2) for k, d in zip(full, per_axis(args.dilation, len(full)))))
    second |= {"padding": 0, "padding_mode": "zeros"}
    if prod(trailing) == 1:
        second["dilation"] = 1
    return kind(**first), kind(**second)


def _transposed(args: Any, width: int, leading: tuple[int, ...], trailing: tuple[int, ...]) -> tuple[Any, Any]:
    """The factor with a kernel of 1 leaves positions alone; before the other one it has no bias to spread."""
    kind, alone = type(args), {"kernel_size": 1, "stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}
    if prod(leading) == 1:
        return kind(**{**dict(args), **alone, "out_channels": width, "bias": False}), args
    return kind(**{**dict(args), "out_channels": width}), kind(**{**dict(args), **alone})


def _one(sizes: tuple[int, ...]) -> int | tuple[int, ...]:
    return sizes[0] if len(set(sizes)) == 1 else sizes
