"""The walk: layer by layer through the grown network, from what goes in to what comes out.

For every value there is a claim of what its units are (``claims.py``).  A layer is right when, given the
claims of its inputs, its tensors make the units that the plan says; what operations without tensors do to
units follows from the graph alone.  So a mapping that two branches of a sum do not share, a wrong offset
in a concatenation or a kernel that is no identity is found where it is, and when the walk ends with the
old outputs, the two networks are equal in real arithmetic (``docs/maths.md`` section 2, by induction).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from ...architecture.graph import GAINS, Graph, Node, Value
from ...architecture.ops import OPERATIONS
from ...architecture.ops.shapes import axis_of
from . import streams as _streams  # noqa: F401  (rules of norms)
from .claims import AxisClaim, Claim, plain, unknown
from .factors import FactoredLayers
from .fresh import made_of, sum_with_old
from .guide import Guide
from .heads import RULES
from .inserted import InsertedLayers
from .kernels import LINEAR, Embedded, Rows, kernel_of
from .law import check_kernel
from .ledger import Ledger
from .matching import OldNetwork, Ranges, differing, fixes
from .pairs import halves_of_pairs
from .reading import Tensors
from .shares import SharedLayers
from .special import COLUMNS, SpecialLayers
from .transfer import SPECIAL, Illegal, NoRule, every_unit_alone, transfer, zero_units
from .vectors import check_follower

SHIFTS = ("bias", "running_mean")
"""What must be zero for a zero unit to stay zero."""
WITH_AXIS = ("layernorm", "rmsnorm", "scale")
"""Layers that say which axis holds their units; it is the first of all others."""


class Walk:
    """Holds the grown tensors against the old ones, guided by a plan."""

    def __init__(self, guide: Guide, old: Graph, before: Tensors, new: Graph, after: Tensors, ledger: Ledger) -> None:
        self.guide, self.ledger = guide, ledger
        self.before, self.after = before, after
        self.network, self.new = OldNetwork(old), new
        self.ranges = Ranges(old)
        self.zeros = zero_units(old.nodes)
        self.claims: dict[Value, Claim] = {}
        self.shares = SharedLayers(guide, self.network, before, after, ledger)
        self.special = SpecialLayers(guide, before, after, ledger)
        self.inserted = InsertedLayers(guide, after, ledger)
        self.factored = FactoredLayers(guide, self.network, before, after, ledger)
        for name, value in new.inputs.items():
            origin = old.inputs.get(name)
            self.claims[value] = unknown(value.shape) if origin is None else _old(origin)

    def run(self) -> None:
        for node in self.new.nodes:
            inputs = [self.claims[value] for value in node.inputs]
            self.claims[node.output] = self._layer(node, inputs) if node.tensors else self._operation(node, inputs)
        for name, value in self.new.outputs.items():
            claim, wanted = self.claims[value], self.network.graph.outputs.get(name)
            if wanted is None or claim.old is not self.network.canon(wanted) or not claim.plain:
                self.ledger.find(name, "C5", "this output is not shown to be the old one")

    # --- operations without tensors ----------------------------------------------------------------

    def _operation(self, node: Node, inputs: Sequence[Claim]) -> Claim:
        together = self.shares.total(inputs) if node.op == "add" else None
        if together is not None:
            return together
        counterpart = self.network.counterpart(node, inputs)
        if counterpart is None:
            return self._new_operation(node, inputs)
        try:
            axes = transfer(node, counterpart, inputs, self.zeros)
        except Illegal as reason:
            self.ledger.find(node.name, reason.check, str(reason))
            axes = self._first_operand(node, inputs, counterpart)
        return Claim(self.network.canon(counterpart.output), axes)

    def _first_operand(self, node: Node, inputs: Sequence[Claim], old: Node) -> tuple[AxisClaim, ...]:
        """After a finding: go on as if the other operands agreed with the first."""
        if inputs[0].axes and tuple(axis.new for axis in inputs[0].axes) == node.output.shape:
            return inputs[0].axes
        return unknown(node.output.shape).axes

    def _new_operation(self, node: Node, inputs: Sequence[Claim]) -> Claim:
        """An inserted operation: it passes on what comes in, keeps zero, or makes something new."""
        first = inputs[0]
        if node.op in ("dropout", "dropout2d", "stochastic_depth"):
            return first
        if node.op == "maxout":
            return self.inserted.largest(node, first) or made_of(node, inputs)
        if len(inputs) == 1 and first.old is not None:
            whole = all(axis.simple for axis in first.axes)
            if whole and fixes(node, self.ranges(first.old)):
                return first
            halves = None if whole else halves_of_pairs(node, first)
            if halves is not None:
                return halves
        if node.op == "add":
            others = [claim for claim in inputs if not claim.zeros]
            if len(others) <= 1 and all(claim.axes and _shape(claim) == node.output.shape for claim in inputs):
                return others[0] if others else first
            kept = next((claim for claim in inputs if claim.old is not None), None)
            if kept is not None and all(_shape(claim) == node.output.shape for claim in others):
                total = sum_with_old(kept, [claim for claim in others if claim is not kept])
                if total is not None:
                    return total
            if kept is not None and _shape(kept) == node.output.shape:
                self.ledger.find(node.name, "D9", "what is added to the old value here is not shown to be zero")
                return kept
        return made_of(node, inputs)

    # --- layers with tensors -----------------------------------------------------------------------

    def _layer(self, node: Node, inputs: Sequence[Claim]) -> Claim:
        shared = self.guide.share_of(node)
        if shared is not None:
            return self.shares.part(node, shared, inputs[0]) or unknown(node.output.shape)
        if self.guide.share_of_identity(node):
            return self.shares.part_of_identity(node, inputs[0])
        factor = self.guide.factor_of(node)
        if factor is not None and factor.part == "first":
            return self.factored.first(node, inputs[0])
        if factor is not None:
            return self.factored.second(node, inputs[0], factor.name) or unknown(node.output.shape)
        sources = self.guide.sources(node)
        known = [source for source in sources.values() if source is not None]
        if not known:
            return self.inserted.layer(node, inputs[0])
        layer = self.network.layer(known, inputs, node.output.shape[1:])
        where = next(iter(node.tensors.values())).name
        if layer is None:
            self.ledger.find(where, "C5", "its old tensors belong to no layer of the old network")
            return unknown(node.output.shape)
        other = differing(layer, node, enlarged=self.guide.enlarged(node), appended=self.guide.appended(node))
        if other is not None:
            self.ledger.find(node.name, "C5", other)
        given = inputs[0]
        if not self.network.reads(layer, inputs):
            self.ledger.find(where, "C5", "it does not read the value that it read in the old network")
            given = self._supposed(layer, given)
        old = self.network.canon(layer.output)
        try:
            return Claim(old, self._checked(node, layer, given, sources))
        except Illegal as reason:
            self.ledger.find(where, reason.check, str(reason))
            return Claim(old, given.axes if _shape(given) == node.output.shape else unknown(node.output.shape).axes)

    def _supposed(self, layer: Node, given: Claim) -> Claim:
        """After a finding: go on as if what comes in were what the layer should read."""
        value = layer.inputs[0]
        if len(value.shape) != len(given.axes):
            return _old(value)
        return Claim(value, tuple(replace(axis, old=old) for old, axis in zip(value.shape, given.axes)))

    def _checked(self, node: Node, layer: Node, given: Claim, sources: dict[str, str | None]) -> tuple[AxisClaim, ...]:
        if OPERATIONS[node.op].affine == "map":
            return self._kernel(node, layer, given, sources)
        if node.op in ("lstm", "gru"):
            return self.special.recurrent(node, layer, given, sources)
        if node.op in COLUMNS:
            return self.special.columns(node, layer, given, sources)
        if node.op in RULES or (node.op not in SPECIAL and not every_unit_alone(node.op)):
            return self._unchanged(node, layer, given)
        place = axis_of(OPERATIONS[node.op], layer.args.dim, layer.inputs[0]) if node.op in WITH_AXIS else 0  # type: ignore[attr-defined]
        axes = list(transfer(node, layer, [given], self.zeros))
        # Scales first: shifts are those of the units that they make.
        for suffix, tensor in sorted(node.tensors.items(), key=lambda item: item[1].init not in GAINS):
            source = sources[suffix]
            if source is None or tensor.init == "count" or tensor.name not in self.after:
                continue
            grown = tensor.roles[0] == "follows"
            factors = None
            if tensor.init in GAINS and grown:
                factors = self.guide.gains(tensor.name, axes[place].new)
                axes[place] = axes[place].without_means().times(factors)
            elif tensor.init == "shift" and grown:
                factors = axes[place].factors
            axis = axes[place] if grown else plain(tensor.shape[0])
            report = check_follower(
                self.before, source, self.after, tensor.name, axis, zero=suffix in SHIFTS and tensor.init != "slope",
                factors=factors, offset=tensor.init == "offset scale",
            )  # fmt: skip
            self.ledger.record(tensor.name, "C1", report)
        return tuple(axes)

    def _unchanged(self, node: Node, layer: Node, given: Claim) -> tuple[AxisClaim, ...]:
        """A layer without a rule: right where nothing about it has grown."""
        kept = all(self.guide.tensors[tensor.name].recipe is None for tensor in node.tensors.values())
        if not kept or not given.plain:
            raise NoRule(node.op, node.name)
        return tuple(map(plain, layer.output.shape))

    def _kernel(self, node: Node, layer: Node, given: Claim, sources: dict[str, str | None]) -> tuple[AxisClaim, ...]:
        place = len(given.axes) - 1 if node.op in LINEAR else 0
        source, name = sources["weight"], node.tensors["weight"].name
        inputs = given.axes[place]
        outputs = self.guide.written(node, inputs, layer.output.shape[place])
        if source is None:
            self.ledger.find(name, "C5", "a layer with a new kernel keeps other old tensors")
        elif not (inputs.plain and outputs.plain and self.guide.tensors[name].recipe is None):
            new = kernel_of(self.after, node)
            kernel = kernel_of(self.before, layer, source)
            old: Rows = kernel
            if self.guide.enlarged(node):
                old = Embedded(kernel, layer.tensors["weight"].shape[2:], node.tensors["weight"].shape[2:])
            check = partial(check_kernel, new, old, inputs, outputs, exact=self.guide.exact)
            self.ledger.record_later(name, ("C1", "C2"), check)
        if "bias" in node.tensors:
            bias = node.tensors["bias"].name
            report = check_follower(
                self.before, sources["bias"], self.after, bias, outputs, zero=True, factors=outputs.factors
            )
            self.ledger.record(bias, "C1", report)
        return tuple(
            outputs if axis == place else self._position(node, layer, given, axis) for axis in range(len(given.axes))
        )

    def _position(self, node: Node, layer: Node, given: Claim, place: int) -> AxisClaim:
        """An axis of positions: a linear layer leaves it alone, a convolution needs it as it was."""
        axis = given.axes[place]
        if node.op in LINEAR:
            return axis.without_zeros() if "bias" in node.tensors else axis
        if not axis.plain:
            raise Illegal("a convolution runs over positions that grow")
        return plain(layer.output.shape[place])


def _old(value: Value) -> Claim:
    return Claim(value, tuple(plain(size) for size in value.shape))


def _shape(claim: Claim) -> tuple[int, ...]:
    return tuple(axis.new for axis in claim.axes)
