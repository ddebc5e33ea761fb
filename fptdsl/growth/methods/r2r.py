"""R2WiderR (Painter 2024): new units come in equal pairs that readers take with opposite signs (W-3)."""

from __future__ import annotations

from ..facts import Facts
from ..plan import Exactness
from ..random import Stream
from ..recipe import Table
from .base import Illegal, Method, Options, donors, illegal_for_new_classes


class R2R(Method):
    name = "r2r"
    paper = "R2R (Painter 2024)"
    trainability = "all new parameters learn from the first step, and twins part at once"

    def illegal(self, facts: Facts, new: int, options: Options) -> Illegal | None:
        if options.get("transfer"):
            return Illegal("`transfer=true` is not available in this version", "leave it out")
        if not facts.readers and not facts.grouped:
            return Illegal("no layer reads these units through a kernel, so pairs cannot cancel")
        return illegal_for_new_classes(facts)

    def table(self, facts: Facts, name: str, new: int, options: Options, stream: Stream) -> Table:
        """Pairs, and one class of three when the number of new units is odd; a single new unit is read with zero."""
        old, extra = facts.space.size, new - facts.space.size
        pairs = max(extra // 2, 1)
        classes = [old + min(unit // 2, pairs - 1) for unit in range(extra)]
        return Table(
            name,
            old,
            new,
            (*range(old), *classes),
            donors(pairs, old, stream),
            self.name,
            reader="pair" if extra > 1 else "zero",
            scale=float(options.get("scale", 1.0)),
        )

    def exactness(self, facts: Facts, options: Options) -> Exactness:
        return "eval-only" if "dropout" in facts.kinds() else "exact"

    def why(self, facts: Facts, options: Options) -> str:
        return "new units come in pairs that cancel in every reader"

    def advice(self, facts: Facts, options: Options) -> tuple[str, ...]:
        if float(options.get("scale", 1.0)) > 2.0:
            return ("fresh values above twice the local standard deviation cost digits by cancellation",)
        return ()
