"""Random padding: the baseline of the Net2Net paper, which does not keep the function (W-6)."""

from __future__ import annotations

from ..facts import Facts
from ..plan import Exactness
from ..random import Stream
from ..recipe import Table
from .base import Illegal, Method, Options, donors, numbers


class RandomPad(Method):
    name = "random_pad"
    paper = "random padding (baseline of Chen et al. 2016)"
    trainability = "everything learns; the function is lost"

    def illegal(self, facts: Facts, new: int, options: Options) -> Illegal | None:
        return None

    def table(self, facts: Facts, name: str, new: int, options: Options, stream: Stream) -> Table:
        old = facts.space.size
        return Table(
            name,
            old,
            new,
            numbers(new),
            donors(new - old, old, stream),
            self.name,
            reader="fresh",
        )

    def exactness(self, facts: Facts, options: Options) -> Exactness:
        return "baseline"

    def why(self, facts: Facts, options: Options) -> str:
        return "new rows and columns are random: a baseline that does not keep the function"
