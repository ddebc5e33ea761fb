"""What ignored entries of a checkpoint mean for a growth."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint
    from ..growth.plan import Plan


def ignored_sizes(plan: Plan, source: Checkpoint) -> list[str]:
    """Warnings for entries that keep a size of the network while it grows, each with what to do about it."""
    from ..checkpoint.old_sizes import keeps_size

    units, rows = _old_sizes(plan)
    return [f"{item.message}; {item.hint}" for item in keeps_size(source, units - {1}, rows - {1})]


def _old_sizes(plan: Plan) -> tuple[set[int], set[int]]:
    """The old sizes of axes that grow: of units, and of the rows of tables.  Sizes of kernels are neither."""
    kernels = {t.name for node in plan.old.nodes if hasattr(node.args, "kernel_size") for t in node.tensors.values()}
    units: set[int] = set()
    rows: set[int] = set()
    for tensor in plan.tensors:
        old = None if tensor.source is None else plan.old.tensors[tensor.source]
        if old is None or len(old.shape) != len(tensor.new_shape):
            continue
        for before, after, role in zip(old.shape, tensor.new_shape, old.roles, strict=True):
            if before != after and role != "fixed":
                units.add(before)
            elif before != after and old.name not in kernels:
                rows.add(before)
    return units, rows
