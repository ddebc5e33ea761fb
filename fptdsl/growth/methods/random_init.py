"""Fresh initialisation of all that a widening touches: the baseline of the Net2Net paper (D-13)."""

from __future__ import annotations

import numpy as np

from ..facts import Facts
from ..plan import Exactness
from ..random import Stream
from ..recipe import Table
from .base import Illegal, Method, Options


class RandomInit(Method):
    name = "random_init"
    paper = "random initialisation (baseline of Chen et al. 2016)"
    trainability = "everything learns; what these layers had learnt is lost"

    def illegal(self, facts: Facts, new: int, options: Options) -> Illegal | None:
        return None

    def table(self, facts: Facts, name: str, new: int, options: Options, stream: Stream) -> Table:
        """All units are new."""
        old = facts.space.size
        units = np.arange(new)
        return Table(name, old, new, old + units, units % old, self.name, reader="fresh")

    def exactness(self, facts: Facts, options: Options) -> Exactness:
        return "baseline"

    def why(self, facts: Facts, options: Options) -> str:
        return "all tensors that hold these units are freshly initialised: a baseline that does not keep the function"
