"""One layer evaluated with several sets of weights, large ones a few rows at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..architecture.graph import Graph
from .look_up import look_up
from .scratch import Scratch, allocated
from .threads import Workers
from .variants import Variant
from .weights import Reader

LINEAR_PIECE = 2**18
"""A linear layer above this many weights is evaluated in pieces of about that size: 2 MiB of float64
stay in the cache, so that each weight comes from memory once for all variants."""
CONV_PIECE = 2**22
"""Convolutions are bound by arithmetic and unfold their input again for each piece: larger pieces."""
UNFOLDED = 2**19
"""Float64 convolutions unfold their input, each value once per kernel place.  They are called with as
many rows of a batch as make about that many values: 4 MiB, which stay in the cache (measured: twice
as fast as whole batches)."""
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)

Place = tuple[int, int]
"""Number of the variant, number of the sample."""
Call = tuple[tuple[Any, ...], dict[str, Any]]


class Layer:
    """A module on torch's ``meta`` device, with the shapes of the tensors that it needs in eval mode."""

    def __init__(self, graph: Graph, target: str, module: nn.Module) -> None:
        self.target, self.module = target, module
        self.shapes: dict[str, tuple[int, ...]] = {}
        for suffix, held in chain(
            module.named_parameters(remove_duplicate=False), module.named_buffers(remove_duplicate=False)
        ):
            declared = graph.tensors.get(f"{target}.{suffix}")
            if declared is None or declared.init != "count":  # Eval mode does not look at counters.
                self.shapes[suffix] = tuple(held.shape)

    @property
    def size(self) -> int:
        return sum(prod(shape) for shape in self.shapes.values())

    def evaluate(
        self, reader: Reader, variants: Sequence[Variant], calls: Mapping[Place, Call], workers: Workers
    ) -> dict[Place, Any]:
        """Call the module for every variant and sample; each piece of its tensors is read once."""
        if not self.shapes:
            return {at: self.module(*args, **kwargs) for at, (args, kwargs) in calls.items()}
        if type(self.module) is nn.Embedding and self.module.max_norm is None:
            table, indices = f"{self.target}.weight", {at: args[0] for at, (args, _) in calls.items()}
            rows, columns = self.shapes["weight"]
            return look_up(table, (rows, columns), reader, variants, indices)
        joined, pieces = self._pieces()
        scratch = Scratch() if len(pieces) > 1 else None
        batches = {at: self._batches(call) for at, call in calls.items()}
        parts: dict[Place, list[Tensor]] = {at: [] for at in calls}
        for weights in workers.ahead([partial(self._weights, reader, variants, scratch, *piece) for piece in pieces]):
            tasks = [
                partial(with_weights(self.module, weights[v]), *args, **kwargs)
                for (v, _), found in batches.items()
                for args, kwargs in found
            ]
            results = iter(workers.all(tasks, self._work(batches)))
            for at, found in batches.items():
                some = [next(results) for _ in found]
                parts[at].append(torch.cat(some) if len(some) > 1 else some[0])
        for variant in variants:
            variant.release()
        return {at: torch.cat(found, joined) if len(found) > 1 else found[0] for at, found in parts.items()}

    def _batches(self, call: Call) -> list[Call]:
        """The call, for a convolution in parts with a few rows of the batch each."""
        args, kwargs = call
        if type(self.module) not in CONVOLUTIONS:
            return [call]
        places = prod(self.shapes["weight"][2:])
        rows = max(1, UNFOLDED // max(1, places * args[0][0].numel()))
        return [((some,), kwargs) for some in torch.split(args[0], rows)]

    def _weights(
        self, reader: Reader, variants: Sequence[Variant], scratch: Scratch | None, start: int, stop: int | None
    ) -> list[dict[str, Tensor]]:
        """Rows of the layer's tensors for each variant (``stop`` None: to the end)."""
        empty = allocated if scratch is None else scratch.empty
        if scratch is not None:
            scratch.turn()
        found: list[dict[str, Tensor]] = [{} for _ in variants]
        for suffix, shape in self.shapes.items():
            name = f"{self.target}.{suffix}"
            raw = reader.rows(name, start, (shape[0] if shape else 1) if stop is None else stop)
            floating = raw.is_floating_point()
            exact = empty(raw.shape).copy_(raw) if floating and raw.dtype != torch.float64 else raw
            for weights, variant in zip(found, variants, strict=True):
                weights[suffix] = variant.piece(name, raw, exact, start, empty) if floating else raw
        return found

    def _pieces(self) -> tuple[int, list[tuple[int, int | None]]]:
        """The output axis along which results are joined, and the rows of each piece (None: to the end).

        Only layers whose output units depend on one row each are cut: linear layers and ungrouped
        convolutions.  Anything else is one piece.
        """
        if type(self.module) is nn.Linear:
            joined, limit = -1, LINEAR_PIECE
        elif type(self.module) in CONVOLUTIONS and self.module.groups == 1:
            joined, limit = 1, CONV_PIECE
        else:
            return 0, [(0, None)]
        rows, *row = self.shapes["weight"]
        step = max(1, limit // max(1, prod(row)))
        return joined, [(start, min(rows, start + step)) for start in range(0, rows, step)]

    def _work(self, batches: Mapping[Place, Sequence[Call]]) -> int:
        """Multiply-accumulates, about, of the largest call on one piece."""
        weight = self.shapes.get("weight", ())
        entering: int = max(values.numel() for calls in batches.values() for args, _ in calls for values in args)
        if type(self.module) is nn.Linear:
            return entering // weight[1] * min(prod(weight), LINEAR_PIECE)
        return entering * (weight[0] * prod(weight[2:]) if len(weight) > 2 else 1)


def with_weights(module: nn.Module, weights: dict[str, Tensor]) -> Callable[..., Any]:
    """The module with these tensors instead of its own; the module itself is not changed."""
    if any(True for _ in module.children()):
        return partial(_call, module, weights)
    shell = copy.copy(module)  # Far cheaper than functional_call, which matters for many small pieces.
    for kind in ("_parameters", "_buffers"):
        held = module.__dict__[kind]
        shell.__dict__[kind] = {name: weights.get(name, tensor) for name, tensor in held.items()}
    return shell


def _call(module: nn.Module, weights: dict[str, Tensor], *args: Any, **kwargs: Any) -> Any:
    return functional_call(module, weights, args, kwargs)
