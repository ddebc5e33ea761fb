"""Layers that torch has no module for: parameters under the layer's key, and what is computed with them.

``scale`` is a bare parameter (``layer_scale`` and not ``layer_scale.weight``); a transposed linear layer and the
``1 + weight`` form of RMSNorm are a plain container of parameters.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F

from ..architecture.graph import Node
from .attention import relative_buckets
from .calls import Call, Inputs
from .surroundings import along

Fresh = Callable[[Node], Mapping[str, nn.Parameter]]
"""Fresh parameters by suffix."""

Get = Callable[[str], fx.Node]
"""Writes the access to the parameter with a suffix."""

Writer = Callable[[Call, Node, Inputs, Get], fx.Node]


def _scale(node: Node) -> Mapping[str, nn.Parameter]:
    init: float = node.args.init  # type: ignore[attr-defined]
    return {"": nn.Parameter(torch.full(node.tensors[""].shape, init))}


def _shift(node: Node) -> Mapping[str, nn.Parameter]:
    return {"": nn.Parameter(torch.zeros(node.tensors[""].shape))}


def _small(suffix: str) -> Fresh:
    """Small random values, as tables of positions and tokens start."""

    def fresh(node: Node) -> Mapping[str, nn.Parameter]:
        return {suffix: nn.Parameter(torch.randn(node.tensors[suffix].shape) * 0.02)}

    return fresh


def _transposed_linear(node: Node) -> Mapping[str, nn.Parameter]:
    inputs, outputs = node.tensors["weight"].shape
    layer = nn.Linear(inputs, outputs, bias="bias" in node.tensors)
    fresh = {"weight": nn.Parameter(layer.weight.detach().T.contiguous())}
    return {**fresh, "bias": layer.bias} if "bias" in node.tensors else fresh


def _offset_norm(node: Node) -> Mapping[str, nn.Parameter]:
    return {"weight": nn.Parameter(torch.zeros(node.tensors["weight"].shape))}


def _none(node: Node) -> Mapping[str, nn.Parameter]:
    """The parameters are another layer's."""
    return {}


def _with(function: Callable[[Any, Any], Any]) -> Writer:
    return lambda call, node, inputs, get: call(function, inputs[0], get(""))


def _prepend(call: Call, node: Node, inputs: Inputs, get: Get) -> fx.Node:
    samples = call(operator.getitem, call(getattr, inputs[0], "shape"), 0)
    token = call(torch.broadcast_to, get(""), (samples, 1, node.output.shape[-1]))
    return call(torch.cat, [token, inputs[0]], dim=1)


def _multiply_transposed(call: Call, node: Node, inputs: Inputs, get: Get) -> fx.Node:
    product = call(torch.matmul, inputs[0], get("weight"))
    return call(operator.add, product, get("bias")) if "bias" in node.tensors else product


def _offset_normalise(call: Call, node: Node, inputs: Inputs, get: Get) -> fx.Node:
    args: Any = node.args
    eps = {} if args.eps is None else {"eps": args.eps}

    def apply(value: fx.Node) -> fx.Node:
        factors = call(operator.add, get("weight"), 1.0)
        return call(F.rms_norm, value, node.tensors["weight"].shape, factors, **eps)

    return along(call, node, inputs, apply)


def _relative_bias(call: Call, node: Node, inputs: Inputs, get: Get) -> fx.Node:
    table = call(F.embedding, relative_buckets(call, node, inputs), get("weight"))
    return call(torch.unsqueeze, call(torch.permute, table, (2, 0, 1)), 0)


def _tied(call: Call, node: Node, inputs: Inputs, get: Get) -> fx.Node:
    return call(F.linear, inputs[0], get("weight"))


PARAMETERS: dict[str, tuple[Fresh, Writer]] = {
    "transposed_linear": (_transposed_linear, _multiply_transposed),
    "scale": (_scale, _with(operator.mul)),
    "shift": (_shift, _with(operator.add)),
    "class_token": (_small(""), _prepend),
    "position_table": (_small(""), _with(operator.add)),
    "relative_position_bias": (_small("weight"), _relative_bias),
    "tied_linear": (_none, _tied),
}
"""Fresh values, and what is computed with them, by the name of the operation."""

OFFSET_NORM: tuple[Fresh, Writer] = (_offset_norm, _offset_normalise)


def held(node: Node) -> tuple[Fresh, Writer] | None:
    """Fresh parameters and the computation of an operation that no module of torch is; None for others."""
    args: Any = node.args
    if node.op == "rmsnorm" and args.unit_offset and args.elementwise_affine:
        return OFFSET_NORM
    return PARAMETERS.get(node.op)
