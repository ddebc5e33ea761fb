"""Stream rescaling (Gesmundo, Maile 2023; Wang et al. 2023): a normalised stream of any larger size (T-7 to T-9)."""

from __future__ import annotations

from math import sqrt

from ..facts import Facts
from ..plan import Exactness
from ..random import Stream
from ..recipe import Table
from ..stream import NoRescale, analyse
from .base import Illegal, Method, Options, donors, numbers


class Rescale(Method):
    """Every writer of the stream times ``sqrt(new / old)``, norms behind it divided by that; eps stays.

    New units of the stream are zero under RMSNorm and the mean of the others under LayerNorm, and are zero behind
    the norms, so that what reads them is free.
    """

    name = "rescale"
    paper = "stream rescaling (Gesmundo, Maile 2023)"
    trainability = "what writes the new units learns from the first step, what reads them from the second"

    def illegal(self, facts: Facts, new: int, options: Options) -> Illegal | None:
        if facts.graph is None or facts.first("mean") is None:
            return Illegal("no layer norm or RMSNorm stands over these units")
        try:
            analyse(facts.graph, facts.space)
        except NoRescale as reason:
            return Illegal(str(reason), reason.hint)
        return None

    def table(self, facts: Facts, name: str, new: int, options: Options, stream: Stream) -> Table:
        assert facts.graph is not None
        found = analyse(facts.graph, facts.space)
        old = facts.space.size
        return Table(
            name,
            old,
            new,
            numbers(new),
            donors(new - old, old, stream),
            self.name,
            writer=found.kind,
            reader="fresh",
            factors=tuple((tensor, sqrt(new / old) ** power) for tensor, power in found.powers.items() if power),
            norms=tuple(sorted(found.norms)),
        )

    def exactness(self, facts: Facts, options: Options) -> Exactness:
        """Zero stays zero behind a mask; a mean of masked units is not the masked mean."""
        assert facts.graph is not None
        means = "dropout" in facts.kinds() and analyse(facts.graph, facts.space).kind == "mean"
        return "eval-only" if means else "exact"

    def why(self, facts: Facts, options: Options) -> str:
        assert facts.graph is not None
        kind = analyse(facts.graph, facts.space).kind
        new = "zero" if kind == "zero" else "the mean of the old ones"
        return f"the stream is rescaled so that its norms see what they saw; its new units are {new}"
