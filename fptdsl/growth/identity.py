"""Making an inserted part of the network the identity: which of its tensors get which start.

One walk backwards from the part's output serves layers and blocks alike: a value is made *equal to the
input* or made *zero*.  A convolution or linear layer is the identity by a Dirac kernel (Net2DeeperNet,
D-1, D-2), a batch norm by matching scale and statistics (D-4), an activation where its input lies in
its fixed points, or by its own slope (D-11); a sum is the identity when one operand is and the others are
zero (``vanish.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..architecture.activations import Activation, activation_of
from ..architecture.graph import Graph, Node, Value
from ..architecture.ops import OPERATIONS
from ..architecture.ops.dropout import DROPPING
from ..architecture.ops.fields import per_axis
from ..architecture.terms import Prod, Space, Term, resolve
from .ranges import interval
from .recipe import Constant, Cycle, Dirac, IdentityNorm, Start

PIECE_STEP = 0.125
"""By how much the pieces of an inserted maxout lie below one another: ``max(x, x - d) = x`` (D-5)."""


class NoIdentity(Exception):
    """The part cannot start as the identity, with the reason and a way out."""

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(reason)
        self.hint = hint


@dataclass(frozen=True, eq=False)
class Mirror:
    """Units that come as ``x`` and ``-x``; readers take ``(f(x) - f(-x)) / constant`` (D-7)."""

    node: Node
    """The layer that writes them."""
    activation: Node
    space: Space
    constant: float


@dataclass
class Identity:
    """Starts by tensor name, and how the part became the identity.

    ``zeroed``: places that were made zero (D-9); ``twins``: Spaces whose units are all new and come in
    equal pairs that cancel in their readers (D-8); ``mirrors``: D-7.
    """

    starts: dict[str, Start] = field(default_factory=dict)
    eval_only: bool = False
    """Batch statistics or dropout differ in training."""
    zeroed: tuple[str, ...] = ()
    cancelled: tuple[str, ...] = ()
    """Layers whose output is zero because the units that they read cancel."""
    twins: tuple[Space, ...] = ()
    mirrors: tuple[Mirror, ...] = ()
    slopes: tuple[str, ...] = ()
    """Activations that start as the identity by their own parameter (D-11)."""
    maxout: str = ""
    """``apart`` or ``alike``: whether the pieces of an inserted maxout differ."""
    unit_statistics: bool = False
    """A norm got mean 0 and variance 1 for want of anything better (D-4, ``unit``)."""
    blown: tuple[str, ...] = ()
    """Norms that only zeros enter: in training they divide gradients by the root of their eps (D-9, T-12)."""
    measured: bool = False
    """A norm got the statistics of data (D-4, ``data``)."""
    copied: bool = False
    """What is not bound is that of the part that this one is modelled on, and not fresh."""


Statistics = Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]]
"""Mean and variance per channel of values of the old network, by the name of their node or input."""


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What the solver knows of the network around the inserted parts.

    ``same_as`` maps outputs of earlier inserted parts to the value that they repeat.  ``old_keys`` gives the
    old key of a tensor, ``old_values`` the old name of what a node computes.
    """

    same_as: dict[Value, Value]
    old_keys: Mapping[str, str]
    old_values: Mapping[Node, str]
    statistics: Statistics | None = None
    known: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """The shapes of all old tensors, by key."""
    rewritten: Mapping[str, Start] = field(default_factory=dict)
    """What old tensors in a new form start from, by key."""


class Solver:
    """Finds the identity of one inserted part, from ``source`` to an output value."""

    def __init__(
        self,
        source: Value,
        nodes: list[Node],
        around: Surroundings,
        *,
        bn: str = "auto",
        mirrored: bool = False,
        noise: float = 0.0,
    ) -> None:
        self.source = source
        self.nodes = set(nodes)
        self.around = around
        self.bn = bn
        self.mirrored = mirrored
        self.noise = noise
        self.found = Identity()

    # --- equal to the input ------------------------------------------------------------------------

    def equal(self, value: Value) -> None:
        """Make ``value`` equal to the source; raises NoIdentity."""
        if value is self.source:
            return
        node = self.inside(value)
        operation = OPERATIONS[node.op]
        if node.op == "add":
            self._equal_sum(node)
            return
        if operation.affine == "map":
            self._dirac(node)
        elif operation.affine == "norm":
            self._identity_norm(node)
        elif node.op == "maxout":
            self._pieces(node)
            return
        elif operation.activation is not None:
            self._fixed(node)
        elif node.op in DROPPING:
            self.found.eval_only = self.found.eval_only or bool(node.args.p)  # type: ignore[attr-defined]
        elif node.op in ("layernorm", "rmsnorm", "groupnorm"):
            # LN(x + 0) is not x: a post-norm block (T-11).
            raise NoIdentity(
                f"a post-norm block cannot be inserted exactly: `{node.name}` ({node.op}) normalises what comes in",
                "only blocks whose norms are inside the branches can start as the identity",
            )
        else:
            raise NoIdentity(
                f"`{node.name}` ({node.op}) cannot be the identity", "name a layer, block or repeat inside it"
            )
        self.equal(node.inputs[0])

    def inside(self, value: Value) -> Node:
        """The node of the part that makes a value."""
        node = value.producer
        if node is None or node not in self.nodes:
            raise NoIdentity("the inserted part does not start from its own input alone")
        return node

    def zero(self, value: Value) -> None:
        """Make ``value`` zero; raises NoIdentity."""
        from .vanish import zero

        zero(self, value)

    def _equal_sum(self, node: Node) -> None:
        reasons: list[NoIdentity] = []
        for position, operand in enumerate(node.inputs):
            kept = replace(self.found, starts=dict(self.found.starts))
            try:
                # The operand that comes straight from the input is the natural one; others must vanish.
                self.equal(operand)
                for other in (*node.inputs[:position], *node.inputs[position + 1 :]):
                    self.zero(other)
            except NoIdentity as reason:
                reasons.append(reason)
                self.found = kept
                continue
            return
        raise reasons[-1]

    def _dirac(self, node: Node, pieces: int = 1) -> None:
        weight = node.tensors["weight"]
        args: Any = node.args
        shape = weight.shape
        inputs, outputs = node.inputs[0].shape, node.output.shape
        if (inputs[0] * pieces, *inputs[1:]) != outputs:
            raise NoIdentity(
                f"`{node.name}` changes the shape from {_shown(inputs)} to {_shown(outputs)}",
                "name a layer inside it",
            )
        groups = getattr(args, "groups", 1)
        if len(shape) > 2:
            dims = len(shape) - 2
            if any(k % 2 == 0 for k in shape[2:]):
                raise NoIdentity(
                    f"a kernel of {_shown(shape[2:])} has no centre, so no centred identity", "use odd kernel sizes"
                )
            if any(s != 1 for s in per_axis(getattr(args, "stride", 1), dims)):
                raise NoIdentity(f"`{node.name}` has a stride")
        self.found.starts[weight.name] = Dirac(shape, groups, pieces, self.noise)
        if "bias" in node.tensors:
            self.found.starts[node.tensors["bias"].name] = Constant(0.0, node.tensors["bias"].shape)

    def _pieces(self, node: Node) -> None:
        """A maxout of equal pieces: the rows of an identity, each repeated for its unit's pieces (D-5)."""
        pieces: int = node.args.pieces  # type: ignore[attr-defined]
        inner = self.inside(node.inputs[0])
        if OPERATIONS[inner.op].affine != "map" or getattr(inner.args, "groups", 1) != 1:
            raise NoIdentity(f"`{node.name}` does not follow a layer with a kernel directly")
        self._dirac(inner, pieces)
        self.found.maxout = "apart" if "bias" in inner.tensors and pieces > 1 else "alike"
        if self.found.maxout == "apart":
            bias = inner.tensors["bias"]
            self.found.starts[bias.name] = Cycle(tuple(-PIECE_STEP * k for k in range(pieces)), bias.shape)
        self.equal(inner.inputs[0])

    # --- batch norms -------------------------------------------------------------------------------

    def _identity_norm(self, node: Node) -> None:
        args: Any = node.args
        if not getattr(args, "track_running_stats", True):
            raise NoIdentity(f"`{node.name}` keeps no running statistics, so it is never the identity")
        affine = bool(getattr(args, "affine", True))
        model = self._statistics(node, affine)
        for part in ("weight", "bias", "running_mean", "running_var"):
            if part in node.tensors:
                tensor = node.tensors[part]
                self.found.starts[tensor.name] = replace(model, part=part, shape=tensor.shape)
        self.found.eval_only = True

    def _statistics(self, node: Node, affine: bool) -> IdentityNorm:
        """Where mean and variance come from: data, the batch norm before, or nothing (D-4)."""
        eps = float(getattr(node.args, "eps", 0.0))
        plain = IdentityNorm("weight", (), eps, affine=affine)
        if self.bn == "data" and self.around.statistics is None:
            raise NoIdentity("`bn=data` needs data to measure", "give it with `--calibrate DATA.npz`")
        measured = self._measured() if self.bn in ("auto", "data") else None
        behind = self._norm_behind_relu(node) if self.bn in ("auto", "gauss") else None
        if affine and measured is not None:
            self.found.measured = True
            return replace(plain, statistics="data", mean=measured[0], variance=measured[1])
        if self.bn == "data":
            raise NoIdentity(f"the statistics of what enters `{node.name}` cannot be set", "use `bn=unit`")
        if behind is None and self.bn == "gauss":
            raise NoIdentity(f"`{node.name}` does not follow a batch norm and a ReLU", "use `bn=unit`")
        if affine and behind is not None:
            return replace(plain, statistics="gauss", scale=behind[0], shift=behind[1])
        self.found.unit_statistics = True
        return plain

    def _measured(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """Mean and variance of the source on data, where the old network computes it."""
        if self.around.statistics is None:
            return None
        value = self.around.same_as.get(self.source, self.source)
        name = value.name if value.producer is None else self.around.old_values.get(value.producer)
        return self.around.statistics.get(name) if name is not None else None

    def _norm_behind_relu(self, node: Node) -> tuple[str, str] | None:
        """Old keys of scale and shift of the batch norm whose ReLU feeds the inserted part (D-4, gauss)."""
        same_as = self.around.same_as
        value = same_as.get(self.source, self.source)
        relu = value.producer
        if relu is None or relu.op != "relu":
            return None
        norm = same_as.get(relu.inputs[0], relu.inputs[0]).producer
        if norm is None or OPERATIONS[norm.op].affine != "norm" or "weight" not in norm.tensors:
            return None
        if norm.output.shape[0] != node.output.shape[0]:
            return None
        keys = [self.around.old_keys.get(norm.tensors[part].name) for part in ("weight", "bias")]
        return (keys[0], keys[1]) if keys[0] is not None and keys[1] is not None else None

    # --- activations -------------------------------------------------------------------------------

    def _fixed(self, node: Node) -> None:
        name = OPERATIONS[node.op].activation
        assert name is not None
        slope = next((tensor for tensor in node.tensors.values() if tensor.init == "slope"), None)
        if slope is not None:
            self.found.starts[slope.name] = Constant(1.0, slope.shape)
            self.found.slopes += (node.name,)
            return
        activation = activation_of(name, node.args)
        if self.mirrored:
            self._mirror(node, activation)
            return
        low, high = interval(self.source, self.around.same_as)
        if activation.identity_on[0] <= low and high <= activation.identity_on[1]:
            return
        others = ["`using netmorph` (an activation that starts as the identity)"]
        if activation.paired is not None:
            others.append("`netmorph(activation=paired)`")
        others.append("`r2r`")
        hint = f"what works here: {', '.join(others)}"
        if activation.idempotent:
            raise NoIdentity(
                f"`{node.op}` would change what comes in: the input of the inserted part is not the output of a "
                f"`{node.op}`",
                hint,
            )
        raise NoIdentity(f"`{node.op}` is not idempotent: applied twice it is not what it is once", hint)

    def _mirror(self, node: Node, activation: Activation) -> None:
        """Readers take ``(f(x) - f(-x)) / c`` (D-7)."""
        if activation.paired is None:
            raise NoIdentity(
                f"`{node.op}` has no pair: f(x) - f(-x) is not a multiple of x",
                "what works here: `netmorph`, `r2r`",
            )
        inner = node
        while OPERATIONS[inner.op].affine != "map":
            inner = self.inside(inner.inputs[0])
            if OPERATIONS[inner.op].affine is None:
                raise NoIdentity(
                    f"`{inner.name}` stands between the layer and its activation", "what works here: `netmorph`, `r2r`"
                )
        weight = inner.tensors["weight"]
        space = _members(next((axis for axis, role in zip(weight.axes, weight.roles) if role == "writes"), None))
        if space is None:
            raise NoIdentity(
                f"`{inner.name}` has no units of its own that could come in pairs", "what works here: `netmorph`, `r2r`"
            )
        self.found.mirrors += (Mirror(inner, node, space, activation.paired),)


def _members(axis: Term | None) -> Space | None:
    """The units of an axis that can be doubled: those inside each group, where there are groups."""
    term = resolve(axis) if axis is not None else None
    if isinstance(term, Prod) and term.factors:
        term = resolve(term.factors[-1])
    return term if isinstance(term, Space) else None


def _shown(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def part_of(graph: Graph, trees: set[int]) -> list[Node]:
    """The nodes whose tree node is one of ``trees`` (by id), with all between the first and the last."""
    orders = [position for position, node in enumerate(graph.nodes) if id(node.tree) in trees]
    return graph.nodes[min(orders) : max(orders) + 1] if orders else []
