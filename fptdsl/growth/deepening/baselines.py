"""Baselines of the Net2Net paper in depth: random layers, which do not keep the function (D-13)."""

from __future__ import annotations

from ..identity import Identity
from ..part import Part
from ..plan import Exactness
from .base import Deepening


class _Random(Deepening):
    ids = "D-13"
    paper = "baseline of Chen et al. 2016"
    place = "anywhere that new layers fit"
    kinds = "baseline"
    condition = "shapes"
    trainability = "everything learns; the function is lost"
    standard = False

    def identity(self, part: Part) -> Identity:
        found = Identity()
        for node in part.nodes:
            for suffix, tensor in node.tensors.items():
                if node.reused is None:
                    found.starts[tensor.name] = part.free(node, suffix, standard=self.standard)
        return found

    def exactness(self, identity: Identity, dropout: bool) -> Exactness:
        return "baseline"

    def advice(self, identity: Identity) -> tuple[str, ...]:
        return ()


class RandomPad(_Random):
    name = "random_pad"
    using = "random_pad"

    def why(self, identity: Identity) -> str:
        return "new layers are random, in the sizes of the layers that they are like: a baseline"


class RandomInit(_Random):
    name = "random_init"
    using = "random_init"
    standard = True

    def why(self, identity: Identity) -> str:
        return "new layers are freshly initialised: a baseline that does not keep the function"
