"""Residual sums of unequal shapes: what differs, and the shortcut that would fit."""

from __future__ import annotations

from .graph import Node
from .ops.axes import shown
from .ops.base import OpFault


def sum_fault(node: Node) -> None:
    """Refuse a residual sum (body, shortcut) of unequal shapes, with the shortcut that would fit."""
    body, shortcut = node.inputs
    if body.shape == shortcut.shape:
        return
    place = node.name.partition(" (")[0] or node.name
    message = f"`{place}`: the residual sum adds {shown(body.shape)} (body) and {shown(shortcut.shape)} (shortcut)"
    raise OpFault("F240", message, _remedy(body.shape, shortcut.shape))


def _remedy(body: tuple[int, ...], shortcut: tuple[int, ...]) -> str | None:
    if len(body) != 3 or len(shortcut) != 3:
        return "make both sides equal; without a `shortcut` block the other side is the value that came in"
    stride = -(-shortcut[1] // body[1])
    fits = all(-(-old // stride) == new for old, new in zip(shortcut[1:], body[1:], strict=True))
    if not fits:
        return "the heights and widths must be equal too: look at `stride` and `padding` of both sides"
    steps = [f"`subsample2d({stride})`"] if stride > 1 else []
    missing = body[0] - shortcut[0]
    if missing > 0:
        steps.append(f"`pad_channels({missing // 2}, {missing - missing // 2})`")
    strided = f", stride={stride}" if stride > 1 else ""
    projection = f"`downsample: conv2d({body[0]}, 1{strided})`"
    if missing < 0:
        return f"give the shortcut {projection}"
    return f"give the shortcut {' and '.join(steps)}, or {projection}"
