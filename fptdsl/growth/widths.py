"""New sizes: what every directive asks of which Spaces, and what ties make of it.

A *group* is the term of an axis that some layers write; a *demand* is a wanted size of a group.  Demands
are settled from the smallest term to the largest, so that growth that a tie already brings counts
towards the size asked for.  Rules: ``docs/language.md``, "Widening".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..architecture.graph import Graph, Node
from ..architecture.terms import Cat, Prod, Space, Term, resolve, spaces
from ..diagnostics import Diagnostics, Note
from ..language import syntax
from .demands import INSERTED, Demand, Widths, directive_demands, inserted_demands
from .distribute import Contradiction, Indivisible, Sizes
from .groups import Group, groups, signature, written
from .requests import Request


def solve(
    graph: Graph, requests: list[Request], inserted: Iterable[tuple[Request, Node]], diagnostics: Diagnostics
) -> Widths:
    """The sizes that satisfy all requests; faults (shrinking, frozen, contradictory) to ``diagnostics``.

    ``graph`` holds the insertions of ``deepen`` already; requests name nodes by their old names.  ``inserted``
    are the new layers of ``deepen ... to M``, which get M units (D-6).
    """
    regions = {r.tree.old if r.tree.old is not None else name: r for name, r in graph.regions.items()}
    everything = groups(graph.nodes)
    widths = Widths(Sizes(graph))
    demands: list[Demand] = []
    for request in requests:
        asked = len(demands)
        for target in request.targets:
            region = regions.get(target)
            if target and region is None:
                continue
            demands.extend(directive_demands(graph, everything, request, target, region, widths, diagnostics))
        if request.targets and len(demands) == asked and not diagnostics.errors:
            _nothing_grows(request, widths, diagnostics)
    demands.extend(inserted_demands(everything, inserted, diagnostics))
    decided = _ordered(_decide(demands, diagnostics))
    for demand in decided:
        _settle(demand, widths, diagnostics)
    if not diagnostics.errors:
        for demand in decided:
            _check_kept(demand, widths, diagnostics)
    if not diagnostics.errors:
        told = {leaf for demand in demands if demand.rank == INSERTED for leaf in spaces(demand.group.term)}
        _follow_templates(graph, everything, widths, told)
    return widths


def _nothing_grows(request: Request, widths: Widths, diagnostics: Diagnostics) -> None:
    passed = [skipped for skipped in widths.skipped if skipped.directive == request.text]
    diagnostics.add(
        "F304",
        "nothing that the path matches can be widened",
        request.span,
        hint="; ".join(f"`{skipped.path}`: {skipped.reason}" for skipped in passed[:3]) or "name a layer with a kernel",
    )


def _decide(demands: list[Demand], diagnostics: Diagnostics) -> list[Demand]:
    """One demand a group: the most specific; two of the same rank that disagree are a fault."""
    by_group: dict[tuple[object, ...], list[Demand]] = {}
    for demand in demands:
        by_group.setdefault(signature(demand.group.term), []).append(demand)
    decided = []
    for rivals in by_group.values():
        best = max(d.rank for d in rivals)
        top = [d for d in rivals if d.rank == best]
        other = next((d for d in top if d.wanted != top[0].wanted), None)
        if other is not None:
            first, second = sorted((top[0], other), key=lambda d: d.request.span.start if d.request.span else 0)
            diagnostics.add(
                "F305",
                f"`{first.group.name}` cannot be both {first.wanted} and {second.wanted} wide",
                second.request.span,
                notes=(Note(f"{first.wanted} is asked for here", first.request.span),),
                hint="keep one of the two lines; all layers that share these units have one width",
            )
            continue
        decided.append(top[0])
    return decided


def _ordered(demands: list[Demand]) -> list[Demand]:
    return sorted(demands, key=lambda d: (len(list(spaces(d.group.term))), d.group.writers[0].order))


def _settle(demand: Demand, widths: Widths, diagnostics: Diagnostics) -> None:
    term, sizes = demand.group.term, widths.sizes
    current = sizes.size(term)
    if current > demand.wanted:
        _check_kept(demand, widths, diagnostics)
        return
    if not demand.exact and _is_settled(term, demand.rank, widths):
        return
    before = set(sizes.new)
    try:
        grow = sizes.grow_at_least if _is_proportion(demand.request) else sizes.grow
        grow(term, demand.wanted, demand.region, inner=demand.inner)
    except Indivisible as fault:
        diagnostics.add(
            "F306",
            f"`{demand.group.name}` cannot be {demand.wanted} wide: {fault}",
            demand.request.span,
            hint=fault.hint,
        )
    except Contradiction as fault:
        tied = next((widths.asked[leaf] for leaf in spaces(term) if leaf in widths.asked), None)
        note = (Note("set by this directive", tied.span),) if tied is not None else ()
        diagnostics.add(
            "F305", f"`{demand.group.name}` cannot be {demand.wanted} wide: {fault}", demand.request.span, notes=note
        )
    for leaf in set(sizes.new) - before:
        widths.asked[leaf], widths.ranks[leaf] = demand.request, demand.rank


def _check_kept(demand: Demand, widths: Widths, diagnostics: Diagnostics) -> None:
    """A size that was asked for as such is not exceeded."""
    term, current = demand.group.term, widths.sizes.size(demand.group.term)
    if not demand.exact or current <= demand.wanted:
        return
    tied = next((widths.asked[leaf] for leaf in spaces(term) if leaf in widths.asked), None)
    note = (Note("because of this directive", tied.span),) if tied is not None else ()
    message = f"`{demand.group.name}` cannot be {demand.wanted} wide: other layers make it {current}"
    size = getattr(demand.request.directive, "size", None)
    if size is not None and demand.region is not None:
        message = f"`{demand.region.name}` cannot have {size} {demand.wanted}: other layers make it {current}"
    if demand.inner:
        message = (
            f"`{demand.group.name}` cannot have {demand.wanted} query heads: each new group of keys and values "
            f"brings its own, which makes {current}; `enlarge PATH kv_heads to N` shares the old ones out among copies "
            "of their keys and values"
        )
    diagnostics.add(
        "F305",
        message,
        demand.request.span,
        notes=note,
        hint=f"ask for {current} or more, or widen the other layers less",
    )


def _is_settled(term: Term, rank: tuple[int, int], widths: Widths) -> bool:
    """Whether a more specific path says how many heads or groups there are, and nothing but their size is left."""
    sizes, leaves = widths.sizes, list(spaces(term))
    told = any(widths.ranks.get(leaf, rank) > rank for leaf in leaves)
    free = (leaf for leaf in leaves if leaf.frozen is None and leaf not in sizes.new)
    return told and all(leaf in sizes.inside_heads for leaf in free)


def _is_proportion(request: Request) -> bool:
    """Whether ``by 1.5x`` was asked for, which is rounded up."""
    return isinstance(request.directive, syntax.Widen) and request.directive.amount.kind == "factor"


def _follow_templates(
    graph: Graph, everything: dict[tuple[object, ...], Group], widths: Widths, told: set[Space]
) -> None:
    """Inserted layers get the final widths of the layers that they are modelled on; ``told`` have theirs."""
    by_old = {node.tree.old: node for node in graph.nodes if node.tree is not None and node.tree.old is not None}
    for group in everything.values():
        node = group.writers[0]
        if node.tree is None or node.tree.old is not None or node.tree.like is None:
            continue
        template = by_old.get(node.tree.like)
        term = written(template) if template is not None else None
        if term is None:
            continue
        if told & set(spaces(group.term)):
            continue
        for mine, its in _counterparts(group.term, term):
            wanted = widths.sizes.size(its)
            if wanted > widths.sizes.size(mine):
                try:
                    widths.sizes.grow(mine, wanted, None)
                except (Indivisible, Contradiction):
                    # The template's units grew where these cannot: they keep the old width.
                    continue


def _counterparts(mine: Term, its: Term) -> Iterator[tuple[Term, Term]]:
    """Factor by factor and part by part: heads and the units of each grow as they do in the template."""
    mine, its = resolve(mine), resolve(its)
    if isinstance(mine, Prod) and isinstance(its, Prod) and len(mine.factors) == len(its.factors):
        pairs = zip(mine.factors, its.factors)
    elif isinstance(mine, Cat) and isinstance(its, Cat) and len(mine.parts) == len(its.parts):
        pairs = zip(mine.parts, its.parts)
    else:
        yield mine, its
        return
    for pair in pairs:
        yield from _counterparts(*pair)
