"""A residual block whose branch ends in zero: gain, projection or gate (D-9)."""

from __future__ import annotations

from ...architecture.tree import Layer, Tree
from ..identity import Identity, NoIdentity
from ..part import Part
from ..plan import Exactness
from ..refusal import Refused
from .base import Deepening, blown_advice, places, statistics_advice
from .branch import residual, wide
from .copies import Run


class Zero(Deepening):
    name = "zero"
    using = "zero"
    ids = "D-9"
    paper = "zeroed residual branch"
    place = "a residual block, an element of a repeat of them, or behind a layer, where it adds the skip that it needs"
    kinds = "bitwise"
    condition = "the block keeps the shape; what follows its sum leaves the values that come in alone"
    trainability = "the zero scale or kernel learns from the first step, the rest of the branch from the second"

    sets_width = True

    def layers(self, run: Run) -> tuple[Tree, ...]:
        return residual(run, self.name, _opening)

    def identity(self, part: Part) -> Identity:
        identity = part.solve() if any(len(node.inputs) > 1 for node in part.nodes) else None
        if identity is None or not identity.zeroed:
            raise NoIdentity(
                "`zero` does not apply here: there is no residual sum whose branch could be zero",
                "name a layer inside it, behind which `zero` adds a branch; or use `net2net` or `netmorph`",
            )
        return identity

    def exactness(self, identity: Identity, dropout: bool) -> Exactness:
        return super().exactness(identity, False)

    def why(self, identity: Identity) -> str:
        rest = "; all else is a copy of the block before it" if identity.copied else ""
        return f"the branch ends in zero at {places(identity.zeroed)}, so the sum passes its input on{rest}"

    def advice(self, identity: Identity) -> tuple[str, ...]:
        return (*statistics_advice(identity), *blown_advice(identity))


def _opening(layer: Layer, width: int | None, pieces: int) -> Layer:
    """The first layer of a branch behind a layer; its units are free, but come in groups and pieces."""
    if width is None:
        return layer
    unit = pieces * int(getattr(layer.args, "groups", 1))
    if width % unit:
        near = -(-width // unit) * unit
        raise Refused("F323", f"{width} units do not divide into {unit} groups or pieces", f"use `to {near}`")
    return wide(layer, width)
