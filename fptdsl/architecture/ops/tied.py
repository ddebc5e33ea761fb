"""``tied_linear``: the table of an embedding as the kernel of the output layer (Press, Wolf 2017, arXiv 1608.05859)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod as product

from ..arguments import Args
from ..graph import Value
from ..terms import resolve, size, spaces
from .axes import floating
from .base import Lowering, Operation


class TiedLinearArgs(Args):
    """``to``: the layer whose weight is used, by its name seen from here (``"model.embed_tokens"``)."""

    to: str


class TiedLinear(Operation):
    """``[..., units] -> [..., rows]`` with the ``weight [rows, units]`` of an embedding or linear layer, no bias."""

    name = "tied_linear"
    Args = TiedLinearArgs

    @classmethod
    def lower(cls, at: Lowering, args: TiedLinearArgs, inputs: Sequence[Value]) -> Value:
        value = floating(cls, inputs[0])
        *others, units = value.axes
        # The site gives the tensor of the layer that `to` names, and ties its axes to these.
        weight = at.shared("weight")
        rows, columns = weight.axes
        at.unify(columns, units)
        if any(leaf.frozen is None for leaf in spaces(units)):
            at.event("tied", units)
        at.work(product(map(size, others)) * size(units) * size(rows))
        return Value((*others, resolve(rows)))
