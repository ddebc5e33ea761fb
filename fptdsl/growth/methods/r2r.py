"""R2WiderR (Painter 2024): new units come in equal pairs that readers take with opposite signs (W-3)."""

from __future__ import annotations

from math import sqrt

import numpy as np

from ...architecture.activations import ACTIVATIONS
from ...architecture.ops import OPERATIONS
from ..facts import Facts
from ..plan import Exactness
from ..random import Stream
from ..recipe import Floats, Table
from .base import Illegal, Method, Options, donors, illegal_for_new_classes

WARNED, CLIFF = 2.0, 10.0
"""Scales of fresh values above which digits are lost, and from which too many (W-3)."""

HOMOGENEOUS = {
    "relu", "leaky_relu", "prelu", "identity", "parametric", "maxout", "flatten", "dropout", "dropout2d",
    "subsample2d", "pad_channels", "upsample", "add", "concat", "maxpool1d", "maxpool2d", "avgpool1d", "avgpool2d",
    "adaptive_avgpool2d", "adaptive_maxpool2d", "global_avgpool", "global_maxpool", "permute", "transpose", "scale",
    "embedding", "class_token", "position_table", "select",
}  # fmt: skip


class R2R(Method):
    name = "r2r"
    paper = "R2R (Painter 2024)"
    trainability = "all new parameters learn from the first step, and twins part at once"

    def illegal(self, facts: Facts, new: int, options: Options) -> Illegal | None:
        scale = float(options.get("scale", 1.0))
        if scale >= CLIFF:
            return Illegal(
                f"fresh values of {scale:g} times the local standard deviation cancel to rounding errors of more than "
                "a thousandth in float32",
                f"use a scale below {CLIFF:g}; above {WARNED:g} it costs digits",
            )
        if options.get("transfer") and (facts.grouped or _recurrent(facts)):
            return Illegal(
                "`transfer=true` scales units, and a grouped or recurrent layer reads its own ones",
                "leave `transfer` out",
            )
        if options.get("transfer") and facts.first("heads") is not None:
            return Illegal(
                "`transfer=true` scales units, and the shares of attention do not scale with the queries",
                "leave `transfer` out",
            )
        if not facts.readers and not facts.grouped:
            return Illegal("no layer reads these units through a kernel, so pairs cannot cancel")
        return illegal_for_new_classes(facts)

    def table(self, facts: Facts, name: str, new: int, options: Options, stream: Stream) -> Table:
        """Pairs, and one class of three when the number of new units is odd; a single new unit is read with zero."""
        old, extra = facts.space.size, new - facts.space.size
        pairs = max(extra // 2, 1)
        added = old + np.minimum(np.arange(extra) // 2, pairs - 1)
        multiples = _multiples(old, extra) if options.get("transfer") else None
        return Table(
            name,
            old,
            new,
            np.concatenate([np.arange(old), added]),
            donors(pairs, old, stream),
            self.name,
            reader="pair" if extra > 1 else "zero",
            scale=float(options.get("scale", 1.0)),
            signs=multiples,
            coefficients=None if multiples is None else 1.0 / multiples,
        )

    def exactness(self, facts: Facts, options: Options) -> Exactness:
        if options.get("transfer") and not _homogeneous(facts):
            return "approximate"
        return "eval-only" if "dropout" in facts.kinds() else "exact"

    def why(self, facts: Facts, options: Options) -> str:
        words = "new units come in pairs that cancel in every reader"
        return f"{words}; old ones are scaled up, and down again in readers" if options.get("transfer") else words

    def advice(self, facts: Facts, options: Options) -> tuple[str, ...]:
        told = []
        if float(options.get("scale", 1.0)) > WARNED:
            told.append("fresh values above twice the local standard deviation cost digits by cancellation")
        if options.get("transfer") and not _homogeneous(facts):
            told.append(
                "`transfer=true` keeps the function only where everything between scales with its input (ReLU, "
                "pooling), and no norm is there: here it changes it"
            )
        return tuple(told)


def _multiples(old: int, extra: int) -> Floats:
    """Old writers times ``a = sqrt(new / old)``, and old readers by it, for the fan-in that readers get (W-8)."""
    return np.repeat([sqrt((old + extra) / old), 1.0], (old, extra))


def _homogeneous(facts: Facts) -> bool:
    """Whether all that the units go through gives ``a f(x)`` for ``a x``, ``a > 0``."""
    if not all(op in HOMOGENEOUS or OPERATIONS[op].affine == "map" for op in facts.ops):
        return False
    functions = [event.detail for event in facts.events if event.kind == "pointwise" and event.detail in ACTIVATIONS]
    return all(ACTIVATIONS[name].homogeneous for name in functions)


def _recurrent(facts: Facts) -> bool:
    """Whether one tensor both writes and reads the units."""
    roles: dict[str, set[str]] = {}
    for tensor, role in facts.tensors:
        roles.setdefault(tensor.name, set()).add(role)
    return any({"writes", "reads"} <= found for found in roles.values())
