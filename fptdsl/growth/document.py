"""A plan as one JSON document: what ``plan --json`` prints, ``plan --out`` stores and the views draw.

Sizes are counts of elements; ``bytes`` are those of the tensors alone, in the checkpoint's dtypes where
they are known and in float32 where they are not (``totals.dtype_assumed``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from ..architecture.graph import Graph, Tensor
from .plan import SCHEMA, Plan, Step, TensorPlan
from .recipe import Table

ITEM_BYTES = {
    "bool": 1, "uint8": 1, "int8": 1, "int16": 2, "uint16": 2, "float16": 2, "bfloat16": 2,
    "int32": 4, "uint32": 4, "float32": 4, "int64": 8, "uint64": 8, "float64": 8,
}  # fmt: skip


def document(plan: Plan, dtypes: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The document of a plan.

    ``dtypes`` gives the dtype (``float32``) of the old tensors by name, where a checkpoint is at hand.
    """
    return {
        "schema": SCHEMA,
        "kind": "plan",
        "model": plan.network.name,
        "spec": plan.spec,
        "seed": plan.seed,
        "exactness": plan.exactness,
        "steps": [_step(step) for step in plan.steps],
        "tensors": [_tensor(tensor) for tensor in plan.tensors],
        "spaces": _spaces(plan.tables),
        "modules": _modules(plan),
        "totals": _totals(plan, dtypes),
        "skipped": [{"directive": s.directive, "path": s.path, "reason": s.reason} for s in plan.skipped],
        "warnings": list(plan.warnings),
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "kind": step.kind,
        "directive": step.directive,
        "target": step.target,
        "summary": step.summary,
        "method": step.method,
        "exactness": step.exactness,
        "why": step.why,
        "ties": [{"path": t.path, "old": t.old, "new": t.new, "cause": t.cause} for t in step.ties],
        "parameters": step.parameters,
        "advice": list(step.advice),
    }


def _tensor(tensor: TensorPlan) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "action": tensor.action,
        "source": tensor.source,
        "old_shape": None if tensor.old_shape is None else list(tensor.old_shape),
        "new_shape": list(tensor.new_shape),
        "buffer": tensor.buffer,
        "parts": [{"axis": p.axis, "start": p.start, "stop": p.stop, "how": p.how} for p in tensor.parts],
    }


def _spaces(tables: Sequence[Table]) -> list[dict[str, Any]]:
    """Widened groups of units; ``classes`` gives for every new unit the old unit that it is, or copies
    (a number from ``old`` on: a unit that is new)."""
    # A large model has millions of units: one object for each number, in the lists of all groups.
    numbers = np.arange(1 + max((int(table.classes.max()) for table in tables), default=0)).astype(object)
    return [
        {
            "name": table.space,
            "old": table.old,
            "new": table.new,
            "method": table.method,
            "classes": numbers[table.classes].tolist(),
        }
        for table in tables
    ]


def module_of(name: str) -> str:
    """The module that a tensor belongs to: ``layer1.0.conv1`` of ``layer1.0.conv1.weight``."""
    return name.rpartition(".")[0]


def _modules(plan: Plan) -> list[dict[str, Any]]:
    """Parameters and multiply-accumulates of every module of the grown network that has tensors.

    ``params_before`` counts the old tensors that the module's own come from, under whatever name.
    """
    macs_old, macs_new = macs_by_name(plan.old), macs_by_name(plan.new)
    modules: dict[str, dict[str, Any]] = {}
    for tensor in plan.tensors:
        entry = modules.setdefault(
            module_of(tensor.name),
            {"source": None, "params_before": 0, "params_after": 0},
        )
        if tensor.source is not None:
            entry["source"] = module_of(tensor.source)
        if not tensor.buffer:
            entry["params_before"] += 0 if tensor.old_shape is None else prod(tensor.old_shape)
            entry["params_after"] += prod(tensor.new_shape)
    return [
        {
            "name": name,
            **entry,
            "macs_before": macs_old.get(entry["source"], 0) if entry["source"] is not None else 0,
            "macs_after": macs_new.get(name, 0),
        }
        for name, entry in modules.items()
    ]


def macs_by_name(graph: Graph) -> dict[str, int]:
    """Multiply-accumulates per layer; a layer that is used again counts each use."""
    work: dict[str, int] = {}
    for node in graph.nodes:
        work[node.reused or node.name] = work.get(node.reused or node.name, 0) + node.macs
    return work


def _totals(plan: Plan, dtypes: Mapping[str, str] | None) -> dict[str, Any]:
    old, new = plan.old.tensors.values(), plan.new.tensors.values()
    sources = {tensor.name: tensor.source for tensor in plan.tensors}
    floating = common_dtype(dtypes.values()) if dtypes else None
    known = dtypes or {}
    return {
        "params_before": plan.old.parameters(),
        "params_after": plan.new.parameters(),
        "bytes_before": sum(_bytes(t, known.get(t.name), floating) for t in old),
        "bytes_after": sum(_bytes(t, known.get(sources.get(t.name) or ""), floating) for t in new),
        "dtype": floating or "float32",
        "dtype_assumed": floating is None,
        "macs_before": sum(node.macs for node in plan.old.nodes),
        "macs_after": sum(node.macs for node in plan.new.nodes),
        "tensors_before": len(plan.old.tensors),
        "tensors_after": len(plan.new.tensors),
    }


def common_dtype(dtypes: Iterable[str]) -> str | None:
    """The floating dtype that most tensors have, or None where there is none."""
    counts: dict[str, int] = {}
    for dtype in dtypes:
        if "float" in dtype:
            counts[dtype] = counts.get(dtype, 0) + 1
    return max(counts, key=lambda name: counts[name]) if counts else None


def _bytes(tensor: Tensor, dtype: str | None, floating: str | None) -> int:
    if dtype is None:
        dtype = "int64" if tensor.init == "count" else floating or "float32"
    return prod(tensor.shape) * ITEM_BYTES.get(dtype, 4)
