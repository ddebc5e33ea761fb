"""Calls of torch's functions by the name of the operation: what an operation without a key becomes.

Each writer takes ``call``, which writes one call into the generated code, a node and its inputs, and gives the
``torch.fx`` node of the result.  Only functions of torch and ``operator`` occur, so that the module needs
nothing else.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx
from torch.nn import functional as F

from ..architecture.graph import Node
from ..architecture.ops.fields import per_axis
from . import attention
from .calls import Call, Inputs

Writer = Callable[[Call, Node, Inputs], fx.Node]


def _function(function: Callable[..., Any]) -> Writer:
    """A function of one value with the arguments of the operation; those at their default are not written."""

    def write(call: Call, node: Node, inputs: Inputs) -> fx.Node:
        given = {
            name: getattr(node.args, name)
            for name, field in type(node.args).model_fields.items()
            if getattr(node.args, name) != field.default
        }
        return call(function, inputs[0], **given)

    return write


def _identity(call: Call, node: Node, inputs: Inputs) -> fx.Node:
    return inputs[0]


def _chain(function: Callable[[Any, Any], Any]) -> Writer:
    """A function of two values, from left to right over all of them."""

    def write(call: Call, node: Node, inputs: Inputs) -> fx.Node:
        result = inputs[0]
        for value in inputs[1:]:
            result = call(function, result, value)
        return result

    return write


def _concat(call: Call, node: Node, inputs: Inputs) -> fx.Node:
    return call(torch.cat, list(inputs), dim=node.args.dim)  # type: ignore[attr-defined]


def _flatten(call: Call, node: Node, inputs: Inputs) -> fx.Node:
    args: Any = node.args
    ends = () if args.end_dim == -1 else (args.end_dim,)
    return call(torch.flatten, inputs[0], args.start_dim, *ends)


def _permute(call: Call, node: Node, inputs: Inputs) -> fx.Node:
    return call(torch.permute, inputs[0], node.args.dims)  # type: ignore[attr-defined]


def _transpose(call: Call, node: Node, inputs: Inputs) -> fx.Node:
    args: Any = node.args
    return call(torch.transpose, inputs[0], args.dim0, args.dim1)


def _select(call: Call, node: Node, inputs: Inputs) -> fx.Node:
    args: Any = node.args
    return call(torch.select, inputs[0], args.dim, args.index)


def softmax_dim(node: Node) -> int:
    """The axis of a softmax with the batch counted; the channels where none is given."""
    dim: int | None = node.args.dim  # type: ignore[attr-defined]
    return 1 if dim is None else dim


def _softmax(function: Callable[..., Any]) -> Writer:
    return lambda call, node, inputs: call(function, inputs[0], dim=softmax_dim(node))


def _pool_to(function: Callable[..., Any]) -> Writer:
    def write(call: Call, node: Node, inputs: Inputs) -> fx.Node:
        return call(function, inputs[0], per_axis(node.args.output_size, 2))  # type: ignore[attr-defined]

    return write


def _global(function: Callable[..., Any]) -> Writer:
    """A function over all axes after the channels."""

    def write(call: Call, node: Node, inputs: Inputs) -> fx.Node:
        positions = tuple(range(2, len(node.inputs[0].axes) + 1))
        return call(function, inputs[0], dim=positions)

    return write


def _subsample(call: Call, node: Node, inputs: Inputs) -> fx.Node:
    step = slice(None, None, node.args.stride)  # type: ignore[attr-defined]
    return call(operator.getitem, inputs[0], (slice(None), slice(None), step, step))


def _pad_channels(call: Call, node: Node, inputs: Inputs) -> fx.Node:
    args: Any = node.args
    positions = (0, 0) * (len(node.inputs[0].axes) - 1)
    return call(F.pad, inputs[0], (*positions, args.before, args.after))


def _maxout(call: Call, node: Node, inputs: Inputs) -> fx.Node:
    pieces: int = node.args.pieces  # type: ignore[attr-defined]
    return call(torch.amax, call(torch.unflatten, inputs[0], 1, (node.output.shape[0], pieces)), dim=2)


def _narrow(call: Call, node: Node, inputs: Inputs) -> fx.Node:
    args: Any = node.args
    return call(torch.narrow, inputs[0], args.dim, args.start, args.length)


def _multiply(call: Call, node: Node, inputs: Inputs) -> fx.Node:
    args: Any = node.args
    width = node.inputs[0].shape[-1] if args.width_power else 1
    return call(operator.mul, inputs[0], args.factor * width**args.width_power)


def _softcap(call: Call, node: Node, inputs: Inputs) -> fx.Node:
    cap: float = node.args.cap  # type: ignore[attr-defined]
    return call(operator.mul, call(torch.tanh, call(operator.truediv, inputs[0], cap)), cap)


def _positions(call: Call, node: Node, inputs: Inputs) -> fx.Node:
    """A row of numbers for the whole batch."""
    start: int = node.args.start  # type: ignore[attr-defined]
    numbers = call(torch.unsqueeze, attention.numbers(call, inputs[0], 1), 0)
    return call(operator.add, numbers, start) if start else numbers


FUNCTIONS: dict[str, Writer] = {
    "add": _chain(operator.add),
    "mul": _chain(operator.mul),
    "concat": _concat,
    "multiply": _multiply,
    "softcap": _softcap,
    "narrow": _narrow,
    "positions": _positions,
    "full_like": _function(torch.full_like),
    "split_heads": attention.split_heads,
    "rotary": attention.rotary,
    "attention": attention.attention,
    "flatten": _flatten,
    "permute": _permute,
    "transpose": _transpose,
    "select": _select,
    "mean": _function(torch.mean),
    "local_response_norm": _function(F.local_response_norm),
    "upsample": _function(F.interpolate),
    "subsample2d": _subsample,
    "pad_channels": _pad_channels,
    "maxpool1d": _function(F.max_pool1d),
    "maxpool2d": _function(F.max_pool2d),
    "avgpool1d": _function(F.avg_pool1d),
    "avgpool2d": _function(F.avg_pool2d),
    "adaptive_avgpool2d": _pool_to(F.adaptive_avg_pool2d),
    "adaptive_maxpool2d": _pool_to(F.adaptive_max_pool2d),
    "global_avgpool": _global(torch.mean),
    "global_maxpool": _global(torch.amax),
    "maxout": _maxout,
    "softmax": _softmax(F.softmax),
    "log_softmax": _softmax(F.log_softmax),
    "identity": _identity,
    "relu": _function(F.relu),
    "relu6": _function(F.relu6),
    "leaky_relu": _function(F.leaky_relu),
    "elu": _function(F.elu),
    "selu": _function(F.selu),
    "mish": _function(F.mish),
    "softplus": _function(F.softplus),
    "gelu": _function(F.gelu),
    "silu": _function(F.silu),
    "tanh": _function(torch.tanh),
    "sigmoid": _function(torch.sigmoid),
    "hardsigmoid": _function(F.hardsigmoid),
    "hardswish": _function(F.hardswish),
    "hardtanh": _function(F.hardtanh),
}
