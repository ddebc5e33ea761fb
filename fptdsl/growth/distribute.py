"""Giving a term a new size: which Spaces of a product or concatenation take the new units."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from math import gcd

from ..architecture.graph import Graph, Region
from ..architecture.terms import Cat, Prod, Space, Term, resolve, spaces

ROUNDED = 64
"""How many sizes above the one asked for are tried."""


class Indivisible(Exception):
    """The size asked for cannot be divided as the term demands."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class Contradiction(Exception):
    """All Spaces of the term have a size already."""


class Sizes:
    """New sizes of Spaces; a Space not in ``new`` keeps its size."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.new: dict[Space, int] = {}

    def size(self, term: Term) -> int:
        """The size of a term with the new sizes so far."""
        term = resolve(term)
        if isinstance(term, Space):
            return self.new.get(term, term.size)
        if isinstance(term, Cat):
            return sum(map(self.size, term.parts))
        total = 1
        for factor in term.factors:
            total *= self.size(factor)
        return total

    def grow(self, term: Term, wanted: int, region: Region | None, *, inner: bool = False) -> None:
        """Make ``term`` ``wanted`` units large; the new units go to Spaces of ``region`` where there is a choice.

        ``inner``: into each group of a product, where that divides.
        Raises Indivisible or Contradiction; nothing is changed then.
        """
        taken = dict(self.new)
        try:
            self._grow(resolve(term), wanted, region, inner)
        except (Indivisible, Contradiction):
            self.new = taken
            raise

    def grow_at_least(self, term: Term, wanted: int, region: Region | None, *, inner: bool = False) -> None:
        """Make ``term`` ``wanted`` units large, or a little larger: whole groups, and heads of the size that they have.

        Raises Indivisible or Contradiction; nothing is changed then.
        """
        taken, term = dict(self.new), resolve(term)
        heads = {leaf for leaf in spaces(term) if leaf in self.inside_heads and self._beside_free(leaf, term)}
        try:
            self.grow(term, wanted, region, inner=inner)
            if not heads & (self.new.keys() - taken.keys()):
                return
            fault: Indivisible | None = None
        except Indivisible as indivisible:
            fault = indivisible
        self.new = dict(taken)
        step = self._step(term, region)
        for size in range(-(-wanted // step) * step, wanted + ROUNDED * step, step):
            try:
                self.grow(term, size, region, inner=inner)
            except Indivisible:
                continue
            if not heads & (self.new.keys() - taken.keys()):
                return
            self.new = dict(taken)
        raise fault or Indivisible("its heads would have to grow, not their number")

    @cached_property
    def inside_heads(self) -> set[Space]:
        """The units of one head."""
        return {leaf for node in self.graph.nodes if node.op == "split_heads" for leaf in spaces(node.output.axes[-1])}

    def _beside_free(self, inner: Space, term: Term) -> bool:
        """Whether something else of a product can grow in place of the units of one head."""
        return any(leaf is not inner and leaf not in self.inside_heads and self._free(leaf) for leaf in spaces(term))

    def _step(self, term: Term, region: Region | None) -> int:
        """The units of which a term takes whole multiples, as far as its parts do not share any."""
        if isinstance(term, Cat):
            return gcd(*(self._quantum(part) * n for part, n in Counter(self._takers(term, region)).items())) or 1
        return self._quantum(term)

    def _grow(self, term: Term, wanted: int, region: Region | None, inner: bool = False) -> None:
        current = self.size(term)
        if wanted == current:
            return
        if isinstance(term, Space):
            if term.frozen is not None:
                raise Contradiction(f"its units cannot grow ({term.frozen})")
            if term in self.new:
                raise Contradiction(f"the units that it shares are {self.new[term]} wide already")
            self.new[term] = wanted
        elif isinstance(term, Prod):
            self._grow_product(term, wanted, region, inner)
        else:
            self._grow_concatenation(term, wanted, region)

    def _grow_product(self, term: Prod, wanted: int, region: Region | None, inner: bool) -> None:
        """The outermost factor that divides: whole groups first, then the size of each group (G-5)."""
        current = self.size(term)
        steps = []
        for factor in reversed(term.factors) if inner else term.factors:
            others = current // self.size(factor)
            if not self._free(factor):
                continue
            steps.append(others)
            if wanted % others == 0:
                self._grow(resolve(factor), wanted // others, region)
                return
        if not steps:
            raise Contradiction("its groups have a size already, or cannot grow")
        shape = " x ".join(str(self.size(factor)) for factor in term.factors)
        near = -(-wanted // min(steps)) * min(steps)
        raise Indivisible(
            f"its units are {shape} (groups), so they grow by multiples of {' or '.join(map(str, sorted(set(steps))))}",
            hint=f"the nearest width that divides is {near}",
        )

    def _grow_concatenation(self, term: Cat, wanted: int, region: Region | None) -> None:
        extra = wanted - self.size(term)
        takers = Counter(self._takers(term, region))
        if not takers:
            raise Contradiction("all its parts have a size already, or cannot grow")
        # A part that occurs several times grows at every place.
        quanta = [self._quantum(part) * times for part, times in takers.items()]
        total = sum(self.size(part) * times for part, times in takers.items())
        shares = [extra * self.size(part) * n // total // q * q for (part, n), q in zip(takers.items(), quanta)]
        left = extra - sum(shares)
        # What does not divide goes to the last parts: padding may be unequal, its end is free (G-2).
        for position in reversed(range(len(takers))):
            more = left // quanta[position] * quanta[position]
            shares[position] += more
            left -= more
        if left:
            raise Indivisible(f"its parts grow by multiples of {', '.join(map(str, sorted(set(quanta))))}")
        targets = [self.size(part) + share // n for (part, n), share in zip(takers.items(), shares)]
        for part, target in zip(takers, targets):
            # Parts may share Spaces (queries, keys and values share heads): one brings the growth of another.
            if self.size(part) < target:
                self._grow(part, target, region)
        if self.size(term) != wanted:
            raise Indivisible(f"its parts share units, and together they would make it {self.size(term)} wide")

    def _takers(self, term: Cat, region: Region | None) -> list[Term]:
        """Parts that may take new units: those that begin in the region, else in what encloses it."""
        free = [part for part in map(resolve, term.parts) if self._free(part)]
        if region is None or not free:
            return free
        scope: Region | None = region
        while scope is not None:
            within = [p for p in free if all(scope.first <= leaf.order < scope.last for leaf in spaces(p))]
            if within:
                return within
            scope = self._enclosing(scope)
        return free

    def _enclosing(self, region: Region) -> Region | None:
        name = region.name
        while "." in name:
            name = name.rpartition(".")[0]
            if name in self.graph.regions:
                return self.graph.regions[name]
        return None

    def _free(self, term: Term) -> bool:
        return any(leaf.frozen is None and leaf not in self.new for leaf in spaces(term))

    def _quantum(self, part: Term) -> int:
        """By what multiples a part can grow."""
        if isinstance(part, Prod):
            first = next((f for f in part.factors if self._free(f)), part.factors[0])
            return max(1, self.size(part) // self.size(first))
        return 1
