"""Net2DeeperNet (Chen, Goodfellow, Shlens 2016): an identity behind an idempotent activation (D-1 to D-5)."""

from __future__ import annotations

from ..identity import Identity, NoIdentity
from ..part import Part
from ..plan import Exactness
from ..recipe import Dirac
from .base import Deepening, statistics_advice

LEARNING_RATE = "Net2Net: train on at about 1/10 of the initial learning rate"


class Net2Net(Deepening):
    name = "net2net"
    using = "net2net"
    ids = "D-1 to D-6"
    paper = "Net2DeeperNet (Chen et al. 2016)"
    place = "behind a layer, with its norm and activation"
    kinds = "bitwise; eval-only with a batch norm; approximate with noise"
    condition = "the values that come in are fixed points of the activation (ReLU after ReLU); odd kernel; maxout"
    trainability = "rows of an identity differ, so their gradients do; no noise needed"

    def identity(self, part: Part) -> Identity:
        identity = part.solve(noise=part.noise)
        if identity.zeroed:
            raise NoIdentity(
                "`net2net` does not apply here: a residual block starts as the identity by a zero branch",
                "use `zero` or `r2r`",
            )
        return identity

    def exactness(self, identity: Identity, dropout: bool) -> Exactness:
        noisy = any(isinstance(start, Dirac) and start.noise for start in identity.starts.values())
        return "approximate" if noisy else super().exactness(identity, dropout)

    def why(self, identity: Identity) -> str:
        if identity.maxout:
            return "identity rows repeated for every piece, so that the largest of them is the value itself"
        if identity.eval_only:
            return "identity kernels, and batch norms whose scale undoes their statistics"
        return "identity kernels, behind an activation that leaves its own values alone"

    def advice(self, identity: Identity) -> tuple[str, ...]:
        told = (LEARNING_RATE, *statistics_advice(identity))
        if identity.maxout == "alike":
            told += ("the pieces of an inserted maxout without a bias are equal, and get equal gradients for ever",)
        return told
