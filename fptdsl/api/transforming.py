"""From a plan and an open checkpoint to the tensors that are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from ..checkpoint import Checkpoint, NewTensor
    from ..growth.evaluate import Evaluator
    from ..growth.plan import Plan, TensorPlan


def new_tensors(plan: Plan, source: Checkpoint, progress: Callable[[int, int], None] | None) -> list[NewTensor]:
    """The grown tensors in the order of the grown ``state_dict``, computed as they are written.

    Tensors that keep their values are copied by their bytes.  An optional tensor that the old checkpoint
    lacks (``num_batches_tracked``) stays away.
    """
    from ..checkpoint import NewTensor, dtype_for
    from ..growth.evaluate import Evaluator

    evaluator = Evaluator(plan, source)
    total = sum(prod(tensor.new_shape) for tensor in plan.tensors if tensor.recipe is not None)
    count = _Counted(progress, total)
    models = _models(plan)
    found = []
    for tensor in plan.tensors:
        if tensor.source is not None and tensor.source not in source:
            continue
        if tensor.source is not None:
            dtype = source.dtype(tensor.source)
        else:
            init = plan.new.tensors[tensor.name].init
            dtype = dtype_for(source, tensor.name, buffer=tensor.buffer, init=init)
        chunks = None if tensor.recipe is None else _Chunks(evaluator, tensor, dtype, count)
        like = models.get(tensor.name)
        found.append(NewTensor(tensor.name, tensor.source, tensor.new_shape, dtype, chunks, like=like))
    return found


def _models(plan: Plan) -> dict[str, str]:
    """For tensors that growth adds, the old one of the same kind of layer that each is most like."""
    from ..checkpoint.new_keys import alike

    old: dict[tuple[str, str], list[str]] = {}
    for node in plan.old.nodes:
        for suffix, tensor in node.tensors.items():
            old.setdefault((node.op, suffix), []).append(tensor.name)
    added = {tensor.name for tensor in plan.tensors if tensor.source is None}
    kinds = {t.name: (node.op, suffix) for node in plan.new.nodes for suffix, t in node.tensors.items()}
    found = {name: alike(name, old.get(kinds[name], ())) for name in added}
    return {name: like for name, like in found.items() if like is not None}


class _Counted:
    """Reports elements done."""

    def __init__(self, report: Callable[[int, int], None] | None, total: int) -> None:
        self.report, self.total, self.done = report, total, 0

    def add(self, count: int) -> None:
        self.done += count
        if self.report is not None:
            self.report(min(self.done, self.total), self.total)


class _Chunks:
    """The rows of one grown tensor; each call starts anew."""

    def __init__(self, evaluator: Evaluator, tensor: TensorPlan, dtype: str, count: _Counted) -> None:
        self.evaluator, self.tensor, self.dtype, self.count = evaluator, tensor, dtype, count

    def __call__(self) -> Iterator[np.ndarray[Any, Any]]:
        for chunk in self.evaluator.chunks(self.tensor, self.dtype):
            self.count.add(chunk.size)
            yield chunk
