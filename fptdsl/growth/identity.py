"""Making an inserted part of the network the identity: which of its tensors get which start.

One walk backwards from the part's output serves layers and blocks alike: a value is made *equal to the
input* or made *zero*.  A convolution or linear layer is the identity by a Dirac kernel (Net2DeeperNet,
D-1, D-2), a batch norm by matching scale and statistics (D-4), an activation where its input lies in
its fixed points; a sum is the identity when one operand is and the others are zero (D-9).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..architecture.activations import activation_of
from ..architecture.graph import Graph, Node, Value
from ..architecture.ops import OPERATIONS
from ..architecture.ops.fields import per_axis
from .ranges import interval
from .recipe import Constant, Dirac, IdentityNorm, Start


class NoIdentity(Exception):
    """The part cannot start as the identity, with the reason and a way out."""

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(reason)
        self.hint = hint


@dataclass
class Identity:
    """Starts by tensor name; ``eval_only`` where batch statistics or dropout differ in training.

    ``zeroed``: places that were made zero (D-9); ``dirac``: layers that became identities.
    """

    starts: dict[str, Start] = field(default_factory=dict)
    eval_only: bool = False
    zeroed: list[str] = field(default_factory=list)
    dirac: list[str] = field(default_factory=list)
    unit_statistics: bool = False
    """A norm got mean 0 and variance 1 for want of anything better (D-4, ``unit``)."""


class Solver:
    """Finds the identity of one inserted part, from ``source`` to an output value."""

    def __init__(
        self,
        source: Value,
        nodes: list[Node],
        same_as: Mapping[Value, Value],
        old: Mapping[str, str],
        statistics: str = "auto",
    ) -> None:
        self.source = source
        self.nodes = set(nodes)
        self.same_as = same_as
        self.old = old
        """Old key by the new name of a tensor."""
        self.statistics = statistics
        self.found = Identity()

    def solve(self, output: Value) -> Identity:
        self.equal(output)
        return self.found

    # --- equal to the input ------------------------------------------------------------------------

    def equal(self, value: Value) -> None:
        """Make ``value`` equal to the source; raises NoIdentity."""
        if value is self.source:
            return
        node = self._inside(value)
        operation = OPERATIONS[node.op]
        if node.op == "add":
            self._equal_sum(node)
            return
        if operation.affine == "map":
            self._dirac(node)
        elif operation.affine == "norm":
            self._identity_norm(node)
        elif operation.activation is not None:
            self._fixed(node)
        elif node.op in ("dropout", "dropout2d", "stochastic_depth"):
            self.found.eval_only = True
        else:
            raise NoIdentity(f"`{node.name}` ({node.op}) cannot be the identity")
        self.equal(node.inputs[0])

    def _inside(self, value: Value) -> Node:
        node = value.producer
        if node is None or node not in self.nodes:
            raise NoIdentity("the inserted part does not start from its own input alone")
        return node

    def _equal_sum(self, node: Node) -> None:
        reasons: list[NoIdentity] = []
        for position, operand in enumerate(node.inputs):
            kept = Identity(
                dict(self.found.starts),
                self.found.eval_only,
                list(self.found.zeroed),
                list(self.found.dirac),
                self.found.unit_statistics,
            )
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

    def _dirac(self, node: Node) -> None:
        weight = node.tensors["weight"]
        args = node.args
        if node.op == "conv_transpose2d":
            raise NoIdentity(f"`{node.name}` is a transposed convolution, which has no identity here")
        shape = weight.shape
        inputs, outputs = node.inputs[0].shape, node.output.shape
        if inputs != outputs:
            raise NoIdentity(f"`{node.name}` changes the shape from {_shown(inputs)} to {_shown(outputs)}")
        groups = getattr(args, "groups", 1)
        if len(shape) > 2:
            dims = len(shape) - 2
            if any(k % 2 == 0 for k in shape[2:]):
                raise NoIdentity(
                    f"a kernel of {_shown(shape[2:])} has no centre, so no centred identity", "use odd kernel sizes"
                )
            if any(s != 1 for s in per_axis(getattr(args, "stride", 1), dims)):
                raise NoIdentity(f"`{node.name}` has a stride")
        self.found.starts[weight.name] = Dirac(shape, groups)
        if "bias" in node.tensors:
            self.found.starts[node.tensors["bias"].name] = Constant(0.0, node.tensors["bias"].shape)
        self.found.dirac.append(node.name)

    def _identity_norm(self, node: Node) -> None:
        args = node.args
        if not getattr(args, "track_running_stats", True):
            raise NoIdentity(f"`{node.name}` keeps no running statistics, so it is never the identity")
        behind = self._norm_behind_relu(node) if self.statistics in ("auto", "gauss") else None
        if behind is None and self.statistics == "gauss":
            raise NoIdentity(f"`{node.name}` does not follow a batch norm and a ReLU", "use `bn=unit`")
        affine = bool(getattr(args, "affine", True))
        if behind is None or not affine:
            self.found.unit_statistics = True
        for part in ("weight", "bias", "running_mean", "running_var"):
            if part in node.tensors:
                tensor = node.tensors[part]
                scale, shift = behind if behind is not None and affine else (None, None)
                self.found.starts[tensor.name] = IdentityNorm(
                    part,
                    tensor.shape,
                    float(getattr(args, "eps", 0.0)),
                    "unit" if scale is None else "gauss",
                    scale,
                    shift,
                    affine,
                )
        self.found.eval_only = True

    def _norm_behind_relu(self, node: Node) -> tuple[str, str] | None:
        """Old keys of scale and shift of the batch norm whose ReLU feeds the inserted part (D-4, gauss)."""
        value = self.same_as.get(self.source, self.source)
        relu = value.producer
        if relu is None or relu.op != "relu":
            return None
        inner = self.same_as.get(relu.inputs[0], relu.inputs[0])
        norm = inner.producer
        if norm is None or OPERATIONS[norm.op].affine != "norm" or "weight" not in norm.tensors:
            return None
        if norm.output.shape[0] != node.output.shape[0]:
            return None
        keys = [self.old.get(norm.tensors[part].name) for part in ("weight", "bias")]
        return (keys[0], keys[1]) if keys[0] is not None and keys[1] is not None else None

    def _fixed(self, node: Node) -> None:
        operation = OPERATIONS[node.op]
        assert operation.activation is not None
        activation = activation_of(operation.activation, node.args)
        low, high = interval(self.source, self.same_as)
        if activation.identity_on[0] <= low and high <= activation.identity_on[1]:
            return
        if activation.idempotent:
            raise NoIdentity(
                f"`{node.op}` would change what comes in: the input of the inserted part is not the output of a "
                f"`{node.op}`",
                f"insert it where a `{node.op}` has just been applied",
            )
        raise NoIdentity(
            f"`{node.op}` is not idempotent: applied twice it is not what it is once",
            "deepen where a ReLU follows, or insert a residual block",
        )

    # --- zero --------------------------------------------------------------------------------------

    def zero(self, value: Value) -> None:
        """Make ``value`` zero by the nearest scale or kernel; raises NoIdentity."""
        if value is self.source:
            raise NoIdentity("the sum adds its own input twice, so it cannot be the identity")
        node = self._inside(value)
        operation = OPERATIONS[node.op]
        inits = {tensor.init for tensor in node.tensors.values()}
        scales = [t for t in node.tensors.values() if t.init in ("scale", "shift")] if "scale" in inits else []
        if scales:
            for tensor in scales:
                self.found.starts[tensor.name] = Constant(0.0, tensor.shape)
            self.found.zeroed.append(node.name)
        elif operation.affine == "map":
            for suffix in ("weight", "bias"):
                if suffix in node.tensors:
                    tensor = node.tensors[suffix]
                    self.found.starts[tensor.name] = Constant(0.0, tensor.shape)
            self.found.zeroed.append(node.name)
        elif operation.annihilates:
            self._zero_product(node)
        elif operation.keeps_zero or operation.affine == "norm":
            # A norm without scale keeps zero: its fresh running mean is zero.
            for operand in node.inputs:
                self.zero(operand)
        else:
            raise NoIdentity(f"`{node.name}` ({node.op}) makes something of zero")

    def _zero_product(self, node: Node) -> None:
        reason: NoIdentity | None = None
        for operand in node.inputs:
            try:
                self.zero(operand)
            except NoIdentity as caught:
                reason = caught
                continue
            return
        assert reason is not None
        raise reason


def _shown(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def part_of(graph: Graph, trees: set[int]) -> list[Node]:
    """The nodes whose tree node is one of ``trees`` (by id), with all between the first and the last."""
    orders = [position for position, node in enumerate(graph.nodes) if id(node.tree) in trees]
    return graph.nodes[min(orders) : max(orders) + 1] if orders else []
