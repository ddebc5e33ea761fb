"""New elements of a ``repeat``: where they go and what they are modelled on."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..architecture.graph import Graph, Region
from ..architecture.ops import OPERATIONS
from ..architecture.tree import Layer, Network, Scope, Tree, segments
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
    network: Network

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
        if name is None:
            return clone(template)
        new = clone(template, index=(name, position))
        if position < len(self.scope.children):
            return new
        # Behind the end the text says what the element is: Gemma's layers see all positions in turn.
        return _reread(new, _next(self.network, self.scope, position))


def templates(graph: Graph, region: Region, scope: Scope, network: Network, leading: int = 0) -> Templates:
    """Which elements keep the shape of what comes in; the first ``leading`` are no models."""
    keeping = []
    for position, (segment, _) in enumerate(segments(scope.numbered, scope.children)):
        inner = graph.regions.get(f"{region.name}.{segment}")
        if inner is None or inner.input is None or inner.output is None:
            continue
        if position >= leading and inner.input.shape == inner.output.shape:
            keeping.append(position)
    fresh = None if keeping else _next(network, scope)
    if fresh is not None:
        fresh = _modelled(fresh, scope.children[-1])
    return Templates(scope, tuple(keeping), fresh, network)


def _next(network: Network, scope: Scope, index: int | None = None) -> Tree | None:
    from ..architecture.elaborate import next_element

    return next_element(network, scope, index)


def _modelled(new: Tree, old: Tree) -> Tree:
    """The new element with its layers modelled on those of an old one, whose final widths they get."""
    if isinstance(new, Layer) and isinstance(old, Layer):
        return replace(new, like=old.old) if new.op == old.op and new.key == old.key else new
    if not isinstance(new, Scope) or not isinstance(old, Scope) or len(new.children) != len(old.children):
        return new
    return replace(new, children=tuple(map(_modelled, new.children, old.children)))


def _reread(new: Tree, read: Tree | None) -> Tree:
    """The new element with what another that is built alike computes without parameters (their shapes stay)."""
    if isinstance(new, Layer) and isinstance(read, Layer):
        alike = new.op == read.op and new.key == read.key and not OPERATIONS[new.op].has_parameters
        return replace(new, args=read.args) if alike else new
    if not isinstance(new, Scope) or not isinstance(read, Scope) or new.kind != read.kind:
        return new
    if (len(new.children), len(new.shortcut)) != (len(read.children), len(read.shortcut)):
        return new
    return replace(
        new,
        children=tuple(map(_reread, new.children, read.children)),
        shortcut=tuple(map(_reread, new.shortcut, read.shortcut)),
    )
