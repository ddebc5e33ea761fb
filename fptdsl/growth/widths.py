"""New sizes: what every directive asks of which Spaces, and what ties make of it.

A *group* is the term of an axis that some layers write; a *demand* is a wanted size of a group.  Demands
are settled from the smallest term to the largest, so that growth that a tie already brings counts
towards the size asked for.  Rules: ``docs/language.md``, "Widening".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

from ..architecture.graph import Graph, Node, Region
from ..architecture.terms import Cat, Prod, Space, Term, cat, resolve, size, spaces
from ..architecture.tree import Layer
from ..diagnostics import Diagnostics, Note
from ..language import syntax
from .distribute import Contradiction, Indivisible, Sizes
from .paths import is_pattern, is_whole_model, specificity
from .plan import Skipped
from .requests import Request

MAX_UNITS = 1 << 24
"""Units of one group that a plan can list; a layer that wide would have hundreds of millions of weights."""


@dataclass
class Group:
    """An axis term that layers write: units that can only grow together with all its Spaces."""

    term: Term
    writers: list[Node] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.writers[0].name

    @property
    def frozen(self) -> str | None:
        """The reason why no unit can be added anywhere in the term."""
        leaves = list(spaces(self.term))
        return leaves[0].frozen if leaves and all(leaf.frozen for leaf in leaves) else None


@dataclass(frozen=True, eq=False)
class Demand:
    group: Group
    wanted: int
    request: Request
    rank: tuple[int, int]
    exact: bool
    """The size itself was asked for (``to N``), not a proportion that a tie may exceed."""
    region: Region | None


INSERTED = (1 << 20, 0)
"""The rank of a width that is given with the insertion: more specific than any path."""


@dataclass
class Widths:
    """``sizes``: new sizes of the Spaces that grow.  ``asked``: the demands that were settled, by Space."""

    sizes: Sizes
    asked: dict[Space, Request] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)


def signature(term: Term) -> tuple[object, ...]:
    """Equal for terms made of the same Spaces in the same way."""
    term = resolve(term)
    if isinstance(term, Space):
        return (term.number,)
    children = term.factors if isinstance(term, Prod) else term.parts
    return (type(term).__name__, *map(signature, children))


def written(node: Node) -> Term | None:
    """The axis of units that a layer produces, None for one that writes no kernel.

    Of a recurrent layer the units of one gate: all gates hold the same.
    """
    for tensor in node.tensors.values():
        for axis, role in zip(tensor.axes, tensor.roles):
            if role == "writes":
                return _once(resolve(axis), node)
    return None


def _once(term: Term, node: Node) -> Term:
    """The stated size of which ``term`` is a repetition, else ``term``."""
    parts = _parts(term)
    for stated in map(_parts, node.sizes.values()):
        if len(stated) < len(parts) and stated * (len(parts) // len(stated)) == parts:
            return cat(stated)
    return term


def groups(nodes: Iterable[Node]) -> dict[tuple[object, ...], Group]:
    """The groups that the nodes write, by signature, in the order of the graph."""
    found: dict[tuple[object, ...], Group] = {}
    for node in nodes:
        term = written(node)
        if term is not None and node.reused is None:
            found.setdefault(signature(term), Group(term)).writers.append(node)
    return found


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
            demands.extend(_demands(graph, everything, request, target, region, widths, diagnostics))
        if request.targets and len(demands) == asked and not diagnostics.errors:
            _nothing_grows(request, widths, diagnostics)
    demands.extend(_inserted_demands(everything, inserted, diagnostics))
    for demand in _ordered(_decide(demands, diagnostics)):
        _settle(demand, widths, diagnostics)
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


def inside(graph: Graph, region: Region | None) -> list[Node]:
    return graph.nodes if region is None else graph.nodes[region.first : region.last]


# --- demands -------------------------------------------------------------------------------------


def _demands(
    graph: Graph,
    everything: dict[tuple[object, ...], Group],
    request: Request,
    target: str,
    region: Region | None,
    widths: Widths,
    diagnostics: Diagnostics,
) -> list[Demand]:
    from .sizes import named_terms

    directive = request.directive
    assert isinstance(directive, syntax.Widen)
    rank = specificity(directive.path, target) if target else (0, 0)
    if directive.size is not None:
        terms = named_terms(graph, region, directive.size, directive, diagnostics)
        chosen = [everything.get(signature(t), Group(t, inside(graph, region)[:1])) for t in terms]
        return _layer_demands(chosen, request, target, rank, region, widths, diagnostics)
    nodes = [node for node in inside(graph, region) if node.tree is None or node.tree.old is not None]
    if region is not None and isinstance(region.tree, Layer) and nodes:
        term = written(nodes[0]) or _units(nodes[0])
        group = everything.get(signature(term)) if term is not None else None
        if (term is None or group is None) and is_pattern(directive.path):
            return []
        if term is None or group is None:
            diagnostics.add(
                "F307",
                f"`{target}` has no units of its own to widen",
                directive.path.span,
                hint="widen the layer that produces its input",
            )
            return []
        return _layer_demands([group], request, target, rank, region, widths, diagnostics)
    return _composite_demands(groups(nodes), request, target, rank, region, widths, diagnostics)


def _inserted_demands(
    everything: dict[tuple[object, ...], Group], inserted: Iterable[tuple[Request, Node]], diagnostics: Diagnostics
) -> list[Demand]:
    demands: dict[tuple[object, ...], Demand] = {}
    for request, node in inserted:
        directive, term = request.directive, written(node)
        assert isinstance(directive, syntax.Deepen)
        assert directive.to is not None
        assert term is not None
        group, old = everything[signature(term)], size(term)
        if directive.to < old:
            diagnostics.add(
                "F321",
                f"`{node.name}` passes on {old} units, and {directive.to} cannot hold them all (rank)",
                directive.span,
                hint=f"ask for {old} or more",
            )
        elif group.frozen is not None:
            diagnostics.add(
                "F304",
                f"`{node.name}` cannot be {directive.to} wide: {_frozen(group.frozen)}",
                directive.span,
                hint="leave `to` out, or deepen a layer before it",
            )
        else:
            demands.setdefault(signature(term), Demand(group, directive.to, request, INSERTED, True, None))
    return list(demands.values())


def _units(node: Node) -> Term | None:
    """The channel axis of a layer that writes none: the axis that it passes on."""
    for axis in node.output.axes:
        if any(leaf.frozen is None for leaf in spaces(axis)):
            return resolve(axis)
    return resolve(node.output.axes[0]) if node.output.axes else None


def _layer_demands(
    chosen: list[Group],
    request: Request,
    target: str,
    rank: tuple[int, int],
    region: Region | None,
    widths: Widths,
    diagnostics: Diagnostics,
) -> list[Demand]:
    directive = request.directive
    assert isinstance(directive, syntax.Widen)
    demands = []
    for group in chosen:
        old = size(group.term)
        wanted = _amount(directive.amount, old)
        if wanted > MAX_UNITS:
            diagnostics.add(
                "F309",
                f"`{target or group.name}` would be {wanted:,} wide; {MAX_UNITS:,} are the most that can be planned",
                directive.span,
                hint="ask for less",
            )
        elif wanted < old:
            diagnostics.add(
                "F303",
                f"`{target or group.name}` is {old} wide, and growth cannot shrink it to {wanted}",
                directive.span,
                hint=f"ask for {old} or more",
            )
        elif group.frozen is not None and is_pattern(directive.path):
            widths.skipped.append(Skipped(request.text, target or group.name, _frozen(group.frozen)))
        elif group.frozen is not None:
            diagnostics.add(
                "F304",
                f"`{target or group.name}` cannot be widened: {_frozen(group.frozen)}",
                directive.path.span,
                hint=_frozen_hint(group.frozen),
            )
        else:
            exact = directive.amount.kind in ("to", "multiple")
            demands.append(Demand(group, wanted, request, (rank[0] + 1, rank[1]), exact, region))
    return demands


def _amount(amount: syntax.Amount, old: int) -> int:
    if amount.kind == "to":
        return int(amount.value)
    if amount.kind == "by":
        return old + int(amount.value)
    if amount.kind == "factor":
        return ceil(Fraction(str(amount.value)) * old)
    return -(-old // int(amount.value)) * int(amount.value)


def _frozen(reason: str) -> str:
    words = {
        "model output": "its units are the model's output",
        "graph output": "its units are the model's output",
        "model input": "its units are the model's input",
        "graph input": "its units are the model's input",
        "softmax": "a softmax runs over its units, and new ones would take probability from the old",
    }
    return words.get(reason, reason)


def _frozen_hint(reason: str) -> str | None:
    if "output" in reason:
        return "growth keeps what the model computes; widen a layer before it"
    return None


def _composite_demands(
    written_inside: dict[tuple[object, ...], Group],
    request: Request,
    target: str,
    rank: tuple[int, int],
    region: Region | None,
    widths: Widths,
    diagnostics: Diagnostics,
) -> list[Demand]:
    directive = request.directive
    assert isinstance(directive, syntax.Widen)
    label = f"`{target}`" if target else "the model"
    if not written_inside:
        diagnostics.add("F307", f"{label} holds no layer that can be widened", directive.path.span)
        return []
    ratio = _ratio(directive, written_inside, target, region, diagnostics)
    if ratio is None:
        return []
    demands = []
    for group in written_inside.values():
        if group.frozen is not None:
            widths.skipped.append(Skipped(request.text, group.name, _frozen(group.frozen)))
            continue
        old = size(group.term)
        if ratio * old > MAX_UNITS or (directive.amount.kind == "multiple" and directive.amount.value > MAX_UNITS):
            diagnostics.add(
                "F309",
                f"`{group.name}` would be {ceil(ratio * old):,} wide; {MAX_UNITS:,} are the most that can be planned",
                directive.span,
                hint="ask for less",
            )
            continue
        if directive.amount.kind == "multiple":
            wanted = _amount(directive.amount, old)
        elif directive.amount.kind in ("to", "by") and (ratio * old).denominator != 1:
            diagnostics.add(
                "F306",
                f"{label} cannot be widened so: the ratio {float(ratio):g} makes the {old} units of "
                f"`{group.name}` {float(ratio * old):g}",
                directive.span,
                hint=f"choose a width that keeps all groups whole, or use `by {float(ratio):g}x`, which rounds up",
            )
            continue
        else:
            wanted = ceil(ratio * old)
        exact = directive.amount.kind == "to" and not is_whole_model(directive.path)
        demands.append(Demand(group, wanted, request, rank, exact, region))
    if not demands and not diagnostics.errors and not is_pattern(directive.path):
        diagnostics.add(
            "F304",
            f"nothing in {label} can be widened",
            directive.path.span,
            hint="; ".join(f"`{s.path}`: {s.reason}" for s in widths.skipped[-3:]),
        )
    return demands


def _ratio(
    directive: syntax.Widen,
    written_inside: dict[tuple[object, ...], Group],
    target: str,
    region: Region | None,
    diagnostics: Diagnostics,
) -> Fraction | None:
    """By what every group inside is multiplied: ``r = (N - passing) / written`` for ``to N``."""
    amount = directive.amount
    if amount.kind == "factor":
        ratio = Fraction(str(amount.value))
        if ratio < 1:
            diagnostics.add(
                "F303",
                f"a factor of {amount.value:g} shrinks, and growth cannot",
                directive.span,
                hint="use a factor above 1",
            )
            return None
        return ratio
    if amount.kind == "multiple":
        return Fraction(1)
    output = region.output if region is not None else None
    axis = _output_axis(output.axes) if output is not None else None
    if axis is None:
        diagnostics.add(
            "F306",
            f"`{target or '*'}` ends in the model's output, so a width for it would be ambiguous",
            directive.span,
            hint="use `by 1.5x`, or name the layers to widen",
        )
        return None
    leaves = {leaf for group in written_inside.values() for leaf in spaces(group.term)}
    passing = sum(size(part) for part in _parts(axis) if not leaves & set(spaces(part)))
    total = size(axis)
    wanted = total + int(amount.value) if amount.kind == "by" else int(amount.value)
    if wanted < total:
        diagnostics.add(
            "F303",
            f"`{target}` is {total} wide, and growth cannot shrink it to {wanted}",
            directive.span,
            hint=f"ask for {total} or more",
        )
        return None
    if total == passing:
        diagnostics.add(
            "F307",
            f"`{target}` passes its {total} units through and writes none of them",
            directive.span,
            hint="use `by 1.5x` to widen the layers inside",
        )
        return None
    return Fraction(wanted - passing, total - passing)


def _output_axis(axes: tuple[Term, ...]) -> Term | None:
    for axis in axes:
        leaves = list(spaces(axis))
        if leaves and any(leaf.frozen is None for leaf in leaves):
            return resolve(axis)
    return None


def _parts(term: Term) -> tuple[Term, ...]:
    term = resolve(term)
    return term.parts if isinstance(term, Cat) else (term,)


# --- settling ------------------------------------------------------------------------------------


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
        if demand.exact:
            tied = next((widths.asked[leaf] for leaf in spaces(term) if leaf in widths.asked), None)
            note = (Note("because of this directive", tied.span),) if tied is not None else ()
            diagnostics.add(
                "F305",
                f"`{demand.group.name}` cannot be {demand.wanted} wide: other layers make it {current}",
                demand.request.span,
                notes=note,
                hint=f"ask for {current} or more, or widen the other layers less",
            )
        return
    before = set(sizes.new)
    try:
        sizes.grow(term, demand.wanted, demand.region)
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
        widths.asked[leaf] = demand.request


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
        wanted = widths.sizes.size(term)
        if wanted > widths.sizes.size(group.term) and not told & set(spaces(group.term)):
            try:
                widths.sizes.grow(group.term, wanted, None)
            except (Indivisible, Contradiction):
                # The template's units grew where these cannot: they keep the old width.
                continue
