"""``diff``: what a plan changes, or how two checkpoints differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .reading import Spec
from .results import DiffResult

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint

Progress = Callable[[str, int, int], None]


def diff(
    spec: str | Path,
    checkpoint: str | Path | None = None,
    new_spec: str | Path | None = None,
    new_checkpoint: str | Path | None = None,
    *,
    model: str | Path | None = None,
    grow: str | Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    new_settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
    calibrate: str | Path | None = None,
    progress: Progress | None = None,
) -> DiffResult:
    """The parameter changes of a spec's growth; with four files, the differences of two checkpoints."""
    from .planning import plan

    if new_spec is None or new_checkpoint is None or checkpoint is None:
        if new_spec is not None or new_checkpoint is not None:
            raise TypeError("diff compares OLD_SPEC, OLD_CHECKPOINT, NEW_SPEC, NEW_CHECKPOINT, or plans SPEC")
        planned = plan(spec, checkpoint, model=model, grow=grow, settings=settings, seed=seed, calibrate=calibrate)
        return DiffResult({**planned.document, "kind": "diff"})
    from .opening import open_fitting
    from .reading import read_spec

    old = read_spec(spec, model=model, settings=settings, checkpoint=checkpoint)
    new = read_spec(new_spec, settings=new_settings, checkpoint=new_checkpoint)
    with open_fitting(checkpoint, old) as before, open_fitting(new_checkpoint, new) as after:
        tensors = _tensors(old, before, new, after, progress)
        return DiffResult(
            {
                "schema": 1,
                "kind": "diff",
                "model": new.network.name,
                "tensors": tensors,
                "modules": _modules(old, new),
                "totals": _totals(old, before, new, after),
                "skipped": [],
                "warnings": [],
            }
        )


def _tensors(
    old: Spec, before: Checkpoint, new: Spec, after: Checkpoint, progress: Progress | None
) -> list[dict[str, Any]]:
    """One entry per tensor of either; those that are gone come last."""
    names = [n for n in new.graph.tensors if n in after]
    gone = [n for n in old.graph.tensors if n in before and n not in after]
    total = sum(prod(after.shape(n)) for n in names) or 1
    done = 0
    found = []
    for name in names:
        if name in before:
            found.append(_pair(name, before, after, new.graph.tensors[name].buffer))
        else:
            found.append(_one(name, "add", None, after.shape(name), new.graph.tensors[name].buffer))
        done += prod(after.shape(name))
        if progress is not None:
            progress("compare", done, total)
    return found + [_one(n, "remove", before.shape(n), None, old.graph.tensors[n].buffer) for n in gone]


def _one(
    name: str, action: str, old: tuple[int, ...] | None, new: tuple[int, ...] | None, buffer: bool
) -> dict[str, Any]:
    return {
        "name": name,
        "action": action,
        "source": None if old is None else name,
        "old_shape": None if old is None else list(old),
        "new_shape": None if new is None else list(new),
        "buffer": buffer,
        "parts": [],
    }


def _pair(name: str, before: Checkpoint, after: Checkpoint, buffer: bool) -> dict[str, Any]:
    """A tensor of both: is the old one still in the new one, at the beginning of every axis?"""
    old, new = before.shape(name), after.shape(name)
    grown = len(old) == len(new) and all(n >= o for o, n in zip(old, new))
    kept = before.dtype(name) == after.dtype(name) and grown and _holds(name, before, after)
    if old == new:
        return _one(name, "keep" if kept else "change", old, new, buffer)
    entry = _one(name, "grow" if grown else "change", old, new, buffer)
    if grown:
        entry["parts"] = [
            {"axis": axis, "start": start, "stop": stop, "how": how}
            for axis, (o, n) in enumerate(zip(old, new))
            if o != n
            for start, stop, how in ((0, o, "old" if kept else "changed"), (o, n, "appended"))
        ]
    return entry


def _holds(name: str, before: Checkpoint, after: Checkpoint) -> bool:
    """Whether the new tensor begins, along every axis, with the old one (bit for bit)."""
    shape = before.shape(name)
    rows = shape[0] if shape else 1
    step = max(1, (1 << 20) // max(1, prod(after.shape(name)[1:])))
    for start in range(0, rows, step):
        stop = min(start + step, rows)
        left, right = before.rows(name, start, stop), after.rows(name, start, stop)
        corner = (slice(None), *(slice(0, size) for size in shape[1:]))
        part = right[corner] if shape else right
        if left.tobytes() != part.tobytes():
            return False
    return True


def _modules(old: Spec, new: Spec) -> list[dict[str, Any]]:
    from ..growth.document import macs_by_name, module_of

    sums: dict[str, dict[str, Any]] = {}
    for which, spec in (("after", new), ("before", old)):
        macs = macs_by_name(spec.graph)
        for tensor in spec.graph.tensors.values():
            name = module_of(tensor.name)
            entry = sums.setdefault(
                name, {"name": name, "params_before": 0, "params_after": 0, "macs_before": 0, "macs_after": 0}
            )
            entry[f"macs_{which}"] = macs.get(name, 0)
            if not tensor.buffer:
                entry[f"params_{which}"] += prod(tensor.shape)
    return list(sums.values())


def _totals(old: Spec, before: Checkpoint, new: Spec, after: Checkpoint) -> dict[str, Any]:
    from ..growth.document import ITEM_BYTES
    from .opening import dtype_of

    def size(source: Checkpoint) -> int:
        return sum(prod(entry.shape) * ITEM_BYTES.get(entry.dtype, 4) for entry in source.entries.values())

    return {
        "params_before": old.graph.parameters(),
        "params_after": new.graph.parameters(),
        "bytes_before": size(before),
        "bytes_after": size(after),
        "dtype": dtype_of(after),
        "dtype_assumed": False,
        "macs_before": sum(node.macs for node in old.graph.nodes),
        "macs_after": sum(node.macs for node in new.graph.nodes),
        "tensors_before": len(before),
        "tensors_after": len(after),
    }
