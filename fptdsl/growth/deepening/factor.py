"""Factorisation of a trained layer into two (Network Morphism, Wei et al. 2016; D-10).

``W = B A``: a linear layer, or a convolution by one of 1x1 and one of KxK.  Of a factor pair with other
kernels the first takes all the padding, since the identity is one of infinite images.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any, Literal

from ...architecture.ops.fields import per_axis
from ...architecture.tree import Layer
from ..recipe import Constant, Solve, Source, Start
from ..refusal import Refused
from .base import Deepening
from .copies import is_map, shown
from .netmorph import starting


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
    drawn: Literal["first", "second"]
    """Which factor is random; the other is solved for."""
    summary: str

    @property
    def layers(self) -> tuple[Layer, ...]:
        return (self.first, self.activation, self.second)

    def start(self, position: int, suffix: str, shape: tuple[int, ...]) -> Start:
        if position == 1:
            return Constant(1.0, shape)
        if suffix == "weight":
            return Solve(f"{self.key}.weight", "second" if position else "first", *self.shapes, self.drawn)
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
    if not is_map(layer) or layer.op in ("conv_transpose2d", "transposed_linear"):
        raise Refused("F320", f"`{key}` ({layer.op}) is not a layer that can be factorised", "name a linear layer")
    if getattr(args, "groups", 1) != 1:
        raise Refused("F321", f"`{key}` is a grouped convolution, whose kernel is not one product")
    width = width or inputs
    old = () if layer.op == "linear" else per_axis(args.kernel_size, type(args).dims)
    units = args.out_features if layer.op == "linear" else args.out_channels
    ones = tuple(1 for _ in old)
    if kernel is None:
        leading = ones if width >= inputs else old
    else:
        leading = tuple(min(kernel, k) for k in old)
        if not old or any(kernel > k for k in old):
            raise Refused("F321", f"`{key}` has no kernel of {kernel} or more to divide", "leave `kernel` out")
    trailing = tuple(k - a + 1 for k, a in zip(old, leading))
    shapes = (width, inputs, *leading), (units, width, *trailing)
    drawn = _drawn(key, width, inputs, units, leading, trailing, old)
    opening, closing = _arguments(layer, key, width, leading, trailing)
    first = Layer(key=names[0], op=layer.op, args=opening, sources=layer.sources)
    between = starting(follows, names[1])
    second = replace(layer, args=closing, sources=None)
    words = f"{shown(shapes[0])} and {shown(shapes[1])}"
    activation = replace(between, let=None, sources=None, like=None)
    return Split(first, activation, second, key, shapes, drawn, f"two factors, {words}")


def _drawn(
    key: str, width: int, inputs: int, units: int, leading: tuple[int, ...], trailing: tuple[int, ...],
    old: tuple[int, ...],
) -> Literal["first", "second"]:  # fmt: skip
    """The factor that may be any: the other then has as many unknowns as the law has equations, or more."""
    taps = prod(old)
    if width * prod(trailing) >= inputs * taps:
        return "first"
    if width * prod(leading) >= units * taps:
        return "second"
    needed = min(-(-inputs * taps // prod(trailing)), -(-units * taps // prod(leading)))
    kernels = f" with kernels {shown(leading)} and {shown(trailing)}" if old else ""
    raise Refused(
        "F321",
        f"`{key}` maps {inputs} units to {units}, so its rank may be up to {min(inputs, units)}, and two factors that "
        f"meet in {width} units{kernels} cannot be any such layer",
        f"use {needed} units or more",
    )


def _arguments(
    layer: Layer, key: str, width: int, leading: tuple[int, ...], trailing: tuple[int, ...]
) -> tuple[Any, Any]:
    args: Any = layer.args
    kind = type(args)
    if layer.op == "linear":
        return kind(**{**dict(args), "out_features": width}), args
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


def _one(sizes: tuple[int, ...]) -> int | tuple[int, ...]:
    return sizes[0] if len(set(sizes)) == 1 else sizes
