"""Attention, rotary positions and relative positions as calls of torch's functions."""

from __future__ import annotations

import math
import operator
from typing import Any

import torch
from torch import fx
from torch.nn import functional as F

from ..architecture.graph import Node
from .calls import Apply, Call, Inputs


def length(call: Call, value: fx.Node, axis: int) -> fx.Node:
    """The size of an axis when the module runs."""
    return call(operator.getitem, call(getattr, value, "shape"), axis)


def numbers(call: Call, value: fx.Node, axis: int) -> fx.Node:
    """The numbers of the positions of an axis, on the device of the value."""
    return call(torch.arange, length(call, value, axis), device=call(getattr, value, "device"))


def split_heads(call: Call, node: Node, inputs: Inputs) -> fx.Node:
    return call(torch.unflatten, inputs[0], -1, (node.args.heads, -1))  # type: ignore[attr-defined]


def attention(call: Call, node: Node, inputs: Inputs) -> fx.Node:
    return attention_with(call, node, inputs, None)


def attention_with(call: Call, node: Node, inputs: Inputs, dropout: Apply | None) -> fx.Node:
    """Queries, keys and values are ``[batch, positions, heads, size]``; torch wants the heads before the positions.

    ``dropout`` writes the call of the layer that the shares of the values go through.
    """
    args: Any = node.args
    query, key, value = (call(torch.transpose, operand, 1, 2) for operand in inputs[:3])
    shared = node.inputs[0].shape[1] // node.inputs[1].shape[1]
    if shared > 1:
        key, value = (call(torch.repeat_interleave, operand, shared, dim=1) for operand in (key, value))
    bias = inputs[3] if len(inputs) == 4 else None
    scale = args.scale
    if scale is None:
        scale = (args.scale_dim or node.inputs[0].shape[2]) ** -0.5
    if args.softcap is None and bias is None and args.window is None and dropout is None:
        result = call(F.scaled_dot_product_attention, query, key, value, is_causal=args.causal, scale=scale)
    else:
        scores = _scores(call, args, query, key, scale, bias)
        shares = call(F.softmax, scores, dim=-1)
        result = call(torch.matmul, shares if dropout is None else dropout(shares), value)
    return call(torch.flatten, call(torch.transpose, result, 1, 2), 2)


def _scores(call: Call, args: Any, query: fx.Node, key: fx.Node, scale: float, bias: fx.Node | None) -> fx.Node:
    scores = call(torch.matmul, query, call(torch.transpose, key, 2, 3))
    if scale != 1:
        scores = call(operator.mul, scores, scale)
    if args.softcap is not None:
        scores = call(operator.mul, call(torch.tanh, call(operator.truediv, scores, args.softcap)), args.softcap)
    if bias is not None:
        scores = call(operator.add, scores, bias)
    if not args.causal:
        return scores
    ahead = _distances(call, query, key, 2)
    hidden = call(operator.gt, ahead, 0)
    if args.window is not None:
        hidden = call(operator.or_, hidden, call(operator.le, ahead, -args.window))
    return call(torch.masked_fill, scores, hidden, -math.inf)


def _distances(call: Call, rows: fx.Node, columns: fx.Node, axis: int) -> fx.Node:
    """``[rows, columns]``: by how much the position of a column is after that of a row."""
    here = call(torch.unsqueeze, numbers(call, rows, axis), 1)
    return call(operator.sub, call(torch.unsqueeze, numbers(call, columns, axis), 0), here)


def rotary(call: Call, node: Node, inputs: Inputs) -> fx.Node:
    """Angles and their sine and cosine are computed in float32, as the classes do that trained with them."""
    args: Any = node.args
    value = inputs[0]
    whole = node.inputs[0].shape[2]
    turned = args.dim or whole
    positions = call(torch.unsqueeze, numbers(call, value, 1), 1)
    angles = call(operator.mul, call("float", positions), _frequencies(call, args, turned, value))
    if args.interleaved:
        angles = call(torch.repeat_interleave, angles, 2, dim=-1)
    else:
        angles = call(torch.cat, [angles, angles], dim=-1)
    angles = call(torch.unsqueeze, angles, 1)  # one for all heads
    cos, sin = (call(function, angles) for function in (torch.cos, torch.sin))
    if args.multiplier != 1:
        cos, sin = (call(operator.mul, turn, args.multiplier) for turn in (cos, sin))
    cos, sin = (call("type_as", turn, value) for turn in (cos, sin))
    part = value if turned == whole else call(torch.narrow, value, -1, 0, turned)
    swapped = _swapped(call, part, turned, args.interleaved)
    result = call(operator.add, call(operator.mul, part, cos), call(operator.mul, swapped, sin))
    if turned == whole:
        return result
    return call(torch.cat, [result, call(torch.narrow, value, -1, turned, whole - turned)], dim=-1)


def _swapped(call: Call, value: fx.Node, size: int, interleaved: bool) -> fx.Node:
    """The partner of every unit in its pair, the first of a pair with the opposite sign."""
    if interleaved:
        pairs = call(torch.unflatten, value, -1, (size // 2, 2))
        first, second = (call(torch.select, pairs, -1, index) for index in (0, 1))
        return call(torch.flatten, call(torch.stack, [call(operator.neg, second), first], dim=-1), -2)
    first, second = (call(torch.narrow, value, -1, start, size // 2) for start in (0, size // 2))
    return call(torch.cat, [call(operator.neg, second), first], dim=-1)


def _frequencies(call: Call, args: Any, turned: int, value: fx.Node) -> fx.Node:
    device = call(getattr, value, "device")
    steps = call(torch.arange, 0, turned, 2, dtype=torch.float32, device=device)
    powers = call(torch.pow, args.theta, call(operator.truediv, steps, turned))
    if args.scaling == "longrope":
        powers = call(operator.mul, _long_factors(call, args, value), powers)
    frequencies = call(torch.reciprocal, powers)
    if args.scaling == "yarn":
        return _yarn(call, args, turned, frequencies)
    if args.scaling == "linear":
        return call(operator.truediv, frequencies, args.factor)
    return _llama3(call, args, frequencies) if args.scaling == "llama3" else frequencies


def _long_factors(call: Call, args: Any, value: fx.Node) -> fx.Node:
    """The factors for texts of the length that the value has."""
    device = call(getattr, value, "device")
    last = call(operator.getitem, numbers(call, value, 1), -1)
    longer = call(operator.ge, last, args.original_max_position_embeddings)
    tables = (list(factors) for factors in (args.long_factor, args.short_factor))
    long, short = (call(torch.tensor, table, dtype=torch.float32, device=device) for table in tables)
    return call(torch.where, longer, long, short)


def _yarn(call: Call, args: Any, turned: int, frequencies: fx.Node) -> fx.Node:
    """Fast turns stay, slow ones are divided by ``factor``, those between are mixed by their place in the list."""

    def place(turns: float) -> float:
        """Where in the list is the frequency that turns so often in the original length."""
        length = args.original_max_position_embeddings / (turns * 2 * math.pi)
        return turned * math.log(length) / (2 * math.log(args.theta))

    first, last = max(math.floor(place(args.beta_fast)), 0), min(math.ceil(place(args.beta_slow)), turned - 1)
    width = last - first or 0.001
    places = call(torch.arange, turned // 2, dtype=torch.float32, device=call(getattr, frequencies, "device"))
    share = call(torch.clamp, call(operator.truediv, call(operator.sub, places, first), width), 0, 1)
    kept = call(operator.mul, frequencies, call(operator.sub, 1, share))
    return call(operator.add, call(operator.mul, call(operator.truediv, frequencies, args.factor), share), kept)


def _llama3(call: Call, args: Any, frequencies: fx.Node) -> fx.Node:
    """Short waves stay, long ones are stretched by ``factor``, those between are mixed."""
    original, low, high = args.original_max_position_embeddings, args.low_freq_factor, args.high_freq_factor
    waves = call(operator.truediv, 2 * math.pi, frequencies)
    stretched = call(operator.truediv, frequencies, args.factor)
    shares = call(operator.truediv, call(operator.sub, call(operator.truediv, original, waves), low), high - low)
    rest = call(operator.sub, 1, shares)
    mixed = call(
        operator.add,
        call(operator.truediv, call(operator.mul, rest, frequencies), args.factor),
        call(operator.mul, shares, frequencies),
    )
    between = call(torch.where, call(operator.lt, waves, original / high), frequencies, mixed)
    return call(torch.where, call(operator.gt, waves, original / low), stretched, between)


def relative_buckets(call: Call, node: Node, inputs: Inputs) -> fx.Node:
    """``[rows, columns]`` numbers of the bucket that each distance falls in: near ones singly, far ones by ranges."""
    args: Any = node.args
    ahead = _distances(call, inputs[0], inputs[1], 1)
    count = args.num_buckets // 2 if args.bidirectional else args.num_buckets
    near = count // 2
    distance = call(torch.abs, ahead) if args.bidirectional else call(operator.neg, call(torch.clamp, ahead, max=0))
    ratio = call(operator.truediv, call("float", call(torch.clamp, distance, min=1)), near)
    share = call(operator.truediv, call(torch.log, ratio), math.log(args.max_distance / near))
    far = call("long", call(operator.mul, share, count - near))
    far = call(torch.clamp, call(operator.add, far, near), max=count - 1)
    buckets = call(torch.where, call(operator.lt, distance, near), distance, far)
    if not args.bidirectional:
        return buckets
    side = call(operator.mul, call("long", call(operator.gt, ahead, 0)), count)
    return call(operator.add, buckets, side)
