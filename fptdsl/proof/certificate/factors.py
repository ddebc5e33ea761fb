"""Layers that became two factors whose product they are (Network Morphism, D-10)."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ...architecture.graph import Node
from ...architecture.ops.fields import per_axis
from .claims import AxisClaim, Claim, plain, unknown
from .composed import Composed
from .guide import Guide
from .kernels import LINEAR, kernel_of
from .law import SOLVED, check_kernel
from .ledger import Ledger
from .matching import OldNetwork
from .reading import EPS, Floats, Tensors, to_float, vector
from .report import Report
from .vectors import check_follower

TURNED = ("conv_transpose2d",)
"""Convolutions that spread each position over several."""


class FactoredLayers:
    """Remembers first factors, and checks the product where the second one reads them."""

    def __init__(self, guide: Guide, network: OldNetwork, before: Tensors, after: Tensors, ledger: Ledger) -> None:
        self.guide, self.network, self.ledger = guide, network, ledger
        self.before, self.after = before, after
        self.waiting: dict[Claim, tuple[Node, Claim]] = {}
        """By the claim of its output: the first factor, and the claim of what it reads."""

    def first(self, node: Node, given: Claim) -> Claim:
        """A value that stands for nothing old; only the second factor may read it."""
        claim = unknown(node.output.shape)
        self.waiting[claim] = (node, given)
        for tensor in node.tensors.values():
            self.ledger.record(tensor.name, "D10")
        return claim

    def second(self, node: Node, given: Claim, source: str) -> Claim | None:
        """The claim of the old layer's value; None where the product is not that of an old layer."""
        found = self.waiting.get(given)
        layer = self.network.layer([source], [found[1]]) if found is not None else None
        name = node.tensors["weight"].name
        if found is None or layer is None or not self.network.reads(layer, [found[1]]):
            self.ledger.find(name, "C5", "it is one of two factors, and the other is not what it reads")
            return None
        opening, reads = found
        reason = different(layer, opening, node)
        if reason is not None:
            self.ledger.find(node.name, "C5", reason)
        place = len(reads.axes) - 1 if node.op in LINEAR else 0
        outputs = self.guide.written(node, reads.axes[place], layer.output.shape[place])
        taps = opening.tensors["weight"].shape[2:], node.tensors["weight"].shape[2:]
        kernels = kernel_of(self.after, opening), kernel_of(self.after, node)
        kernel, old = Composed(*kernels, taps), kernel_of(self.before, layer, source)
        report = Report()
        alike = kernels[0].groups == kernels[1].groups == old.groups and kernels[0].units == kernels[1].inputs
        if kernel.taps != tuple(self.before.shape(source)[2:]) or not alike:
            report.add("C4", "the two factors do not make a kernel of the old size")
        else:
            report = check_kernel(kernel, old, reads.axes[place], outputs, exact=False, check="D10")
        self.ledger.record(name, "D10", report)
        self._biases(layer, opening, node, kernel, outputs)
        kept = reads.axes if node.op in LINEAR else tuple(map(plain, layer.output.shape))
        axes = tuple(outputs if axis == place else kept[axis] for axis in range(len(kept)))
        return Claim(self.network.canon(layer.output), axes)

    def _biases(self, layer: Node, opening: Node, node: Node, kernel: Composed, outputs: AxisClaim) -> None:
        """``b2 + B b1`` is the old bias; a bias before zeros around an image would not reach its border."""
        first, second = values_of(self.after, opening, "bias"), values_of(self.after, node, "bias")
        old = values_of(self.before, layer, "bias")
        moved = first is not None and bool(first.any())
        if moved and (any(_padding(node)) or (node.op in TURNED and not _alone(node))):
            self.ledger.find(opening.tensors["bias"].name, "D10", "it must be zero: borders would get another share")
        if second is None:
            if moved or (old is not None and old.any()):
                self.ledger.find(node.name, "D10", "the old bias is not that of the two factors")
            return
        name = node.tensors["bias"].name
        if old is not None and not moved:
            source = layer.tensors["bias"].name
            report = check_follower(self.before, source, self.after, name, outputs, zero=True, factors=outputs.factors)
        else:
            more = kernel.shifted(first) if first is not None else (np.zeros(len(second)), np.zeros(len(second)))
            report = _shifted(np.zeros(outputs.old) if old is None else old, second, more, outputs, kernel.dtype)
        self.ledger.record(name, "D10", report)


def values_of(source: Tensors, node: Node, suffix: str) -> Floats | None:
    """A vector of a layer in float64; None where it has none."""
    if suffix not in node.tensors:
        return None
    name = node.tensors[suffix].name
    return to_float(vector(source, name), source.dtype(name))


def _shifted(old: Floats, here: Floats, more: tuple[Floats, Floats], outputs: AxisClaim, dtype: str) -> Report:
    """The second bias and what the first one becomes behind the second kernel, against the old bias."""
    report = Report()
    known = np.flatnonzero(outputs.labels < outputs.old)
    wanted = np.where(outputs.labels[known] >= 0, outputs.factors[known] * old[outputs.labels[known]], 0.0)
    added, sizes = more[0][known], more[1][known]
    gap = np.nan_to_num(np.abs(here[known] + added - wanted), nan=np.inf)
    largest = max(float(np.abs(old).max(initial=0.0)), 1e-300)
    report.deviation = float(gap.max(initial=0.0)) / largest
    if (gap > 2 * EPS.get(dtype, 0.0) * (sizes + np.abs(here[known])) + SOLVED * largest).any():
        report.add("D10", "with what the first bias adds it is not the old bias", report.deviation)
    return report


def different(old: Node, first: Node, second: Node) -> str | None:
    """Why two layers are not one that computes on images as the old one did, whatever their kernels; else None.

    One factor has a kernel of 1, or the first takes all the padding: the product is one of infinite images.
    """
    if not old.op == first.op == second.op:
        return f"the factors of a `{old.op}` are `{first.op}` and `{second.op}`"
    if old.op in LINEAR:
        return None
    args: list[Any] = [old.args, first.args, second.args]
    if len({a.groups for a in args}) > 1:
        return "the factors have other groups than the old layer"
    if old.op in TURNED:
        return _different_turned(old, first, second)
    dims = len(old.tensors["weight"].shape) - 2
    stride, own, later = (per_axis(a.stride, dims) for a in args)
    if tuple(stride) != tuple(later) or any(step != 1 for step in own):
        return f"the second factor has the stride {tuple(stride)}, and the first has none"
    for node in (first, second):
        kernel = node.tensors["weight"].shape[2:]
        if any(d != w and k > 1 for d, w, k in zip(_dilation(node), _dilation(old), kernel)):
            return f"the dilation was {_dilation(old)}"
    pads = prod(first.tensors["weight"].shape[2:]) == 1
    padding, none = (second, first) if pads and any(_padding(second)) else (first, second)
    if _padding(padding) != _padding(old) or any(_padding(none)):
        return f"the padding was {_padding(old)}, and one factor takes all of it: the first, unless its kernel is 1"
    if any(_padding(old)) and padding.args.padding_mode != old.args.padding_mode:  # type: ignore[attr-defined]
        return f"padding_mode was {old.args.padding_mode}"  # type: ignore[attr-defined]
    return None


def _different_turned(old: Node, first: Node, second: Node) -> str | None:
    """Of a transposed convolution one factor leaves positions alone, and the other does what the old one did."""
    spreading = second if _alone(first) else first
    if not _alone(first if spreading is second else second):
        return "of the factors of a transposed convolution one has a kernel of 1 and leaves positions alone"
    for name in ("stride", "padding", "output_padding", "dilation"):
        before, after = getattr(old.args, name), getattr(spreading.args, name)
        if before != after:
            return f"{name} is {after} and was {before}"
    return None


def _alone(node: Node) -> bool:
    """Whether a transposed convolution maps every position by itself."""
    args: Any = node.args
    dims = len(node.tensors["weight"].shape) - 2
    ones = (*node.tensors["weight"].shape[2:], *per_axis(args.stride, dims))
    return set(ones) == {1} and not any((*per_axis(args.padding, dims), *per_axis(args.output_padding, dims)))


def _dilation(node: Node) -> tuple[int, ...]:
    return tuple(per_axis(node.args.dilation, len(node.tensors["weight"].shape) - 2))  # type: ignore[attr-defined]


def _padding(node: Node) -> tuple[int, ...]:
    """Zeros around every axis, both sides together."""
    if node.op in (*LINEAR, *TURNED):
        return ()
    padding: Any = node.args.padding  # type: ignore[attr-defined]
    kernel = node.tensors["weight"].shape[2:]
    if padding == "same":
        return tuple(d * (k - 1) for d, k in zip(_dilation(node), kernel))
    return tuple(2 * p for p in per_axis(0 if padding == "valid" else padding, len(kernel)))
