"""Evaluation of a network layer by layer, with the tensors of each layer loaded and dropped.

The module is built without memory for its weights (torch's ``meta`` device) and its ``torch.fx`` graph is
walked.  At any moment there are the activations that are still needed, and the weights of one layer, of
large layers a few rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from ..architecture.graph import Graph
from ..modules import build
from .inputs import Sample
from .layer import Call, Layer, Place
from .threads import Workers
from .variants import Variant
from .weights import Reader, Weights

Outputs = dict[str, Tensor]
Progress = Callable[[int, int], None]
"""Called with the weights evaluated so far and their total number."""


@dataclass(frozen=True)
class Tally:
    """Weights evaluated so far, over all evaluations of a verification."""

    report: Progress | None
    total: int
    done: list[int]

    def add(self, count: int) -> None:
        self.done[0] += count
        if self.report is not None:
            self.report(min(self.done[0], self.total), self.total)


class Evaluation:
    """One network with its weights, ready to be evaluated in eval mode.

    ``batch_statistics``: batch norms take mean and variance from the batch, which is train mode without dropout.
    """

    def __init__(
        self,
        graph: Graph,
        weights: Weights,
        *,
        workers: Workers | None = None,
        tally: Tally | None = None,
        batch_statistics: bool = False,
    ) -> None:
        self.graph = graph
        self.workers = workers or Workers()
        self.reader = Reader(weights)
        self.module: fx.GraphModule = build(graph, device="meta").eval()
        if batch_statistics:
            forget_running_statistics(self.module)
        self.tally = tally
        self._dying = _last_uses(self.module.graph)

    def run(self, variants: Sequence[Variant], samples: Sequence[Sample]) -> dict[str, dict[int, Outputs]]:
        """The outputs per variant (by its name) and sample (by its number); inputs get the variant's dtype."""
        grid = [
            (v, s)
            for v, variant in enumerate(variants)
            for s, sample in enumerate(samples)
            if variant.always or sample.full
        ]
        values: dict[fx.Node, dict[Place, Any]] = {}
        results: dict[str, dict[int, Outputs]] = {variant.name: {} for variant in variants}
        with torch.no_grad():
            for node in self.module.graph.nodes:
                if node.op == "output":
                    for at in grid:
                        results[variants[at[0]].name][at[1]] = self._named(_values_at(node.args[0], values, at))
                    break
                values[node] = self._node(node, variants, samples, values, grid)
                for gone in self._dying.get(node, ()):
                    del values[gone]
        return results

    def _named(self, found: Any) -> Outputs:
        if isinstance(found, Mapping):
            return dict(found)
        return {next(iter(self.graph.outputs)): found}

    def _node(
        self,
        node: fx.Node,
        variants: Sequence[Variant],
        samples: Sequence[Sample],
        values: dict[fx.Node, dict[Place, Any]],
        grid: Sequence[Place],
    ) -> dict[Place, Any]:
        if node.op == "placeholder":
            return {(v, s): _cast(samples[s].inputs[str(node.target)], variants[v].dtype) for v, s in grid}
        if node.op == "get_attr" and all(_is_head(user, node) for user in node.users):
            return {}  # read where it is used, a few rows at a time
        if node.op == "call_function" and _is_head(node, node.args[1] if len(node.args) == 2 else None):
            return self._head(node, variants, {at: ((_values_at(node.args[0], values, at),), {}) for at in grid})
        calls = {at: (_values_at(node.args, values, at), _values_at(node.kwargs, values, at)) for at in grid}
        if node.op == "call_module":
            return self._layer(str(node.target), variants, calls)
        if node.op == "get_attr":
            return self._attribute(str(node.target), variants, grid)
        function = cast(Callable[..., Any], node.target)
        if node.op == "call_method":
            function = getattr(Tensor, str(node.target))
        return {at: function(*args, **kwargs) for at, (args, kwargs) in calls.items()}

    def _layer(self, target: str, variants: Sequence[Variant], calls: Mapping[Place, Call]) -> dict[Place, Any]:
        layer = Layer(self.graph, target, self.module.get_submodule(target))
        results = layer.evaluate(self.reader, variants, calls, self.workers)
        if self.tally is not None:
            self.tally.add(layer.size)
        return results

    def _head(self, node: fx.Node, variants: Sequence[Variant], calls: Mapping[Place, Call]) -> dict[Place, Any]:
        """A linear layer whose kernel is another layer's table (tied embeddings)."""
        table = str(cast(fx.Node, node.args[1]).target)
        rows, columns = self.graph.tensors[table].shape
        linear = nn.Linear(columns, rows, bias=False, device="meta")
        return Layer(self.graph, table.rpartition(".")[0], linear).evaluate(self.reader, variants, calls, self.workers)

    def _attribute(self, target: str, variants: Sequence[Variant], grid: Sequence[Place]) -> dict[Place, Any]:
        raw = self.reader.whole(target, self.graph.tensors[target].shape)
        exact = _cast(raw, torch.float64)
        weights = [v.piece(target, raw, exact, 0) if raw.is_floating_point() else raw for v in variants]
        for variant in variants:
            variant.release()
        return {(v, s): weights[v] for v, s in grid}


def _is_head(node: fx.Node, kernel: object) -> bool:
    """Whether a node multiplies by this tensor, called ``weight``, and does nothing else with it."""
    return (
        isinstance(kernel, fx.Node)
        and kernel.op == "get_attr"
        and str(kernel.target).endswith(".weight")
        and node.target is functional.linear
        and len(node.args) == 2
        and node.args[1] is kernel
        and node.args[0] is not kernel
        and not node.kwargs
    )


def forget_running_statistics(module: nn.Module) -> None:
    """Let every batch norm normalise by the batch, without a change of any running statistics."""
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.track_running_stats = False
            part.running_mean = part.running_var = part.num_batches_tracked = None


def _cast(values: Tensor, dtype: torch.dtype) -> Tensor:
    return values.to(dtype) if values.is_floating_point() else values


def _last_uses(graph: fx.Graph) -> dict[fx.Node, list[fx.Node]]:
    """For each node, the values that nobody needs after it (itself where nobody uses it)."""
    last: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        last.setdefault(node, node)
        for used in node.all_input_nodes:
            last[used] = node
    dying: dict[fx.Node, list[fx.Node]] = {}
    for value, node in last.items():
        if node.op != "output" and value.op != "output":
            dying.setdefault(node, []).append(value)
    return dying


def _values_at(argument: Any, values: Mapping[fx.Node, Mapping[Place, Any]], at: Place) -> Any:
    """An argument of the ``torch.fx`` graph with every node replaced by its value for one variant and sample."""

    def value(node: fx.Node) -> Any:
        return values[node][at]

    return fx.node.map_arg(argument, value)
