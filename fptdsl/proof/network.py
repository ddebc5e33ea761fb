"""Evaluation of a network layer by layer, with the tensors of each layer loaded and dropped.

The module is built without memory for its weights (torch's ``meta`` device) and its ``torch.fx`` graph is
walked.  At any moment there are the activations that are still needed, and the weights of one layer, of
large layers a few rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import Any, cast

import torch
from torch import Tensor, fx, nn
from torch.func import functional_call

from ..architecture.graph import Graph
from ..modules import build
from .inputs import Sample
from .variants import Variant
from .weights import Reader, Weights

Outputs = dict[str, Tensor]
Progress = Callable[[int, int], None]
"""Called with the weights evaluated so far and their total number."""

LINEAR_PIECE = 2**18
"""A linear layer above this many weights is evaluated in pieces of about that size: 2 MiB of float64
stay in the cache, so that each weight comes from memory once for all variants."""
CONV_PIECE = 2**22
"""Convolutions are bound by arithmetic and unfold their input again for each piece: larger pieces."""


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
    """One network with its weights, ready to be evaluated in eval mode."""

    def __init__(self, graph: Graph, weights: Weights, *, tally: Tally | None = None) -> None:
        self.graph = graph
        self.reader = Reader(weights)
        self.module: fx.GraphModule = build(graph, device="meta").eval()
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
        values: dict[fx.Node, dict[tuple[int, int], Any]] = {}
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
        values: dict[fx.Node, dict[tuple[int, int], Any]],
        grid: Sequence[tuple[int, int]],
    ) -> dict[tuple[int, int], Any]:
        if node.op == "placeholder":
            return {(v, s): _cast(samples[s].inputs[str(node.target)], variants[v].dtype) for v, s in grid}
        calls = {at: (_values_at(node.args, values, at), _values_at(node.kwargs, values, at)) for at in grid}
        if node.op == "call_module":
            return self._layer(str(node.target), variants, calls)
        if node.op == "get_attr":
            return self._attribute(str(node.target), variants, grid)
        if node.op == "call_method":
            return {at: getattr(args[0], str(node.target))(*args[1:], **kwargs) for at, (args, kwargs) in calls.items()}
        function = cast(Callable[..., Any], node.target)
        return {at: function(*args, **kwargs) for at, (args, kwargs) in calls.items()}

    def _layer(self, target: str, variants: Sequence[Variant], calls: dict[tuple[int, int], Any]) -> dict[Any, Any]:
        """Call a module for every variant and sample; its tensors are read once."""
        layer = self.module.get_submodule(target)
        tensors = self._tensors(target, layer)
        if not tensors:
            return {at: layer(*args, **kwargs) for at, (args, kwargs) in calls.items()}
        parts: dict[tuple[int, int], list[Tensor]] = {at: [] for at in calls}
        joined, pieces = _pieces(layer, tensors)
        for start, stop in pieces:
            raw = {
                suffix: self.reader.rows(f"{target}.{suffix}", start, stop or _rows(shape))
                for suffix, shape in tensors.items()
            }
            exact = {suffix: _cast(rows, torch.float64) for suffix, rows in raw.items()}
            for v, variant in enumerate(variants):
                weights = {
                    suffix: variant.piece(f"{target}.{suffix}", rows, exact[suffix], start)
                    if rows.is_floating_point()
                    else rows
                    for suffix, rows in raw.items()
                }
                for at, (args, kwargs) in calls.items():
                    if at[0] == v:
                        parts[at].append(functional_call(layer, weights, args, kwargs))
        for variant in variants:
            variant.release()
        if self.tally is not None:
            self.tally.add(sum(prod(shape) for shape in tensors.values()))
        return {at: torch.cat(found, joined) if len(found) > 1 else found[0] for at, found in parts.items()}

    def _tensors(self, target: str, layer: nn.Module) -> dict[str, tuple[int, ...]]:
        """Shapes of the layer's tensors by suffix; counters, which eval mode does not use, are left out."""
        found = {}
        for suffix, held in chain(
            layer.named_parameters(remove_duplicate=False), layer.named_buffers(remove_duplicate=False)
        ):
            declared = self.graph.tensors.get(f"{target}.{suffix}")
            if declared is None or declared.init != "count":
                found[suffix] = tuple(held.shape)
        return found

    def _attribute(self, target: str, variants: Sequence[Variant], grid: Sequence[tuple[int, int]]) -> dict[Any, Any]:
        raw = self.reader.whole(target, self.graph.tensors[target].shape)
        exact = _cast(raw, torch.float64)
        weights = [v.piece(target, raw, exact, 0) if raw.is_floating_point() else raw for v in variants]
        for variant in variants:
            variant.release()
        return {(v, s): weights[v] for v, s in grid}


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


def _values_at(argument: Any, values: Mapping[fx.Node, Mapping[tuple[int, int], Any]], at: tuple[int, int]) -> Any:
    """An argument of the ``torch.fx`` graph with every node replaced by its value for one variant and sample."""

    def value(node: fx.Node) -> Any:
        return values[node][at]

    return fx.node.map_arg(argument, value)


def _rows(shape: tuple[int, ...]) -> int:
    return shape[0] if shape else 1


def _pieces(layer: nn.Module, tensors: Mapping[str, tuple[int, ...]]) -> tuple[int, list[tuple[int, int | None]]]:
    """The output axis along which results are joined, and the rows of each piece (None: to the end).

    Only layers whose output units depend on one row each are cut: linear layers and ungrouped
    convolutions.  Anything else is one piece.
    """
    if type(layer) is nn.Linear:
        joined, limit = -1, LINEAR_PIECE
    elif type(layer) in (nn.Conv1d, nn.Conv2d, nn.Conv3d) and layer.groups == 1:
        joined, limit = 1, CONV_PIECE
    else:
        return 0, [(0, None)]
    rows, *row = tensors["weight"]
    step = max(1, limit // max(1, prod(row)))
    return joined, [(start, min(rows, start + step)) for start in range(0, rows, step)]
