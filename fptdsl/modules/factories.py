"""``torch.nn`` layers by the name of the operation: what a layer with a key becomes.

Each factory takes a node of the graph and gives a fresh layer on the current default device, with
torch's own initial weights.  Operations that torch has no layer for are in ``functions`` only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from ..architecture.graph import Node
from ..architecture.ops.fields import per_axis
from .functions import FUNCTIONS, softmax_dim

Factory = Callable[[Node], nn.Module]


def _channels(node: Node) -> int:
    return node.inputs[0].shape[0]


def _given(node: Node) -> dict[str, Any]:
    """The arguments of a node, which carry torch's names."""
    return {name: getattr(node.args, name) for name in type(node.args).model_fields}


def _plain(layer: type[nn.Module]) -> Factory:
    """A layer that takes the arguments as they are."""
    return lambda node: layer(**_given(node))


def _sized(layer: type[nn.Module]) -> Factory:
    """A layer that takes the number of input channels first."""
    return lambda node: layer(_channels(node), **_given(node))


def _linear(node: Node) -> nn.Module:
    return nn.Linear(node.inputs[0].shape[-1], **_given(node))


def _groupnorm(node: Node) -> nn.Module:
    return nn.GroupNorm(num_channels=_channels(node), **_given(node))


def _normalised(node: Node) -> dict[str, Any]:
    """The arguments of a layer norm, with the size of its axis for the axis."""
    given = _given(node)
    dim: int = given.pop("dim")
    given.pop("unit_offset", None)
    return {"normalized_shape": node.inputs[0].shape[dim - 1 if dim > 0 else dim], **given}


def _recurrent(layer: type[nn.Module]) -> Factory:
    return lambda node: layer(node.inputs[0].shape[-1], **_given(node))


def _stochastic_depth(node: Node) -> nn.Module:
    return nn.Dropout(node.args.p)  # type: ignore[attr-defined]


def _parametric(node: Node) -> nn.Module:
    """``lerp(f(x), x, weight)``, which is ``x`` to the bit where the weight is 1."""
    args: Any = node.args
    root = nn.Module()
    root.register_parameter("weight", nn.Parameter(torch.full((1,), float(args.init))))
    code = fx.Graph()
    value, weight = code.placeholder("input"), code.get_attr("weight")
    inner = Node(node.name, args.activation, args.inner(), node.inputs, node.output, None)

    def call(function: Callable[..., Any] | str, *args: Any, **kwargs: Any) -> fx.Node:
        if isinstance(function, str):
            return code.call_method(function, args, kwargs)
        return code.call_function(function, args, kwargs)

    bent = FUNCTIONS[args.activation](call, inner, [value])
    code.output(code.call_function(torch.lerp, (bent, value, weight)))
    return fx.GraphModule(root, code, class_name="Parametric")


def _pool_to(layer: type[nn.Module]) -> Factory:
    return lambda node: layer(per_axis(node.args.output_size, 2))  # type: ignore[attr-defined]


def _softmax(layer: type[nn.Module]) -> Factory:
    return lambda node: layer(dim=softmax_dim(node))


MODULES: dict[str, Factory] = {
    "linear": _linear,
    "conv1d": _sized(nn.Conv1d),
    "conv2d": _sized(nn.Conv2d),
    "conv_transpose2d": _sized(nn.ConvTranspose2d),
    "batchnorm1d": _sized(nn.BatchNorm1d),
    "batchnorm2d": _sized(nn.BatchNorm2d),
    "instancenorm2d": _sized(nn.InstanceNorm2d),
    "groupnorm": _groupnorm,
    "layernorm": lambda node: nn.LayerNorm(**_normalised(node)),
    "rmsnorm": lambda node: nn.RMSNorm(**_normalised(node)),
    "local_response_norm": _plain(nn.LocalResponseNorm),
    "embedding": _plain(nn.Embedding),
    "lstm": _recurrent(nn.LSTM),
    "gru": _recurrent(nn.GRU),
    "maxpool1d": _plain(nn.MaxPool1d),
    "maxpool2d": _plain(nn.MaxPool2d),
    "avgpool1d": _plain(nn.AvgPool1d),
    "avgpool2d": _plain(nn.AvgPool2d),
    "adaptive_avgpool2d": _pool_to(nn.AdaptiveAvgPool2d),
    "adaptive_maxpool2d": _pool_to(nn.AdaptiveMaxPool2d),
    "flatten": _plain(nn.Flatten),
    "upsample": _plain(nn.Upsample),
    "identity": _plain(nn.Identity),
    "relu": _plain(nn.ReLU),
    "relu6": _plain(nn.ReLU6),
    "leaky_relu": _plain(nn.LeakyReLU),
    "prelu": _plain(nn.PReLU),
    "parametric": _parametric,
    "elu": _plain(nn.ELU),
    "selu": _plain(nn.SELU),
    "mish": _plain(nn.Mish),
    "softplus": _plain(nn.Softplus),
    "gelu": _plain(nn.GELU),
    "silu": _plain(nn.SiLU),
    "tanh": _plain(nn.Tanh),
    "sigmoid": _plain(nn.Sigmoid),
    "hardsigmoid": _plain(nn.Hardsigmoid),
    "hardswish": _plain(nn.Hardswish),
    "hardtanh": _plain(nn.Hardtanh),
    "softmax": _softmax(nn.Softmax),
    "log_softmax": _softmax(nn.LogSoftmax),
    "dropout": _plain(nn.Dropout),
    "dropout2d": _plain(nn.Dropout2d),
    "stochastic_depth": _stochastic_depth,
    "attention": lambda node: nn.Dropout(node.args.dropout),  # type: ignore[attr-defined]
}

_MODAL = frozenset({"dropout", "dropout2d", "stochastic_depth"})
"""What differs between train and eval mode is a module even without a key; it adds nothing to the state."""


def becomes_module(node: Node) -> bool:
    """Whether an operation is a layer of the module tree, or a call in ``forward``."""
    if node.op == "attention":
        return bool(node.args.dropout)  # type: ignore[attr-defined]
    return node.op in _MODAL or (node.keyed and node.op in MODULES)
