"""The gradient probe (V-8): which new parameters do not learn, and which copies stay twins.

One backward pass towards a random target on the grown network in float64 and train mode, and two steps of
SGD.  The whole network is held in memory, with gradients: 16 bytes a parameter and the activations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx

from ..architecture.graph import Graph
from ..growth.plan import Plan, TensorPlan
from ..modules import build
from .certificate.reading import EPS
from .gradient_report import GradientReport, Twins, Unmoved
from .gradient_units import holders, new_positions, originals
from .inputs import random_sample
from .weights import RowSource, from_raw

BATCH = 4
STEPS = 2
STEP_SIZE = 1e-2
"""Length of a step of SGD, relative to that of the weights."""
SAME = 16.0
"""Gradients that differ by fewer units of the file's precision, relative to the largest, are those of twins:
equal shares differ by the rounding of the last one (S-1)."""

Floats = NDArray[np.float64]
Gradients = Mapping[str, Floats]


def gradient_probe(graph: Graph, weights: RowSource, plan: Plan | None = None, *, seed: int = 0) -> GradientReport:
    """Probe a grown network with its weights; ``plan`` says what is new in it.

    Without a plan, whole tensors without gradient are all that can be told.
    """
    with _few_threads(sum(node.macs for node in graph.nodes) * BATCH):
        module = _loaded(graph, weights)
        passes = _train(module, graph, seed)
    first = passes[0]
    still = {name: np.max([np.abs(found[name]) for found in passes], axis=0) for name in first}
    if plan is None:
        whole = tuple(Unmoved(name, None, 1) for name, found in still.items() if not found.any())
        return GradientReport(dead=whole)
    dead = tuple(part for part in _unmoved(plan, still) if _by_construction(part, plan, weights))
    waiting = tuple(part for part in _unmoved(plan, first) if part not in dead)
    ratio, largest = _ratio(plan, first)
    cure = _cure(plan, largest)
    return GradientReport(waiting, dead, _twins(plan, passes, _precision(plan, weights)), ratio, cure)


@contextmanager
def _few_threads(work: int) -> Iterator[None]:
    """One thread for small operations, which are slower on several."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if work < 10**9 else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _loaded(graph: Graph, weights: RowSource) -> fx.GraphModule:
    module: fx.GraphModule = build(graph).double().train()
    state = module.state_dict()
    held = {}
    for name, tensor in graph.tensors.items():
        if tensor.optional and name not in weights:  # type: ignore[operator]
            held[name] = state[name]
            continue
        raw = weights.rows(name, 0, tensor.shape[0] if tensor.shape else 1)
        values = from_raw(raw, weights.dtype(name)).reshape(tensor.shape)
        held[name] = values.double() if values.is_floating_point() else values
    module.load_state_dict(held, strict=True)
    return module


def _train(module: fx.GraphModule, graph: Graph, seed: int) -> list[Gradients]:
    """The gradients before the first step, between the steps and after the last."""
    found: list[Gradients] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for step in range(STEPS + 1):
            sample = random_sample(graph, seed + step, BATCH)
            inputs = [value.double() if value.is_floating_point() else value for value in sample.inputs.values()]
            module.zero_grad(set_to_none=True)
            torch.autograd.backward([_loss(module(*inputs))])
            found.append({name: _gradient(parameter) for name, parameter in module.named_parameters()})
            _step(module)
    return found


def _loss(outputs: Tensor | dict[str, Tensor]) -> Tensor:
    """Mean squared distance from a random target of the outputs' size."""
    total = torch.zeros((), dtype=torch.float64)
    for output in outputs.values() if isinstance(outputs, dict) else [outputs]:
        size = output.detach().abs().max().clamp_min(1.0)
        total = total + ((output - torch.randn_like(output) * size) ** 2).mean()
    return total


def _gradient(parameter: Tensor) -> Floats:
    found = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
    copied: Floats = found.detach().numpy().copy()
    return copied


def _step(module: fx.GraphModule) -> None:
    """One step of SGD whose length is a hundredth of that of all weights."""
    moved = [p for p in module.parameters() if p.grad is not None]
    weights = sum(float((p.detach() ** 2).sum()) for p in moved) ** 0.5
    gradients = sum(float((p.grad**2).sum()) for p in moved if p.grad is not None) ** 0.5
    if gradients > 0:
        with torch.no_grad():
            for parameter in moved:
                assert parameter.grad is not None
                parameter.add_(parameter.grad, alpha=-STEP_SIZE * weights / gradients)


def _unmoved(plan: Plan, gradients: Gradients) -> tuple[Unmoved, ...]:
    """New rows, columns and tensors whose gradient is zero everywhere."""
    tables = {table.space: table for table in plan.tables}
    found = []
    for tensor in plan.tensors:
        gradient = gradients.get(tensor.name)
        if gradient is None or tensor.recipe is None:
            continue
        if not gradient.any():
            found.append(Unmoved(tensor.name, None, 1))
            continue
        leaders = originals(tensor, tables)
        for axis, fresh in enumerate(new_positions(tensor, tables)):
            others = tuple(place for place in range(gradient.ndim) if place != axis)
            moves = np.asarray(gradient.any(axis=others))
            # A copy of a unit that the inputs at hand do not excite says nothing.
            silent = fresh & ~moves & (moves[leaders[axis]] | (leaders[axis] == np.arange(len(fresh))))
            if tensor.recipe.roles[axis] != "fixed" and silent.any():
                found.append(Unmoved(tensor.name, axis, int(silent.sum()), int(np.argmax(silent))))
    return tuple(found)


def _by_construction(part: Unmoved, plan: Plan, weights: RowSource) -> bool:
    """Whether it is the growth that keeps a gradient away, and not the random inputs.

    A whole tensor, or rows that are zero and stay so; a unit with other weights may only not have been
    excited.
    """
    if part.axis is None:
        return True
    tensor = next(t for t in plan.tensors if t.name == part.tensor)
    if tensor.recipe is None or tensor.recipe.roles[part.axis] != "writes" or tensor.recipe.init != "kernel":
        return False
    raw = weights.rows(part.tensor, 0, tensor.new_shape[0])
    values = from_raw(raw, weights.dtype(part.tensor)).reshape(tensor.new_shape)
    return not bool(values.select(part.axis, part.first).any())


def _precision(plan: Plan, weights: RowSource) -> float:
    """Up to what relative difference gradients are the same."""
    used = {weights.dtype(t.name) for t in plan.tensors if t.recipe is not None and not t.buffer}
    return SAME * max((EPS.get(dtype, 0.0) for dtype in used), default=0.0)


def _twins(plan: Plan, passes: Sequence[Gradients], same: float) -> tuple[Twins, ...]:
    """Members of a class whose gradients are those of its first member, in every tensor of the Space and every pass.

    One pass is not enough: behind dropout the masks of two units may be equal by chance.
    """
    found = []
    for table in plan.tables:
        _, first, inverse = np.unique(table.classes, return_index=True, return_inverse=True)
        leader = first[inverse]
        alike, moves = leader != np.arange(table.new), np.zeros(table.new, dtype=bool)
        held = holders(plan, table.space) if alike.any() else []
        for gradients, holder in product(passes, held):
            moved = np.moveaxis(gradients[holder.tensor], holder.axis, 0)
            inside = np.flatnonzero(holder.units >= 0)
            order = inside[np.argsort(holder.units[inside], kind="stable")]
            rows = moved[order].reshape(table.new, -1)
            apart = np.abs(rows - rows[leader]).max(axis=1)
            alike &= apart <= same * np.abs(rows).max()
            moves |= rows.any(axis=1)
        copies = int((alike & moves).sum())
        if copies:
            found.append(Twins(table.space, copies))
    return tuple(found)


def _ratio(plan: Plan, gradients: Gradients) -> tuple[float | None, TensorPlan | None]:
    """The largest gradient of what is new over the largest of what is old, and the tensor that has it."""
    tables = {table.space: table for table in plan.tables}
    new, old, largest = 0.0, 0.0, None
    for tensor in plan.tensors:
        gradient = gradients.get(tensor.name)
        if gradient is None:
            continue
        fresh = np.zeros(gradient.shape, dtype=bool)
        for axis, flags in enumerate(new_positions(tensor, tables)):
            fresh |= flags.reshape((-1,) + (1,) * (gradient.ndim - axis - 1))
        size = np.abs(gradient)
        found = float(size[fresh].max(initial=0.0))
        if found > new:
            new, largest = found, tensor
        old = max(old, float(size[~fresh].max(initial=0.0)))
    return (new / old if old > 0 and new > 0 else None), largest


def _cure(plan: Plan, tensor: TensorPlan | None) -> str | None:
    """The method that begins with small gradients: that of widths, or of depth for a tensor that is new as a whole."""
    if tensor is None or tensor.action != "add":
        return "netmorph(zero=out)"
    methods = {step.method for step in plan.steps if step.kind == "deepen"}
    return "zero" if methods - {"zero"} else None
