"""``parametric``: an activation that starts as the identity (Network Morphism, ``docs/maths.md`` D-11)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import model_validator

from ..activations import ACTIVATIONS
from ..arguments import Args
from ..graph import Value
from ..terms import UNIT
from .axes import announce, floating
from .base import Lowering
from .fields import Number, fault
from .pointwise import ARGUMENTS, Pointwise

INNER = tuple(name for name in ACTIVATIONS if name not in ("identity", "prelu"))


class ParametricArgs(Args):
    """``init``: the parameter of a new layer; the others are those of the activation, none: its defaults."""

    activation: str
    init: Number = 1.0
    negative_slope: Number | None = None
    alpha: Number | None = None
    beta: Number | None = None
    threshold: Number | None = None
    approximate: Literal["none", "tanh"] | None = None
    min_val: Number | None = None
    max_val: Number | None = None

    @model_validator(mode="after")
    def _together(self) -> ParametricArgs:
        if self.activation not in INNER:
            raise fault(f"activation should be one of {', '.join(INNER)}")
        known = ARGUMENTS.get(self.activation, Args).model_fields
        for name in self.given():
            if name not in known:
                raise fault(f"{self.activation} has no argument {name}")
        self.inner()
        return self

    def given(self) -> dict[str, Any]:
        """The arguments of the activation that are not left to it."""
        own = ("activation", "init")
        return {n: getattr(self, n) for n in type(self).model_fields if n not in own and getattr(self, n) is not None}

    def inner(self) -> Args:
        """The arguments of the activation."""
        return ARGUMENTS.get(self.activation, Args).model_validate(self.given())


class Parametric(Pointwise):
    """Pointwise: (1 - weight) * f(x) + weight * x; ``weight [1]`` starts at 1, where it is the identity."""

    name = "parametric"
    Args = ParametricArgs
    has_parameters = True
    activation = "parametric"

    @classmethod
    def lower(cls, at: Lowering, args: ParametricArgs, inputs: Sequence[Value]) -> Value:
        value = floating(cls, inputs[0])
        at.tensor("weight", (UNIT,), ("fixed",), "slope")
        # Of zero, of scales and of pairs it makes what its activation makes.
        announce(at, "pointwise", value.axes, args.activation)
        return Value(value.axes)
