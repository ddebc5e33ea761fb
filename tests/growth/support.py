"""Growing small random networks in memory: what the tests of growth share.

The networks are built as ``nn.Module`` and run by torch in float64; weights are random everywhere, so
that nothing is zero or one by accident.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from fptdsl.architecture import elaborate, lower
from fptdsl.architecture.graph import Graph
from fptdsl.growth import Evaluator, make_plan
from fptdsl.growth.plan import Plan
from fptdsl.language import load
from fptdsl.modules import build

TORCH = {
    "float32": torch.float32,
    "float64": torch.float64,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}
StateDict = dict[str, torch.Tensor]


class Weights:
    """A state dict as the source of an evaluator."""

    def __init__(self, state: StateDict) -> None:
        self.state = state

    def rows(self, name: str, start: int, stop: int) -> np.ndarray:
        tensor = self.state[name]
        bits = tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor
        raw = bits.numpy()
        raw = raw.view(np.uint16) if tensor.dtype == torch.bfloat16 else raw
        return raw[start:stop] if raw.ndim else raw.reshape(1)

    def dtype(self, name: str) -> str:
        return str(self.state[name].dtype).removeprefix("torch.")

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self.state[name].shape)


def graph_of(spec: str, *grow: str, settings: dict[str, object] | None = None) -> tuple[Graph, tuple]:
    document = load(spec, grow=list(grow))
    network = elaborate(document, settings or {})
    return lower(network), document.grows


def plan_of(spec: str, *grow: str, settings: dict[str, object] | None = None, seed: int = 0) -> Plan:
    graph, grows = graph_of(spec, *grow, settings=settings)
    return make_plan(graph.network, graph, grows, seed=seed)


def random_state(graph: Graph, dtype: str = "float32", seed: int = 0) -> StateDict:
    """Random weights in the sizes of a trained network; norms with scales and statistics off 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    state: StateDict = {}
    for name, tensor in graph.tensors.items():
        if tensor.init == "count":
            state[name] = torch.tensor(7)
            continue
        values = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
        if tensor.init == "kernel":
            values *= 1.3 / max(1, int(np.prod(tensor.shape[1:]))) ** 0.5
        elif tensor.init == "variance":
            values = values.abs() + 0.3
        elif tensor.init in ("scale", "slope"):
            values = 1 + 0.3 * values
        else:
            values *= 0.3
        state[name] = values.to(TORCH[dtype])
    return state


def random_inputs(graph: Graph, rows: int) -> list[torch.Tensor]:
    """Standard normal numbers; integers below the length of the shortest table that they could index."""
    generator = torch.Generator().manual_seed(1)
    tables = [node.args.num_embeddings for node in graph.nodes if node.op == "embedding"]  # type: ignore[attr-defined]
    return [
        torch.randint(min(tables), (rows, *value.shape), generator=generator)
        if value.dtype == "int"
        else torch.randn(rows, *value.shape, dtype=torch.float64, generator=generator)
        for value in graph.inputs.values()
    ]


def run(graph: Graph, state: StateDict, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """All outputs in float64, eval mode."""
    module = build(graph).double().eval()
    module.load_state_dict({k: v.double() if v.is_floating_point() else v for k, v in state.items()}, strict=True)
    with torch.no_grad():
        result = module(*inputs)
    return list(result.values()) if isinstance(result, dict) else [result]


def grown_state(plan: Plan, state: StateDict, dtype: str = "float32") -> StateDict:
    """The grown tensors as they are stored."""
    evaluator = Evaluator(plan, Weights(state))
    new: StateDict = {}
    for tensor in plan.tensors:
        kind = "int64" if plan.new.tensors[tensor.name].init == "count" else dtype
        raw = np.concatenate(list(evaluator.chunks(tensor, kind))).reshape(tensor.new_shape)
        values = torch.from_numpy(raw.view(np.int16).copy() if kind == "bfloat16" else raw.copy())
        new[tensor.name] = values.view(torch.bfloat16) if kind == "bfloat16" else values
    return new


def unrounded_state(plan: Plan, state: StateDict) -> StateDict:
    evaluator = Evaluator(plan, Weights(state))
    return {t.name: torch.from_numpy(np.array(evaluator.unrounded(t))) for t in plan.tensors}


def relative_error(new: list[torch.Tensor], old: list[torch.Tensor]) -> float:
    """The largest over all outputs of max|new - old| / max|old|."""
    assert all(bool(torch.isfinite(y).all()) and float(y.abs().max()) > 0 for y in old)
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(new, old, strict=True))


@dataclass
class Outcome:
    plan: Plan
    state: StateDict
    grown: StateDict
    inputs: list[torch.Tensor]
    old_outputs: list[torch.Tensor]
    stored: float
    unrounded: float

    def error_of(self, state: StateDict) -> float:
        """The error when these weights are put in the grown network."""
        return relative_error(run(self.plan.new, state, self.inputs), self.old_outputs)


def grow(
    spec: str, *directives: str, dtype: str = "float32", settings: dict[str, object] | None = None, seed: int = 0
) -> Outcome:
    """Grow a random network; errors in float64 of what is stored and of the unrounded recipe."""
    plan = plan_of(spec, *directives, settings=settings, seed=seed)
    state = random_state(plan.old, dtype)
    inputs = random_inputs(plan.old, 3)
    old = run(plan.old, state, inputs)
    grown = grown_state(plan, state, dtype)
    stored = relative_error(run(plan.new, grown, inputs), old)
    unrounded = relative_error(run(plan.new, unrounded_state(plan, state), inputs), old)
    return Outcome(plan, state, grown, inputs, old, stored, unrounded)
