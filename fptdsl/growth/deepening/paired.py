"""Paired identity: ``f(x) - f(-x) = c x`` for GELU, SiLU and their kin (D-7, an own derivation)."""

from __future__ import annotations

from ..identity import Identity, NoIdentity
from ..part import Part
from ..plan import Exactness
from .base import Deepening, statistics_advice


class Paired(Deepening):
    name = "netmorph"
    using = "netmorph(activation=paired)"
    ids = "D-7"
    paper = "own derivation, not from the papers"
    place = "behind a layer, whatever comes in"
    kinds = "exact; eval-only with a batch norm; approximate for softplus"
    condition = (
        "f(x) - f(-x) = c x (ReLU, LeakyReLU, GELU, SiLU, Hardswish, Softplus); only layers with a kernel read "
        "the new units"
    )
    trainability = "everything learns from the first step; twice the width"

    def identity(self, part: Part) -> Identity:
        identity = part.solve(mirrored=True)
        if identity.zeroed:
            raise NoIdentity("a residual block starts as the identity by a zero branch", "use `zero` or `r2r`")
        if not identity.mirrors:
            raise NoIdentity(
                "no activation follows the layer, so there is nothing to take in pairs", "use `netmorph` or `net2net`"
            )
        return identity

    def exactness(self, identity: Identity, dropout: bool) -> Exactness:
        if any(mirror.activation.op == "softplus" for mirror in identity.mirrors):
            return "approximate"
        return "eval-only" if identity.eval_only or dropout else "exact"

    def why(self, identity: Identity) -> str:
        names = ", ".join(dict.fromkeys(mirror.activation.op for mirror in identity.mirrors))
        return f"units come as x and -x, and readers take the difference of {names} (own derivation)"

    def advice(self, identity: Identity) -> tuple[str, ...]:
        told = statistics_advice(identity)
        if any(mirror.activation.op == "softplus" for mirror in identity.mirrors):
            told += ("torch cuts softplus off above its threshold: the pair is off by up to 2e-9 there",)
        return told
