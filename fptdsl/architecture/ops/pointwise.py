"""Pointwise activations.  What each is as a function is in ``architecture/activations.py``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import model_validator

from ..activations import ACTIVATIONS
from ..arguments import Args
from ..graph import Value
from ..terms import UNIT, size
from .axes import announce, floating
from .base import Lowering, Operation, OpFault
from .fields import Number, Size, fault


class LeakyReluArgs(Args):
    negative_slope: Number = 0.01


class EluArgs(Args):
    alpha: Number = 1.0


class SoftplusArgs(Args):
    beta: Number = 1.0
    threshold: Number = 20.0

    @model_validator(mode="after")
    def _together(self) -> SoftplusArgs:
        if self.beta <= 0:
            raise fault("beta must be above 0")
        return self


class GeluArgs(Args):
    approximate: Literal["none", "tanh"] = "none"


class HardtanhArgs(Args):
    min_val: Number = -1.0
    max_val: Number = 1.0

    @model_validator(mode="after")
    def _together(self) -> HardtanhArgs:
        if self.min_val >= self.max_val:
            raise fault(f"min_val ({self.min_val}) must be below max_val ({self.max_val})")
        return self


class PReluArgs(Args):
    """``num_parameters``: 1, one slope for all, or the number of channels."""

    num_parameters: Size = 1
    init: Number = 0.25


class Pointwise(Operation):
    """The same function on every value: equal units stay equal."""

    @classmethod
    def lower(cls, at: Lowering, args: Any, inputs: Sequence[Value]) -> Value:
        value = floating(cls, inputs[0])
        announce(at, "pointwise", value.axes, cls.name)
        return Value(value.axes)


class PRelu(Pointwise):
    """Pointwise: max(x, 0) + weight * min(x, 0); ``weight [num_parameters]``, a slope per channel or one for all."""

    name = "prelu"
    Args = PReluArgs
    has_parameters = True
    keeps_zero = True
    activation = "prelu"

    @classmethod
    def lower(cls, at: Lowering, args: PReluArgs, inputs: Sequence[Value]) -> Value:
        channels = inputs[0].axes[0]
        if args.num_parameters == 1:
            at.tensor("weight", (UNIT,), ("fixed",), "slope")
        elif args.num_parameters == size(channels):
            at.tensor("weight", (channels,), ("follows",), "slope")
            at.sets("num_parameters", channels)
        else:
            raise OpFault(
                "F252",
                f"`prelu` has num_parameters={args.num_parameters} and {size(channels)} channels come in",
                f"use 1 (one slope for all) or {size(channels)}",
            )
        return super().lower(at, args, inputs)


ARGUMENTS: dict[str, type[Args]] = {
    "leaky_relu": LeakyReluArgs,
    "elu": EluArgs,
    "softplus": SoftplusArgs,
    "gelu": GeluArgs,
    "hardtanh": HardtanhArgs,
}


_FORMULAS: dict[str, str] = {
    "identity": "x",
    "relu": "max(x, 0)",
    "relu6": "min(max(x, 0), 6)",
    "hardtanh": "min(max(x, min_val), max_val)",
    "leaky_relu": "max(x, 0) + negative_slope * min(x, 0)",
    "elu": "max(x, 0) + min(alpha * (exp(x) - 1), 0)",
    "selu": "1.0507 * (max(x, 0) + min(1.6733 * (exp(x) - 1), 0))",
    "mish": "x * tanh(log(1 + exp(x)))",
    "gelu": "x times the normal distribution function of x",
    "silu": "x * sigmoid(x)",
    "hardswish": "x * min(max(x + 3, 0), 6) / 6",
    "softplus": "log(1 + exp(beta * x)) / beta",
    "tanh": "tanh(x)",
    "sigmoid": "1 / (1 + exp(-x))",
    "hardsigmoid": "min(max(x + 3, 0), 6) / 6",
}


def _declare(name: str) -> type[Operation]:
    attributes = {
        "__doc__": f"Pointwise: {_FORMULAS[name]}.",
        "__module__": __name__,
        "name": name,
        "Args": ARGUMENTS.get(name, Args),
        "activation": name,
        "keeps_zero": ACTIVATIONS[name].zero_at_zero,
        "keeps_range": name == "identity",
    }
    return type("".join(part.capitalize() for part in name.split("_")), (Pointwise,), attributes)


POINTWISE: tuple[type[Operation], ...] = (PRelu, *(_declare(name) for name in ACTIVATIONS if name != "prelu"))
