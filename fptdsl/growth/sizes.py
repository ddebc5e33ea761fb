"""``widen PATH SIZE``: sizes named by a layer's argument or by the block's parameter that sets them."""

from __future__ import annotations

from ..architecture.graph import Graph, Node, Region
from ..architecture.terms import Term, resolve
from ..diagnostics import Diagnostics, did_you_mean
from ..language import syntax
from .config.sites import factors, stated


def named_terms(
    graph: Graph, region: Region | None, name: str, directive: syntax.Widen, diagnostics: Diagnostics
) -> list[Term]:
    """The terms whose size ``name`` states at ``region``; a fault when there is none."""
    nodes = graph.nodes if region is None else graph.nodes[region.first : region.last]
    known: dict[str, list[Term]] = {}
    single = region is not None and len(nodes) == 1
    for node in nodes:
        if single:
            for argument, term in node.sizes.items():
                known.setdefault(argument, []).append(resolve(term))
        for parameter, term in parameters_of(node):
            known.setdefault(parameter, []).append(resolve(term))
    if name in known:
        return list({id(term): term for term in known[name]}.values())
    where = f"`{region.name}`" if region is not None else "the model"
    options = ", ".join(f"`{k}`" for k in known) or "none"
    diagnostics.add(
        "F308",
        f"{where} has no size called `{name}`",
        directive.span,
        hint=did_you_mean(name, known) or f"sizes that can be named here: {options}",
    )
    return []


def parameters_of(node: Node) -> list[tuple[str, Term]]:
    """Parameters of the enclosing blocks that a size argument is set to, alone or as a factor of a product.

    ``v_proj: linear(heads * v_dim)`` states the number of the heads and the size of each.
    """
    found = []
    for argument, expr, environment in stated(node):
        waiting = [(expr, node.sizes[argument])]
        while waiting:
            part, term = waiting.pop()
            if isinstance(part, syntax.Name):
                found.append((part.name, term))
            else:
                waiting.extend(factors(part, term, environment.lookup()) or ())
    return found
