"""C4: every tensor is in the file, in its new size, and what does not grow is the old one bit by bit."""

from __future__ import annotations

from collections.abc import Iterable

from ...architecture.graph import Graph
from ...growth.plan import Plan, TensorPlan
from .ledger import Ledger
from .reading import Tensors, same_bits


def check_presence(plan: Plan, before: Tensors, after: Tensors, ledger: Ledger) -> bool:
    """Missing and unexpected tensors, shapes and dtypes; False where a tensor cannot be held against anything."""
    complete = True
    planned = {tensor.name: tensor for tensor in plan.tensors}
    for name, declared in plan.new.tensors.items():
        tensor = planned.get(name)
        if tensor is None:
            ledger.find(name, "C4", "the plan does not say where it comes from")
            complete = False
        elif name not in after:
            absent = tensor.source is not None and tensor.source not in before
            if not (declared.optional and absent):
                ledger.find(name, "C4", "it is missing in the grown checkpoint")
                complete = complete and declared.optional
        elif after.shape(name) != declared.shape:
            ledger.find(name, "C4", f"it is {after.shape(name)} and should be {declared.shape}")
            complete = False
        elif tensor.source is not None and tensor.source in before:
            _same_dtype(tensor, before, after, ledger)
    second = _second_names(after, plan.new)
    for name in _names(after):
        if name not in plan.new.tensors and name not in second:
            ledger.find(name, "C4", "the grown network has no such tensor")
    return complete


def _same_dtype(tensor: TensorPlan, before: Tensors, after: Tensors, ledger: Ledger) -> None:
    old, new = before.dtype(tensor.source or ""), after.dtype(tensor.name)
    if old != new:
        ledger.find(tensor.name, "C4", f"it is {new} and was {old}")


def _names(tensors: Tensors) -> Iterable[str]:
    return tensors if isinstance(tensors, Iterable) else ()


def _second_names(tensors: Tensors, graph: Graph) -> set[str]:
    """Keys that the spec declares, or the file holds, as the same tensor as a described one."""
    groups: Iterable[tuple[str, ...]] = getattr(tensors, "aliases", ())
    return {name for group in groups if any(other in graph.tensors for other in group) for name in group}


def check_untouched(plan: Plan, before: Tensors, after: Tensors, ledger: Ledger) -> None:
    """Tensors without a recipe are copies, and so are counters.

    A folder knows which of its files were copied whole; what lies in them is equal.
    """
    in_same_file = getattr(after, "in_same_file", None)
    for tensor in plan.tensors:
        source = tensor.source
        if tensor.recipe is not None or source is None or source not in before or tensor.name not in after:
            continue
        ledger.record(tensor.name, "C4")
        if in_same_file is not None and in_same_file(tensor.name, before, source):
            continue
        if not same_bits(before, source, after, tensor.name):
            ledger.find(tensor.name, "C4", f"it should be the old `{source}`, bit by bit")


def check_sizes(graph: Graph, ledger: Ledger) -> None:
    """C5: arguments that state a size state that of the tensors."""
    from ...architecture.terms import size

    for node in graph.nodes:
        for name, term in node.sizes.items():
            if getattr(node.args, name) != size(term):
                ledger.find(node.name, "C5", f"{name} is {getattr(node.args, name)}, and there are {size(term)} units")
