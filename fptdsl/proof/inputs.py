"""Inputs that both networks are evaluated on: random ones, made from the declared inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from zlib import crc32

import torch
from torch import Tensor

from ..architecture.graph import Graph, Value
from .lengths import input_shapes, numbers

SEEDS = (0, 1)
ROWS = (2, 16)
"""Rows of the larger batch, at least and at most."""
WORK = 5 * 10**8
"""Multiply-accumulates that the larger batch should take: small networks get more rows, so that units
that are off for one input are on for another."""
TOKENS = 8
"""Random integers are below this where the graph does not say how many there are."""


@dataclass(frozen=True)
class Sample:
    """One batch of every input.  ``source``: ``random`` or ``probe``; ``seed`` of a random one."""

    source: str
    batch: int
    inputs: Mapping[str, Tensor]
    seed: int | None = None
    first: int = 0
    """Number of the batch's first row in the probe."""
    full: bool = False
    """Whether noise and float32 are evaluated on it too: what the limits and the drift come from."""


def random_samples(graph: Graph) -> list[Sample]:
    """Standard normal inputs for two seeds, one with a single row and one with more (V-1).

    The last is ``full``.
    """
    work = sum(node.macs for node in graph.nodes)
    several = min(max(ROWS[0], WORK // max(1, work)), ROWS[1])
    single = 2 if _normalises_over_the_batch(graph) else 1
    return [random_sample(graph, SEEDS[0], single, full=False), random_sample(graph, SEEDS[1], several, full=True)]


def random_sample(graph: Graph, seed: int, batch: int, *, full: bool = True) -> Sample:
    """One batch: floating inputs from N(0, 1) in float32 precision, integer inputs uniform.

    Raises FptError (F503): inputs of no length fit the network.
    """
    inputs, shapes = {}, input_shapes(graph)
    for name, value in graph.inputs.items():
        generator = torch.Generator().manual_seed((seed << 32) + crc32(name.encode()))
        shape = (batch, *shapes[name])
        if value.dtype == "float":
            inputs[name] = torch.randn(shape, generator=generator)
        else:
            inputs[name] = torch.randint(0, _tokens(graph, value), shape, generator=generator)
    return Sample("random", batch, inputs, seed, full=full)


def _tokens(graph: Graph, value: Value) -> int:
    """How many integers a value may hold: as many as the shortest table has rows that it looks up."""
    held = {number for number, given in numbers(graph).items() if given is value}
    readers = [node for node in graph.nodes if node.op == "embedding" and node.inputs[0] in held]
    return min((node.tensors["weight"].shape[0] for node in readers), default=TOKENS)


def _normalises_over_the_batch(graph: Graph) -> bool:
    """Whether a batch norm without running statistics needs more than one row."""
    return any(
        node.op.startswith("batchnorm") and not getattr(node.args, "track_running_stats", True) for node in graph.nodes
    )


def rows_within(graph: Graph, memory: int) -> int:
    """How many rows of a batch keep what enters and leaves the widest operation within ``memory`` bytes."""
    widest = max(
        (sum(prod(value.shape) for value in node.inputs) + prod(node.output.shape) for node in graph.nodes), default=1
    )
    return max(1, memory // (8 * max(1, widest)))


def batches(start: int, stop: int, step: int) -> Iterator[tuple[int, int]]:
    """``(first, past the last)`` of consecutive batches of at most ``step`` rows."""
    for first in range(start, stop, step):
        yield first, min(stop, first + step)
