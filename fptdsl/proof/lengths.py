"""How long random inputs are where a spec leaves it open: so that every table has a row for each position."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..architecture.free import FreeSize
from ..architecture.graph import Graph, Node, Value
from ..architecture.lower import lower
from ..architecture.terms import size
from ..diagnostics import Diagnostic, FptError

Shortfall = tuple[FreeSize, int, str]
"""A size that depends on free ones, how many it has too many (below zero: too few), and why in words."""


def input_shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    """The shape of each input without the batch axis, with lengths for free sizes that the network can take.

    Lengths are those of the graph where they fit, else the nearest that do.

    Raises FptError (F503): there are none.
    """
    fitting, tried = graph, set[frozenset[tuple[str, int]]]()
    lengths = _lengths(graph)
    while (shortfall := next(_shortfalls(fitting), None)) is not None:
        found, excess, why = shortfall
        lengths.update({name: max(1, lengths[name] - excess) for name in found.names})
        key = frozenset(lengths.items())
        if key in tried:
            raise FptError(_impossible(why))
        tried.add(key)
        try:
            fitting = lower(graph.network, lengths)
        except FptError as fault:
            raise FptError(_impossible(f"{why}, and with other lengths {fault.diagnostics[0].message}")) from fault
    return {name: fitting.inputs[name].shape for name in graph.inputs}


def numbers(graph: Graph) -> dict[Value, Value]:
    """For every integer value that holds the numbers of an input, that input."""
    found = {value: value for value in graph.inputs.values() if value.dtype == "int"}
    for node in graph.nodes:
        if node.output.dtype == "int" and node.op not in ("positions", "full_like") and node.inputs[0] in found:
            found[node.output] = found[node.inputs[0]]
    return found


def _impossible(why: str) -> Diagnostic:
    return Diagnostic(
        "F503", f"no random input fits the network: {why}", hint="give tables more rows, or the input a fixed size"
    )


def _lengths(graph: Graph) -> dict[str, int]:
    """The free sizes of the inputs, by name."""
    sizes = [length for value in graph.inputs.values() for length in value.shape]
    return {length.text: int(length) for length in sizes if isinstance(length, FreeSize)}


def _shortfalls(graph: Graph) -> Iterator[Shortfall]:
    """Every place where an axis is too long for a table, or too short for the position that is picked."""
    counted: dict[Value, Node] = {}
    for node in graph.nodes:
        if node.op == "positions":
            counted[node.output] = node
        elif node.output.dtype == "int" and node.op != "full_like" and node.inputs[0] in counted:
            counted[node.output] = counted[node.inputs[0]]
        elif node.op == "embedding" and node.inputs[0] in counted:
            yield from _too_long(node, counted[node.inputs[0]])
        elif node.op == "select":
            yield from _too_short(node)


def _too_long(table: Node, positions: Node) -> Iterator[Shortfall]:
    count, start = size(positions.output.axes[0]), _number(positions, "start")
    rows = table.tensors["weight"].shape[0]
    excess = start + count - rows
    if excess > 0 and isinstance(count, FreeSize):
        yield count, excess, f"`{table.name}` has {rows} rows, and positions start at {start}"


def _too_short(select: Node) -> Iterator[Shortfall]:
    dim, index = _number(select, "dim"), _number(select, "index")
    axes = select.inputs[0].axes
    length = size(axes[dim - 1 if dim > 0 else dim])
    wanted = index + 1 if index >= 0 else -index
    if isinstance(length, FreeSize) and length < wanted:
        yield length, int(length) - wanted, f"`{select.name}` takes position {index}"


def _number(node: Node, argument: str) -> int:
    found: Mapping[str, int] = node.args.model_dump()
    return found[argument]
