"""Holding a checkpoint against a spec: every tensor there, of the right shape and type, and finite."""

from __future__ import annotations

from collections.abc import Iterable

from ..architecture.graph import Graph, Tensor
from ..diagnostics import Diagnostic, Diagnostics, FptError
from .checkpoint import Checkpoint
from .dtypes import FLOATS, INTEGERS
from .naming_faults import missing, unexpected
from .shape_faults import shape_fault, span_of
from .values import bad_values

LISTED = 20
"""Faults of one kind that are told one by one."""


def hold_against(checkpoint: Checkpoint, graph: Graph, *, values: bool = True) -> tuple[Diagnostic, ...]:
    """Check that ``checkpoint`` holds what the spec describes and nothing else; returns warnings.

    Optional tensors (``num_batches_tracked``) may be missing.  With ``values`` they are checked too
    (:func:`check_values`), when names, shapes and types are right.

    Raises ``FptError`` with all the faults: F440 missing, F441 unexpected, F442 shape, F443 type, F445 not a
    plain array, and what :func:`check_values` raises.
    """
    found = Diagnostics()
    _add(found, "tensors are missing", missing(checkpoint, graph))
    _add(found, "tensors are not described", unexpected(checkpoint, graph))
    both = [(name, tensor) for name, tensor in graph.tensors.items() if name in checkpoint]
    _add(found, "tensors have another shape", (shape_fault(checkpoint, graph, tensor) for _, tensor in both))
    _add(found, "tensors have a type that cannot be grown", (_type_fault(checkpoint, graph, t) for _, t in both))
    _raise(found)
    if values:
        check_values(checkpoint, graph.tensors)
    return tuple(_shared(checkpoint, graph))


def check_values(checkpoint: Checkpoint, names: Iterable[str]) -> None:
    """Read the values of the tensors ``names`` once, in pieces; names that the checkpoint lacks are passed over.

    Those that a digest has seen to be sound are not read again.
    Raises ``FptError`` with all the faults: F444 NaN or infinity, F410 a wrong checksum.
    """
    found = Diagnostics()
    unseen = (name for name in names if name in checkpoint and name not in checkpoint.sound)
    _add(found, "tensors have bad values", (bad_values(checkpoint, name) for name in unseen))
    _raise(found)


def _add(found: Diagnostics, what: str, faults: Iterable[Diagnostic | None]) -> None:
    """Take over the first faults of a kind; the rest as a number."""
    items = [item for item in faults if item is not None]
    found.items += items[:LISTED]
    if len(items) > LISTED:
        last = items[LISTED]
        found.add(last.code, f"and {len(items) - LISTED} more {what}", path=last.path)


def _raise(found: Diagnostics) -> None:
    """Raise what was found kind by kind, each with its "and 5 more" at its end (not in the order of places)."""
    if found.errors:
        raise FptError(*found.errors)


def _type_fault(checkpoint: Checkpoint, graph: Graph, tensor: Tensor) -> Diagnostic | None:
    entry = checkpoint.entries[tensor.name]
    path = str(checkpoint.path)
    if entry.problem is not None:
        message = f"the values of `{tensor.name}` cannot be read: {entry.problem}"
        hint = "convert it to a dense CPU tensor, then save the state dict again"
        return Diagnostic("F445", message, span_of(graph, tensor), hint, path=path)
    if entry.dtype in FLOATS or (tensor.init == "count" and entry.dtype in INTEGERS):
        return None
    what = "counter" if tensor.init == "count" else "buffer" if tensor.buffer else "parameter"
    message = f"`{tensor.name}` is a {what} in the spec, and {entry.dtype} in the checkpoint"
    hint = f"growth works on {', '.join(FLOATS[:-1])} and {FLOATS[-1]}: convert the checkpoint"
    if entry.dtype in INTEGERS:
        hint = "integer weights are quantised: grow the checkpoint from before quantisation"
    return Diagnostic("F443", message, span_of(graph, tensor), hint, path=path)


def _shared(checkpoint: Checkpoint, graph: Graph) -> Iterable[Diagnostic]:
    """Warnings for tensors that are one in the file and two in the spec."""
    for group in checkpoint.aliases:
        described = [name for name in group if name in graph.tensors and name not in checkpoint.links]
        if len(described) > 1:
            names = ", ".join(f"`{name}`" for name in described)
            message = f"{names} are one tensor in the checkpoint and tensors of their own in the spec"
            hint = "`reuse` the layer in the spec so that they are sure to stay one when they grow"
            yield Diagnostic("F446", message, None, hint, (), "warning", str(checkpoint.path))
