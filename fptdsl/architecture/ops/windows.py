"""Sizes of what slides over an axis: convolutions, transposed convolutions, pools (torch's formulas)."""

from __future__ import annotations


def extent(kernel: int, dilation: int) -> int:
    """Positions from the first to the last tap of a dilated kernel."""
    return dilation * (kernel - 1) + 1


def convolved(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Output size of a convolution with ``padding`` on both sides; below 1 where the kernel does not fit."""
    return (size + 2 * padding - extent(kernel, dilation)) // stride + 1


def transposed(size: int, kernel: int, stride: int, padding: int, output_padding: int, dilation: int) -> int:
    """Output size of a transposed convolution."""
    return (size - 1) * stride - 2 * padding + extent(kernel, dilation) + output_padding


def pooled(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """Output size of a pool; with ``ceil_mode`` a last window may hang over, but not start in the padding."""
    slack = stride - 1 if ceil_mode else 0
    count = (size + 2 * padding - extent(kernel, dilation) + slack) // stride + 1
    if ceil_mode and (count - 1) * stride >= size + padding:
        count -= 1
    return count
