"""Insertions that nothing would read: they would change nothing and could never learn."""

from __future__ import annotations

from collections.abc import Sequence

from ..architecture.graph import Graph
from ..diagnostics import Diagnostics
from .insertions import Inserted


def check_read(inserted: Sequence[Inserted], graph: Graph, diagnostics: Diagnostics) -> None:
    """Every inserted unit is read by something behind it.

    Whoever takes the value before it by its name (``from conv1``, ``output conv1``) does not see what is
    inserted behind ``conv1``.
    """
    read = {value for node in graph.nodes for value in node.inputs} | set(graph.outputs.values())
    told: set[str] = set()
    for part in inserted:
        output = part.nodes[-1].output
        name = part.unit.target
        if output not in read and name not in told:
            told.add(name)
            diagnostics.add(
                "F323",
                f"nothing would read what is inserted behind `{name}`: its readers take it by name",
                part.unit.request.span,
                hint="let them take the value in the order of the text, or name what follows with `let` and read that",
            )
