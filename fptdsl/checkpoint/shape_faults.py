"""Tensors of another shape than the spec says, told by the argument that would have to differ."""

from __future__ import annotations

from ..architecture.graph import Graph, Node, Tensor
from ..architecture.terms import resolve
from ..diagnostics import Diagnostic, Span
from .checkpoint import Checkpoint


def shape_fault(checkpoint: Checkpoint, graph: Graph, tensor: Tensor) -> Diagnostic | None:
    """F442, or None where the shapes agree."""
    there, here = checkpoint.shape(tensor.name), tensor.shape
    if there == here:
        return None
    message = f"`{tensor.name}` is {list(there)} in the checkpoint and {list(here)} in the spec"
    node = node_of(graph, tensor)
    hint = None if node is None else _hint(node, tensor, there)
    return Diagnostic("F442", message, span_of(graph, tensor), hint, path=str(checkpoint.path))


def node_of(graph: Graph, tensor: Tensor) -> Node | None:
    """The first layer that has the tensor."""
    return next((node for node in graph.nodes if tensor in node.tensors.values()), None)


def span_of(graph: Graph, tensor: Tensor) -> Span | None:
    """The statement of the layer that has the tensor."""
    node = node_of(graph, tensor)
    origin = node.tree.origin if node is not None and node.tree is not None else None
    return origin.span if origin is not None else None


def _hint(node: Node, tensor: Tensor, there: tuple[int, ...]) -> str | None:
    here = tensor.shape
    if len(there) != len(here):
        return f"`{node.op}` makes a tensor of {len(here)} axes here: is it another layer in the checkpoint?"
    if there == tuple(reversed(here)) and len(here) == 2:
        return "the checkpoint has it transposed"
    told: list[str] = []
    for axis, want, have in zip(tensor.axes, here, there, strict=True):
        if want == have:
            continue
        argument = next((name for name, term in node.sizes.items() if resolve(term) == resolve(axis)), None)
        role = tensor.roles[tensor.axes.index(axis)]
        if argument is not None:
            told.append(f"`{argument}` of `{node.name}` would have to be {have}, it is {want}")
        elif role == "reads":
            told.append(f"`{node.name}` would have to take {have} channels, but what comes in has {want}")
        elif role == "fixed" and hasattr(node.args, "kernel_size"):
            told.append(f"`kernel_size` of `{node.name}` would have to be {have}, it is {want}")
        elif role == "follows":
            told.append(f"what comes into `{node.name}` would have to have {have} channels, it has {want}")
    return "; ".join(dict.fromkeys(told)) or None
