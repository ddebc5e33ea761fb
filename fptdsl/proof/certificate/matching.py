"""Which old operation each operation of the grown network stands for."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from math import inf
from typing import Any

from ...architecture.activations import SOFTMAX, Interval, activation_of
from ...architecture.graph import Graph, Node, Value
from ...architecture.ops import OPERATIONS
from ...architecture.ops.fields import per_axis
from .claims import Claim

FREE_ARGUMENTS = ("momentum", "p", "init")
"""Arguments that do not change what is computed in eval mode."""
SIZES_ONLY = ("relative_position_bias",)
"""Layers that look at the number of positions of what they read, and at nothing else."""


class OldNetwork:
    """The old graph, with values that are computed alike taken as one."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.same: dict[Value, Value] = {}
        self.plain: dict[Hashable, Node] = {}
        """Operations without tensors by what they do to which values."""
        self.holders: dict[str, list[Node]] = {}
        """Layers by the key of a tensor of theirs (more than one where a layer is reused)."""
        for node in graph.nodes:
            if node.tensors:
                for tensor in node.tensors.values():
                    self.holders.setdefault(tensor.name, []).append(node)
                if node.op in SIZES_ONLY:
                    first = self.layer([tensor.name for tensor in node.tensors.values()], [], node.output.shape[1:])
                    if first is not None and first is not node:
                        self.same[node.output] = first.output
            else:
                first = self.plain.setdefault(self._key(node, [self.canon(v) for v in node.inputs]), node)
                if first is not node:
                    self.same[node.output] = first.output

    def canon(self, value: Value) -> Value:
        return self.same.get(value, value)

    @staticmethod
    def _key(node: Node, inputs: Sequence[Value]) -> Hashable:
        given = arguments(node)
        if node.op == "narrow":
            # Parts of one axis are different things, whatever their sizes are after growth.
            given = (*given, ("start", node.args.start))  # type: ignore[attr-defined]
        return (node.op, given, tuple(id(value) for value in inputs))

    def counterpart(self, node: Node, inputs: Sequence[Claim]) -> Node | None:
        """The old operation without tensors that does the same to the same values."""
        values = [claim.old for claim in inputs]
        if any(value is None for value in values):
            return None
        if node.op == "narrow":
            return self._part(node, inputs[0])
        return self.plain.get(self._key(node, values))  # type: ignore[arg-type]

    def _part(self, node: Node, given: Claim) -> Node | None:
        """The old part of an axis that holds the first old unit of a new one."""
        args: Any = node.args
        axis = given.axes[args.dim if args.dim < 0 else args.dim - 1]
        labels = axis.labels[args.start : args.start + args.length]
        known = labels[(labels >= 0) & (labels < axis.old)]
        for old in self.plain.values():
            was: Any = old.args
            cut = old.op == "narrow" and self.canon(old.inputs[0]) is given.old and was.dim == args.dim
            if cut and len(known) and was.start <= known[0] < was.start + was.length:
                return old
        return None

    def layer(
        self, sources: Sequence[str], inputs: Sequence[Claim], sizes: tuple[int, ...] | None = None
    ) -> Node | None:
        """The old layer that holds these tensors, at the use of it that reads the same values.

        ``sizes``: of positions, where these are all that the layer reads.
        """
        holders = [node for name in sources for node in self.holders.get(name, ())]
        if sizes is not None and holders and holders[0].op in SIZES_ONLY:
            return next((node for node in holders if node.output.shape[1:] == sizes), holders[0])
        values = [claim.old for claim in inputs]
        fitting = [node for node in holders if [self.canon(v) for v in node.inputs] == values]
        return fitting[0] if fitting else holders[0] if holders else None

    def reads(self, node: Node, inputs: Sequence[Claim]) -> bool:
        """Whether an old layer reads what these claims say."""
        if node.op in SIZES_ONLY:
            return True
        return [self.canon(value) for value in node.inputs] == [claim.old for claim in inputs]


def arguments(node: Node) -> tuple[tuple[str, Any], ...]:
    """Arguments that are no sizes of grown units, in a form that can be compared."""
    given = node.args.model_dump()
    return tuple(sorted((k, _frozen(v)) for k, v in given.items() if k not in node.sizes and k not in FREE_ARGUMENTS))


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, (list, tuple)) else value


def differing(old: Node, new: Node, *, enlarged: bool = False, appended: bool = False) -> str | None:
    """The first argument in which two nodes differ, beside sizes of units.

    ``enlarged``: the kernel may be larger, with padding that keeps its centre where it was (K-1).
    ``appended``: a table may have more rows, which nothing old looks up (T-13).
    """
    if old.op != new.op:
        return f"it is `{new.op}` and was `{old.op}`"
    before, after = dict(arguments(old)), dict(arguments(new))
    if enlarged:
        reason = _off_centre(old, new)
        if reason is not None:
            return reason
        for name in ("kernel_size", "padding"):
            before.pop(name), after.pop(name)
    if appended:
        before.pop(OPERATIONS[old.op].table or "", None)
    for name in sorted(before.keys() & after.keys()):
        if before[name] != after[name]:
            return f"{name} is {after[name]} and was {before[name]}"
    return None


def _off_centre(old: Node, new: Node) -> str | None:
    """Why the centre of an enlarged kernel is not where that of the old one was."""
    before, after = (node.tensors["weight"].shape[2:] for node in (old, new))
    dims = len(before)
    paddings = [getattr(node.args, "padding", 0) for node in (old, new)]
    if any((n - k) % 2 or n < k for n, k in zip(after, before)):
        return f"a kernel of {after} has not its centre where one of {before} has it"
    if paddings == ["same", "same"]:
        return None
    dilation = per_axis(getattr(new.args, "dilation", 1), dims)
    own, grown = (per_axis(0 if p == "valid" else p, dims) for p in paddings)
    wanted = tuple(p + d * (n - k) // 2 for p, d, n, k in zip(own, dilation, after, before))
    return None if tuple(grown) == wanted else f"its padding is {tuple(grown)}, and {wanted} keeps the kernel centred"


class Ranges:
    """Intervals that hold the values of the old network."""

    def __init__(self, graph: Graph) -> None:
        self.known: dict[Value, Interval] = {}
        for node in graph.nodes:
            self.known[node.output] = self._of(node)

    def __call__(self, value: Value) -> Interval:
        return self.known.get(value, (-inf, inf))

    def _of(self, node: Node) -> Interval:
        operation = OPERATIONS[node.op]
        parts = [self(value) for value in node.inputs]
        if operation.activation is not None:
            return activation_of(operation.activation, node.args).values
        if node.op == "softmax":
            return SOFTMAX.values
        if node.op == "add":
            return sum(low for low, _ in parts), sum(high for _, high in parts)
        if node.op == "mul" and all(low >= 0 for low, _ in parts):
            return (0.0, inf)
        if operation.keeps_range:
            return min(low for low, _ in parts), max(high for _, high in parts)
        return (-inf, inf)


def fixes(node: Node, interval: Interval) -> bool:
    """Whether an activation leaves all values of the interval alone."""
    name = OPERATIONS[node.op].activation
    if name is None:
        return False
    low, high = activation_of(name, node.args).identity_on
    return low <= interval[0] and interval[1] <= high


Sources = Mapping[str, str | None]
"""The old key of every tensor of the grown network; None for one that is new."""
