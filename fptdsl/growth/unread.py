"""Insertions that nothing would read: they would change nothing and could never learn."""

from __future__ import annotations

from collections.abc import Sequence

from ..architecture.graph import Graph
from ..diagnostics import Diagnostics
from .insertions import Inserted


def check_read(inserted: Sequence[Inserted], graph: Graph, diagnostics: Diagnostics) -> None:
    """Every inserted unit is read by something behind it.

    What takes the value before it by its name goes on to what is inserted (``renaming.py``), but for names that mean
    something else further on, and calls of blocks.
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
                f"nothing would read what is inserted behind `{name}`",
                part.unit.request.span,
                hint="let a statement take its value in the order of the text, or by a name that is given once",
            )
