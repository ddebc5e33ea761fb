"""Mean and variance per channel of every value that a network computes on data (``docs/maths.md`` D-4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn

from ..architecture.graph import Graph
from .build import _Code

Statistics = dict[str, tuple[tuple[float, ...], tuple[float, ...]]]


def channel_statistics(
    graph: Graph, state: Mapping[str, Tensor], batches: Iterable[Mapping[str, Tensor]]
) -> Statistics:
    """``(mean, variance)`` by the names of the graph's nodes and inputs, in float64.

    Batch norms take their statistics from the batch, as in the training that follows, and nothing is dropped: so
    a norm with these statistics is the identity in training on that batch.  Each batch has the inputs by name, the
    batch axis first.  Channels are on axis 1; the variance is that of the whole data, as a batch norm in training
    divides by it (not ``n - 1``).
    """
    root = nn.Module()
    code = _Code(graph, root)
    module = fx.GraphModule(root, code.write()).double().eval()
    module.load_state_dict({k: v.double() if v.is_floating_point() else v for k, v in state.items()}, strict=False)
    norms = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    names = {node: value.name for value, node in code.values.items()}
    sums = _Sums(module, names)
    with torch.no_grad():
        for batch in batches:
            inputs = [batch[name] for name in graph.inputs]
            for norm in norms:
                norm.train(len(inputs[0]) > 1)  # one row has no statistics of its own
            sums.run(*(x.double() if x.is_floating_point() else x for x in inputs))
    return sums.statistics()


class _Sums(fx.Interpreter):
    """Runs the module and adds up what each value of the network holds."""

    def __init__(self, module: fx.GraphModule, names: Mapping[fx.Node, str]) -> None:
        super().__init__(module)
        # The module's graph is a copy: its nodes have the same names.
        self.names = {node.name: name for node, name in names.items()}
        self.counts: dict[str, int] = {}
        self.moments: dict[str, Tensor] = {}
        """``[2, channels]``: sums of values and of squares around the mean of the first batch."""
        self.centres: dict[str, Tensor] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        name = self.names.get(n.name)
        if name is not None and isinstance(result, Tensor) and result.is_floating_point() and result.ndim > 1:
            self._add(name, result.transpose(0, 1).flatten(1))
        return result

    def _add(self, name: str, values: Tensor) -> None:
        centre = self.centres.setdefault(name, values.mean(1))
        apart = values - centre[:, None]
        moments = torch.stack((apart.sum(1), (apart * apart).sum(1)))
        self.moments[name] = self.moments[name] + moments if name in self.moments else moments
        self.counts[name] = self.counts.get(name, 0) + values.shape[1]

    def statistics(self) -> Statistics:
        found: Statistics = {}
        for name, (first, second) in self.moments.items():
            mean = first / self.counts[name]
            variance = second / self.counts[name] - mean * mean
            found[name] = tuple((self.centres[name] + mean).tolist()), tuple(variance.clamp(min=0.0).tolist())
        return found
