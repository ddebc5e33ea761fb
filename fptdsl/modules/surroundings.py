"""Layers that are one step of several: what is computed before and after the layer itself.

Each writer takes ``call`` (as in ``functions``), the node, its inputs, and ``apply``, which writes the call of the
layer, and gives the ``torch.fx`` node of the result.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx

from ..architecture.graph import Node
from .attention import attention_with
from .calls import Apply, Call, Inputs


def along(call: Call, node: Node, inputs: Inputs, apply: Apply) -> fx.Node:
    """A layer over the last axis, applied along another one."""
    axis = normalised_axis(node)
    if axis == len(node.inputs[0].axes):
        return apply(inputs[0])
    return call(torch.movedim, apply(call(torch.movedim, inputs[0], axis, -1)), -1, axis)


def normalised_axis(node: Node) -> int:
    """The axis of a layer norm with the batch counted, from 1."""
    dim: int = node.args.dim  # type: ignore[attr-defined]
    return dim if dim >= 0 else dim + len(node.inputs[0].axes) + 1


def _sequence(call: Call, node: Node, inputs: Inputs, apply: Apply) -> fx.Node:
    """The output sequence of a recurrent layer, without its last state."""
    return call(operator.getitem, apply(inputs[0]), 0)


def _whole_samples(call: Call, node: Node, inputs: Inputs, apply: Apply) -> fx.Node:
    """Dropout of a one for each sample, or of a single one, times the value (Huang et al. 2016, stochastic depth)."""
    mode: str = node.args.mode  # type: ignore[attr-defined]
    first: Any = slice(None, 1)
    samples = slice(None) if mode == "row" else first
    index = (samples, *(first for _ in node.inputs[0].axes))
    ones = call(torch.ones_like, call(operator.getitem, inputs[0], index))
    return call(operator.mul, inputs[0], apply(ones))


AROUND: dict[str, Callable[[Call, Node, Inputs, Apply], fx.Node]] = {
    "layernorm": along,
    "rmsnorm": along,
    "lstm": _sequence,
    "gru": _sequence,
    "stochastic_depth": _whole_samples,
    "attention": attention_with,
}
