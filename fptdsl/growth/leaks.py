"""Where units that start at zero would not be zero when they are read (W-4, G-6).

A unit whose writers are zero stays zero through everything that keeps zero.  An activation with ``f(0) != 0``
makes something of it, unless a product with a value that is zero takes it back (a squeeze-and-excitation gate).
"""

from __future__ import annotations

from ..architecture.activations import ACTIVATIONS
from ..architecture.graph import Event, Graph, Node, Value
from ..architecture.ops import OPERATIONS
from ..architecture.terms import Space, spaces

Leaks = dict[Space, Event]


def leaks(graph: Graph) -> Leaks:
    """For each Space whose new units would reach a reader as something else than zero: what makes it of them."""
    made = _made(graph)
    found: Leaks = {}
    carried: dict[Value, Leaks] = {}
    for node in graph.nodes:
        inputs = [carried.get(value, {}) for value in node.inputs]
        for space in _read(node):
            for leak in inputs:
                if space in leak:
                    found.setdefault(space, leak[space])
        carried[node.output] = {**_through(node, inputs), **made.get(node.name, {})}
    return found


def products(graph: Graph) -> dict[Space, str]:
    """For each Space whose zero units are multiplied with one another: the product, past which no gradient comes.

    The derivative of ``a * b`` is zero in both where both are (T-2); a gate that makes something of zero opens it.
    """
    made = _made(graph)
    found: dict[Space, str] = {}
    carried: dict[Value, Leaks] = {}
    for node in graph.nodes:
        inputs = [carried.get(value, {}) for value in node.inputs]
        if OPERATIONS[node.op].annihilates:
            closed = [_spaces_of(value) - set(leak) for value, leak in zip(node.inputs, inputs)]
            for space in {space for held in closed for space in held}:
                if sum(space in held for held in closed) > 1:
                    found.setdefault(space, node.name)
        carried[node.output] = {**_through(node, inputs), **made.get(node.name, {})}
    return found


def _made(graph: Graph) -> dict[str, Leaks]:
    """By the place of an activation: the Spaces of which it makes something."""
    made: dict[str, Leaks] = {}
    for event in graph.events:
        known = ACTIVATIONS.get(event.detail) if event.kind == "pointwise" else None
        if known is not None and not known.zero_at_zero:
            made.setdefault(event.where, {}).update(dict.fromkeys(spaces(event.term), event))
    return made


def _read(node: Node) -> set[Space]:
    """The Spaces that the node sums over with weights."""
    return {
        space
        for tensor in node.tensors.values()
        for axis, role in zip(tensor.axes, tensor.roles)
        if role == "reads"
        for space in spaces(axis)
    }


def _through(node: Node, inputs: list[Leaks]) -> Leaks:
    """What leaks out of the node: what any of its inputs lets in, of a product what all of them do."""
    here = {space for axis in node.output.axes for space in spaces(axis)}
    leaked = {space: event for leak in inputs for space, event in leak.items() if space in here}
    if not OPERATIONS[node.op].annihilates:
        return leaked
    closed = {space for value, leak in zip(node.inputs, inputs) for space in _spaces_of(value) - set(leak)}
    return {space: event for space, event in leaked.items() if space not in closed}


def _spaces_of(value: Value) -> set[Space]:
    return {space for axis in value.axes for space in spaces(axis)}
