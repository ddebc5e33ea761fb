"""R2DeeperR (Painter 2024): a residual branch of two or more layers whose last reads units that cancel (D-8)."""

from __future__ import annotations

from ...architecture.tree import Layer, Tree
from ..identity import Identity, NoIdentity
from ..part import Part
from ..plan import Exactness
from ..refusal import Refused
from .base import Deepening, places
from .branch import residual, units, wide
from .copies import Run

LEARNING_RATE = "R2R: train on at about 1/5 of the initial learning rate, with more weight decay"


class R2R(Deepening):
    name = "r2r"
    using = "r2r"
    ids = "D-8"
    paper = "R2R (Painter 2024)"
    place = "a residual block, or behind a layer, where it adds the skip that it needs"
    kinds = "exact; eval-only where the branch ends in a batch norm"
    condition = (
        "two layers in the branch; what ends it keeps zero and is no norm of its input's own size; what follows the "
        "sum leaves the input alone"
    )
    trainability = "all parameters learn from the first step, and twins part at once"
    sets_width = True

    def layers(self, run: Run) -> tuple[Tree, ...]:
        return residual(run, self.name, _paired)

    def identity(self, part: Part) -> Identity:
        identity = part.solve_by_pairs()
        if not identity.twins:
            raise NoIdentity("there is no residual sum whose branch could vanish", "use `net2net` or `netmorph`")
        return identity

    def exactness(self, identity: Identity, dropout: bool) -> Exactness:
        return "eval-only" if identity.eval_only or dropout else "exact"

    def why(self, identity: Identity) -> str:
        return f"the branch cancels at {places(identity.cancelled)}, which reads pairs with opposite signs"

    def advice(self, identity: Identity) -> tuple[str, ...]:
        told: tuple[str, ...] = (LEARNING_RATE,)
        if identity.eval_only:
            told += (
                "the branch ends in a batch norm, which divides rounding by the root of its eps in training and makes "
                "its first gradients large; `zero` does not",
            )
        return told


def _paired(layer: Layer, width: int | None, pieces: int) -> Layer:
    """The layer with units that can come in pairs: two or more in each group, and all pieces of each."""
    groups: int = getattr(layer.args, "groups", 1)
    least = 2 * groups * pieces
    if width is None:
        return wide(layer, max(units(layer), least))
    if width % (groups * pieces) or width < (least if groups > 1 or pieces > 1 else 1):
        what = f"{groups} groups" if groups > 1 else f"{pieces} pieces"
        near = max(-(-width // (groups * pieces)) * groups * pieces, least)
        raise Refused("F323", f"{width} units are not pairs of units in {what}", f"use `to {near}`")
    return wide(layer, max(2, width))
