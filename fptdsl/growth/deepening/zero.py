"""A residual block whose branch ends in zero: gain, projection or gate (D-9)."""

from __future__ import annotations

from ..identity import Identity, NoIdentity
from ..part import Part
from ..plan import Exactness
from .base import Deepening, blown_advice, places, statistics_advice


class Zero(Deepening):
    name = "zero"
    using = "zero"
    ids = "D-9"
    paper = "zeroed residual branch"
    place = "a residual block, or an element of a repeat of them"
    kinds = "bitwise"
    condition = "the block keeps the shape; what follows its sum leaves the values that come in alone"
    trainability = "the zero scale or kernel learns from the first step, the rest of the branch from the second"

    def identity(self, part: Part) -> Identity:
        identity = part.solve() if any(len(node.inputs) > 1 for node in part.nodes) else None
        if identity is None or not identity.zeroed:
            raise NoIdentity(
                "`zero` does not apply here: there is no residual sum whose branch could be zero",
                "use `net2net`, `netmorph` or `r2r`",
            )
        return identity

    def exactness(self, identity: Identity, dropout: bool) -> Exactness:
        return super().exactness(identity, False)

    def why(self, identity: Identity) -> str:
        return f"the branch ends in zero at {places(identity.zeroed)}, so the sum passes its input on"

    def advice(self, identity: Identity) -> tuple[str, ...]:
        return (*statistics_advice(identity), *blown_advice(identity))
