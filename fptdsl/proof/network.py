"""Evaluation of a network layer by layer, with the tensors of each layer loaded and dropped.

The module is built without memory for its weights (torch's ``meta`` device) and its ``torch.fx`` graph is
walked.  At any moment there are the activations that are still needed, and the weights of one layer, of
large layers a few rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Union, cast

import torch
from torch import Tensor, fx, nn
from torch.func import functional_call

from ..architecture.graph import Graph
from ..modules import build
from .inputs import Sample
from .variants import Variant


class TensorSource(Protocol):
    """A checkpoint: tensors by the spec's key, in the dtype of the file."""

    def tensor(self, name: str) -> Tensor: ...


Weights = Union[TensorSource, Callable[[str], Tensor]]
Outputs = dict[str, Tensor]
Progress = Callable[[int, int], None]
"""Called with the weights evaluated so far and their total number."""

LINEAR_ROWS = 2**18
"""A linear layer above this many weights is evaluated in pieces of about that size: 2 MiB of float64
stay in the cache, so that each weight comes from memory once for all variants."""
CONV_ROWS = 2**22
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
    """One network with its weights, ready to be evaluated in eval mode.

    ``zeros`` collects the names of tensors that are zero everywhere, as they are read.
    """

    def __init__(self, graph: Graph, weights: Weights, *, tally: Tally | None = None) -> None:
        self.graph = graph
        self.read: Callable[[str], Tensor] = getattr(weights, "tensor", cast(Any, weights))
        self.module: fx.GraphModule = build(graph, device="meta").eval()
        self.tally = tally
        self.zeros: set[str] = set()
        self._dying = _last_uses(self.module.graph)

    def run(self, variants: Sequence[Variant], samples: Sequence[Sample]) -> dict[str, dict[int, Outputs]]:
        """The outputs per variant (by its name) and sample (by its number); inputs get the variant's dtype."""
        grid = [
            (v, s) for v, variant in enumerate(variants) for s, sample in enumerate(samples)
            if variant.always or sample.full
        ]
        values: dict[fx.Node, dict[tuple[int, int], Any]] = {}
        results: dict[str, dict[int, Outputs]] = {variant.name: {} for variant in variants}
        with torch.no_grad():
            for node in self.module.graph.nodes:
                if node.op == "output":
                    for v, s in grid:
                        found = fx.node.map_arg(node.args[0], lambda n, at=(v, s): values[n][at])
                        results[variants[v].name][s] = self._named(found)
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
        self, node: fx.Node, variants: Sequence[Variant], samples: Sequence[Sample],
        values: dict[fx.Node, dict[tuple[int, int], Any]], grid: Sequence[tuple[int, int]],
    ) -> dict[tuple[int, int], Any]:
        if node.op == "placeholder":
            return {(v, s): _cast(samples[s].inputs[str(node.target)], variants[v].dtype) for v, s in grid}
        calls = {}
        for at in grid:
            look = lambda n, at=at: values[n][at]  # noqa: E731
            calls[at] = (fx.node.map_arg(node.args, look), fx.node.map_arg(node.kwargs, look))
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
        raw = self._load(target, layer)
        if not raw:
            return {at: layer(*args, **kwargs) for at, (args, kwargs) in calls.items()}
        parts: dict[tuple[int, int], list[Tensor]] = {at: [] for at in calls}
        joined, pieces = _pieces(layer, raw)
        for start, piece in pieces:
            exact = {suffix: _cast(rows, torch.float64) for suffix, rows in piece.items()}
            for v, variant in enumerate(variants):
                weights = {
                    suffix: variant.piece(f"{target}.{suffix}", rows, exact[suffix], start)
                    if rows.is_floating_point() else rows
                    for suffix, rows in piece.items()
                }
                for at, (args, kwargs) in calls.items():
                    if at[0] == v:
                        parts[at].append(functional_call(layer, weights, args, kwargs))
        for variant in variants:
            variant.release()
        if self.tally is not None:
            self.tally.add(sum(rows.numel() for rows in raw.values()))
        return {at: torch.cat(found, joined) if len(found) > 1 else found[0] for at, found in parts.items()}

    def _load(self, target: str, layer: nn.Module) -> dict[str, Tensor]:
        """The layer's tensors as stored; counters, which eval mode does not use, are left out."""
        found = {}
        names = [n for n, _ in layer.named_parameters(remove_duplicate=False)]
        names += [n for n, _ in layer.named_buffers(remove_duplicate=False)]
        for suffix in names:
            name = f"{target}.{suffix}"
            declared = self.graph.tensors.get(name)
            if declared is not None and declared.init == "count":
                continue
            found[suffix] = self._tensor(name)
        return found

    def _tensor(self, name: str) -> Tensor:
        tensor = self.read(name).detach()
        if not tensor.flatten()[:4096].any() and not tensor.any():
            self.zeros.add(name)
        return tensor

    def _attribute(self, target: str, variants: Sequence[Variant], grid: Sequence[tuple[int, int]]) -> dict[Any, Any]:
        raw = self._tensor(target)
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


def _pieces(layer: nn.Module, raw: dict[str, Tensor]) -> tuple[int, Iterator[tuple[int, dict[str, Tensor]]]]:
    """The output axis along which results are joined, and the tensors in pieces of consecutive rows.

    Only layers whose output units depend on one row each are cut: linear layers and ungrouped
    convolutions.  Anything else is one piece.
    """
    weight = raw.get("weight")
    if weight is not None and type(layer) is nn.Linear:
        joined, limit = -1, LINEAR_ROWS
    elif weight is not None and type(layer) in (nn.Conv1d, nn.Conv2d, nn.Conv3d) and layer.groups == 1:
        joined, limit = 1, CONV_ROWS
    else:
        return 0, iter([(0, raw)])
    step = max(1, limit // max(1, weight[0].numel()))
    if len(weight) <= step:
        return joined, iter([(0, raw)])
    starts = range(0, len(weight), step)
    return joined, iter([(start, {k: rows[start : start + step] for k, rows in raw.items()}) for start in starts])
