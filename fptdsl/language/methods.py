"""The methods of growth as they are written: their names, the directives they serve, their options.

The models say which options exist and which values they take; what a method does is growth's.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["widen", "deepen", "enlarge", "branch"]


class Options(BaseModel):
    """Base of the options of a method; frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class NoOptions(Options):
    """For methods that take none."""


Noise = Annotated[float, Field(ge=0, le=1)]
"""Standard deviation of the noise on copies, in units of the layer's own standard deviation (W-7)."""


class Net2NetWiden(Options):
    """How readers share a weight among copies (W-1, W-2)."""

    split: Literal["element", "equal", "scalar", "projection"] = "element"
    noise: Noise = 0.0


class Net2NetDeepen(Options):
    """Where the statistics of an inserted batch norm come from (D-4)."""

    bn: Literal["auto", "data", "gauss", "unit"] = "auto"
    noise: Noise = 0.0


class NetMorphWiden(Options):
    """Which side of new units is zero (W-4)."""

    zero: Literal["auto", "out", "in"] = "auto"


class NetMorphDeepen(Options):
    """``parametric``: an activation that starts as the identity (D-11); ``paired``: D-7; ``factor``: D-10.

    ``kernel`` is that of the first factor of a convolution; left out: 1, or the whole where 1 does not do.
    """

    activation: Literal["parametric", "paired"] = "parametric"
    factor: bool = False
    kernel: Annotated[int, Field(ge=1, le=1024)] | None = None


class ZeroDeepen(Options):
    """``copies``: all of a new block but what is zero is a copy of the block that it is like, not fresh (D-9)."""

    copies: bool = False


class R2RWiden(Options):
    """``scale``: of new weights, in units of the layer's standard deviation (W-3); ``transfer``: W-8."""

    scale: Annotated[float, Field(gt=0, lt=1000)] = 1.0
    transfer: bool = False


class RescaleOptions(Options):
    """``copies``: new units of the stream are scaled copies, not zeros, as far as its norms allow (N-5, N-6)."""

    copies: bool = False


METHODS: dict[str, dict[Kind, type[Options]]] = {
    "net2net": {"widen": Net2NetWiden, "deepen": Net2NetDeepen},
    "netmorph": {"widen": NetMorphWiden, "deepen": NetMorphDeepen},
    "r2r": {"widen": R2RWiden, "deepen": NoOptions},
    "zero": {"deepen": ZeroDeepen},
    "rescale": {"widen": RescaleOptions},
    "random_pad": {"widen": NoOptions, "deepen": NoOptions},
    "random_init": {"widen": NoOptions, "deepen": NoOptions},
}
"""By name, then by the kind of directive; in the order of the language reference."""
