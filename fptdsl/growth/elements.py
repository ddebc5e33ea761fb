"""New elements of a ``repeat``: where they go and what they are modelled on."""

from __future__ import annotations

from dataclasses import dataclass

from ..architecture.graph import Graph, Region
from ..architecture.tree import Network, Scope, Tree, segments
from ..language import syntax
from .edit_tree import clone


def element_positions(directive: syntax.Deepen, count: int) -> list[tuple[int, int]] | None:
    """``(after, number)``: how many new elements follow old element ``after`` (-1: before the first).

    ``interleaved`` spreads them evenly between the old ones.  None when ``after`` is out of range.
    """
    if directive.place == "start":
        return [(-1, directive.by)]
    if directive.place == "after":
        assert directive.after is not None
        after = directive.after + count if directive.after < 0 else directive.after
        return [(after, directive.by)] if 0 <= after < count else None
    if directive.place == "interleaved":
        # New element k of n goes behind the old element at (k + 1) / n of the way.
        places = [max(0, -(-(k + 1) * count // directive.by) - 1) for k in range(directive.by)]
        return [(after, places.count(after)) for after in sorted(set(places))]
    return [(count - 1, directive.by)]


@dataclass(frozen=True, eq=False)
class Templates:
    """Elements of a repeat that keep the shape, by position."""

    scope: Scope
    keeping: tuple[int, ...]
    fresh: Tree | None
    """The element that the repeat would have next, where no old one keeps the shape."""

    def near(self, after: int) -> Tree | None:
        """The nearest element before the gap that keeps the shape, else the nearest behind it."""
        before = [p for p in self.keeping if p <= after]
        behind = [p for p in self.keeping if p > after]
        if before or behind:
            return self.scope.children[before[-1] if before else behind[0]]
        return self.fresh if after == len(self.scope.children) - 1 else None

    def element(self, template: Tree, position: int) -> Tree:
        """A new element like the template, read at ``position``."""
        statement = self.scope.origin.statement if self.scope.origin is not None else None
        name = statement.index if isinstance(statement, syntax.Repeat) else None
        return clone(template, index=(name, position) if name is not None else None)


def templates(graph: Graph, region: Region, scope: Scope, network: Network) -> Templates:
    """Which elements keep the shape of what comes in."""
    keeping = []
    for position, (segment, _) in enumerate(segments(scope.numbered, scope.children)):
        inner = graph.regions.get(f"{region.name}.{segment}")
        if inner is None or inner.input is None or inner.output is None:
            continue
        if inner.input.shape == inner.output.shape:
            keeping.append(position)
    fresh = None if keeping else _next(network, scope)
    return Templates(scope, tuple(keeping), fresh)


def _next(network: Network, scope: Scope) -> Tree | None:
    from ..architecture.elaborate import next_element

    return next_element(network, scope)
