"""Demands: the size of which group a directive asks for.  Rules: ``docs/language.md``, "Widening"."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil

from ..architecture.graph import Graph, Node, Region
from ..architecture.terms import Prod, Space, Term, resolve, size, spaces
from ..architecture.tree import Layer
from ..diagnostics import Diagnostics
from ..language import syntax
from .distribute import Sizes
from .frozen import in_words, way_out
from .groups import Group, groups, inside, signature, top_parts, written
from .paths import is_pattern, is_whole_model, specificity
from .plan import Skipped
from .requests import Request

MAX_UNITS = 1 << 24
"""Units of one group that a plan can list; a layer that wide would have hundreds of millions of weights."""


@dataclass(frozen=True, eq=False)
class Demand:
    group: Group
    wanted: int
    request: Request
    rank: tuple[int, int]
    exact: bool
    """The size itself was asked for (``to N``), not a proportion that a tie may exceed."""
    region: Region | None
    inner: bool = False
    """New units go into each group, not into new groups, where that can be."""


INSERTED = (1 << 20, 0)
"""The rank of a width that is given with the insertion: more specific than any path."""


@dataclass
class Widths:
    """``sizes``: new sizes of the Spaces that grow.  ``asked``: the demands that were settled, by Space, and ``ranks``
    how specific these were.

    ``causes``: in words, of Spaces that no directive asks to grow but a field of a configuration.
    """

    sizes: Sizes
    asked: dict[Space, Request] = field(default_factory=dict)
    ranks: dict[Space, tuple[int, int]] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    causes: dict[Space, str] = field(default_factory=dict)


def directive_demands(
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
        found = _layer_demands(chosen, request, target, rank, region, widths, diagnostics)
        return [replace(demand, inner=_are_query_heads(graph, demand.group.term)) for demand in found]
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


def _are_query_heads(graph: Graph, term: Term) -> bool:
    """Whether the term counts heads in groups that share keys and values: those have a size of their own (T-4)."""
    named = [node.sizes["heads"] for node in graph.nodes if node.op == "split_heads"]
    return isinstance(resolve(term), Prod) and any(signature(each) == signature(term) for each in named)


def inserted_demands(
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
                f"`{node.name}` cannot be {directive.to} wide: {in_words(group.frozen)}",
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
        wanted = amount_of(directive.amount, old)
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
            widths.skipped.append(Skipped(request.text, target or group.name, in_words(group.frozen)))
        elif group.frozen is not None:
            diagnostics.add(
                "F304",
                f"`{target or group.name}` cannot be widened: {in_words(group.frozen)}",
                directive.path.span,
                hint=way_out(group.frozen),
            )
        else:
            exact = directive.amount.kind in ("to", "multiple")
            demands.append(Demand(group, wanted, request, (rank[0] + 1, rank[1]), exact, region))
    return demands


def amount_of(amount: syntax.Amount, old: int) -> int:
    """The new size that an amount asks for."""
    if amount.kind == "to":
        return int(amount.value)
    if amount.kind == "by":
        return old + int(amount.value)
    if amount.kind == "factor":
        return ceil(Fraction(str(amount.value)) * old)
    return -(-old // int(amount.value)) * int(amount.value)


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
            widths.skipped.append(Skipped(request.text, group.name, in_words(group.frozen)))
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
            wanted = amount_of(directive.amount, old)
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
    passing = sum(size(part) for part in top_parts(axis) if not leaves & set(spaces(part)))
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
