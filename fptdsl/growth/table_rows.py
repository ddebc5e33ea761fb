"""More rows for a table that is looked up by number: words of a vocabulary, positions of a text (T-13).

No input of the old network asks for a new row, so the rows are free and the function on old inputs is kept.
"""

from __future__ import annotations

from dataclasses import replace

from ..architecture.graph import Graph
from ..architecture.ops import OPERATIONS
from ..architecture.terms import spaces
from ..architecture.tree import Layer
from ..language import syntax
from .demands import MAX_UNITS, amount_of
from .new_form import Edit
from .recipe import Extended, Source, Start
from .refusal import Refused
from .requests import Request


def appends_rows(request: Request, graph: Graph) -> bool:
    """Whether a ``widen PATH SIZE`` names the rows of tables."""
    directive = request.directive
    if not isinstance(directive, syntax.Widen) or directive.size is None or not request.targets:
        return False
    trees = [graph.regions[target].tree for target in request.targets if target]
    return bool(trees) and all(
        isinstance(tree, Layer) and OPERATIONS[tree.op].table == directive.size for tree in trees
    )


def append_rows(request: Request, directive: syntax.Widen, target: str, layer: Layer, old: Graph) -> tuple[Layer, Edit]:
    """The layer with more rows, and what it starts from.  Raises Refused."""
    argument = OPERATIONS[layer.op].table
    assert argument is not None
    rows: int = getattr(layer.args, argument)
    wanted = amount_of(directive.amount, rows)
    if request.method is not None:
        raise Refused(
            "F311",
            f"the rows of `{target}` are looked up one by one, so there is nothing to choose",
            "leave `using` out",
        )
    if wanted < rows:
        raise Refused("F303", f"`{target}` has {rows} rows, and growth cannot shrink it to {wanted}", "ask for more")
    if wanted > MAX_UNITS:
        raise Refused("F309", f"`{target}` would have {wanted:,} rows; {MAX_UNITS:,} are the most that can be planned")
    table = next(node for node in old.nodes if node.name == target).tensors["weight"]
    own = set(spaces(table.axes[0]))
    reader = next((n for n in old.nodes if any(own & set(spaces(axis)) for axis in n.output.axes)), None)
    if reader is not None:
        raise Refused(
            "F304",
            f"`{target}` cannot have more rows: they are the outputs of `{reader.name}` too",
            "growth keeps what the model computes",
        )
    grown = replace(layer, args=type(layer.args)(**{**dict(layer.args), argument: wanted}))

    def start(position: int, suffix: str, shape: tuple[int, ...]) -> Start:
        return Extended(f"{layer.old}.{suffix}", shape) if suffix == "weight" else Source(f"{layer.old}.{suffix}")

    why = "no input of the old network looks a new row up"
    advice = (f"new rows of `{target}` are random: they learn from the first input that looks them up",)
    return grown, Edit(
        request, target, (grown,), start, f"{argument} {rows} -> {wanted}", why, advice=advice, method="append"
    )
