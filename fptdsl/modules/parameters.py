"""Layers that are a bare parameter, under the layer's own key: ``layer_scale`` and not ``layer_scale.weight``."""

from __future__ import annotations

import operator
from collections.abc import Callable

import torch
from torch import fx, nn

from ..architecture.graph import Node
from .functions import Call, Inputs


def _filled(node: Node) -> nn.Parameter:
    init: float = node.args.init  # type: ignore[attr-defined]
    return nn.Parameter(torch.full(node.tensors[""].shape, init))


def _times(call: Call, node: Node, inputs: Inputs, parameter: fx.Node) -> fx.Node:
    return call(operator.mul, inputs[0], parameter)


PARAMETERS: dict[str, Callable[[Node], nn.Parameter]] = {"scale": _filled}
"""Fresh values by the name of the operation."""

WITH_PARAMETER: dict[str, Callable[[Call, Node, Inputs, fx.Node], fx.Node]] = {"scale": _times}
"""What is computed with the parameter."""
