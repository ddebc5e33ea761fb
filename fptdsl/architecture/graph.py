"""The graph: values, tensors and operations, with an axis term on every axis.

A :class:`Graph` is closed: each node is an operation that has a declaration in
``architecture/ops``.  The batch axis is implied and has no term.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .arguments import Args
from .terms import Term, size
from .tree import Network, Tree

Role = Literal["writes", "reads", "follows", "fixed"]
"""What a parameter axis does with its units: produces them, sums over them, holds one value for
each, or has nothing to do with growth (kernel axes)."""

Init = Literal["kernel", "shift", "scale", "offset scale", "mean", "variance", "slope", "count"]
"""What a tensor is, which decides what new units get: a kernel (weights that multiply and sum), an
additive shift, a norm's scale (an offset scale is stored minus one), running mean, running variance,
an activation's slope, a counter."""
GAINS: tuple[Init, ...] = ("scale", "offset scale")
"""What multiplies units one by one."""


def key_of(layer: str, suffix: str) -> str:
    """The ``state_dict`` key of a layer's tensor; a layer that is a bare parameter has the suffix ``""``."""
    return f"{layer}.{suffix}" if suffix else layer


@dataclass(eq=False)
class Tensor:
    """A parameter or buffer.  ``name`` is its ``state_dict`` key; one term and role per axis."""

    name: str
    axes: tuple[Term, ...]
    roles: tuple[Role, ...]
    init: Init
    buffer: bool = False
    optional: bool = False
    """May be missing in a checkpoint (``num_batches_tracked``)."""

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(size(axis) for axis in self.axes)


@dataclass(eq=False)
class Value:
    """What flows between nodes; ``axes`` without the batch axis."""

    axes: tuple[Term, ...]
    dtype: str = "float"
    producer: Node | None = field(default=None, repr=False)
    name: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(size(axis) for axis in self.axes)


@dataclass(frozen=True, eq=False)
class Event:
    """A constraint that an operation puts on a term (``docs/maths.md`` section 3, events).

    ``kind``: ``pointwise`` (detail: the activation's name), ``mean``, ``sum``, ``max``, ``softmax``,
    ``dropout``, ``batchnorm``, ``add``, ``mul``, ``groups`` ...  ``where`` is the node's place.
    """

    kind: str
    term: Term
    where: str
    detail: str = ""


@dataclass(eq=False)
class Node:
    """One operation of the graph.

    ``name`` is the module's dotted name; for an operation without parameters and key it is a readable
    unique place (``layer1.0.relu``) that is not a module name (``keyed`` is False).
    ``sizes`` maps an argument's name to the term whose size it states (``out_channels``).
    ``tensors`` maps the suffix (``weight``) to the tensor; a reused layer shares those of the first.  The
    suffix ``""`` is a parameter whose key is the layer's own.
    """

    name: str
    op: str
    args: Args
    inputs: tuple[Value, ...]
    output: Value
    tree: Tree | None = field(repr=False)
    keyed: bool = True
    order: int = 0
    tensors: dict[str, Tensor] = field(default_factory=dict)
    sizes: dict[str, Term] = field(default_factory=dict)
    reused: str | None = None
    """The name of the layer whose tensors this node shares (``reuse``)."""
    macs: int = 0
    """Multiply-accumulates for one sample."""


@dataclass(eq=False)
class Region:
    """A named composite (or layer) in the graph: what a path can point at.

    ``first`` and ``last`` are the orders of its nodes (``last`` excluded); ``input`` and ``output`` the
    values that enter and leave it.
    """

    name: str
    tree: Tree = field(repr=False)
    first: int
    last: int
    input: Value | None
    output: Value | None


@dataclass(eq=False)
class Graph:
    """A lowered network.  Nodes in topological (text) order."""

    network: Network
    nodes: list[Node]
    inputs: dict[str, Value]
    outputs: dict[str, Value]
    """One output has the name ``output``."""
    tensors: dict[str, Tensor]
    """By state_dict key, in the order in which ``nn.Module.state_dict`` gives them."""
    events: list[Event]
    regions: dict[str, Region]
    """By dotted name, in the order of the text; numbered elements included."""

    def parameters(self) -> int:
        """How many parameters (buffers not counted)."""
        total = 0
        for tensor in self.tensors.values():
            if not tensor.buffer:
                count = 1
                for n in tensor.shape:
                    count *= n
                total += count
        return total
