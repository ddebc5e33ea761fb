"""Layers that became several parallel ones which add up to them (D-12)."""

from __future__ import annotations

from collections.abc import Sequence

from ...architecture.graph import Node
from .claims import AxisClaim, Claim, plain
from .guide import Guide
from .inserted import not_centred
from .kernels import LINEAR, Identity, Rows, Together, kernel_of
from .law import check_kernel
from .ledger import Ledger
from .matching import OldNetwork, differing
from .reading import Tensors
from .vectors import check_constant, check_follower


class SharedLayers:
    """Collects the parts of a layer, and checks their sum where they are added."""

    def __init__(self, guide: Guide, network: OldNetwork, before: Tensors, after: Tensors, ledger: Ledger) -> None:
        self.guide, self.network, self.ledger = guide, network, ledger
        self.before, self.after = before, after
        self.layers: dict[Claim, tuple[Node | None, Node, Claim]] = {}
        """By the claim of its output: the old layer (None: an identity), the part, the claim of what it reads."""

    def part(self, node: Node, source: str, given: Claim) -> Claim | None:
        """The claim of one part; None where it does not stand for an old layer that reads the same."""
        layer = self.network.layer([source], [given])
        if layer is None or not self.network.reads(layer, [given]) or differing(layer, node) is not None:
            self.ledger.find(
                node.tensors["weight"].name, "C5", "its layer is not a part of an old one that reads the same"
            )
            return None
        place = len(given.axes) - 1 if node.op in LINEAR else 0
        outputs = self.guide.written(node, given.axes[place], layer.output.shape[place])
        self._bias(node, layer, outputs)
        kept = given.axes if node.op in LINEAR else tuple(map(plain, layer.output.shape))
        claim = Claim(None, tuple(outputs if axis == place else kept[axis] for axis in range(len(kept))))
        self.layers[claim] = (layer, node, given)
        return claim

    def part_of_identity(self, node: Node, given: Claim) -> Claim:
        """The claim of one part of what only passes a value on."""
        place = len(given.axes) - 1 if node.op in LINEAR else 0
        outputs = self.guide.written(node, given.axes[place], given.axes[place].old)
        weight = node.tensors["weight"].name
        reason = not_centred(node)
        if reason is not None:
            self.ledger.find(weight, "C5", reason)
        if "bias" in node.tensors:
            bias = node.tensors["bias"].name
            self.ledger.record(bias, "D1", check_constant(self.after, bias, 0.0, "D1"))
        axes = tuple(outputs if number == place else axis for number, axis in enumerate(given.axes))
        claim = Claim(None, axes)
        self.layers[claim] = (None, node, given)
        return claim

    def _bias(self, node: Node, layer: Node, outputs: AxisClaim) -> None:
        if "bias" not in node.tensors:
            return
        name = node.tensors["bias"].name
        tensor = self.guide.tensors[name]
        if tensor.source is not None:
            factors = outputs.factors
            report = check_follower(self.before, tensor.source, self.after, name, outputs, zero=True, factors=factors)
        else:
            report = check_constant(self.after, name, 0.0)
        self.ledger.record(name, "C1", report)

    def total(self, inputs: Sequence[Claim]) -> Claim | None:
        """The claim of the sum of all parts of one layer; None where the operands are something else."""
        parts = [self.layers.get(claim) for claim in inputs]
        if any(part is None for part in parts):
            return None
        nodes = [part[1] for part in parts if part is not None]
        layer, _, given = next(part for part in parts if part is not None)
        name = nodes[0].tensors["weight"].name
        if any(part is not None and (part[0] is not layer or part[2] is not given) for part in parts):
            self.ledger.find(name, "C5", "parts of different layers, or of what different layers read, are added")
            return None
        place = len(given.axes) - 1 if nodes[0].op in LINEAR else 0
        kernels = [kernel_of(self.after, node) for node in nodes]
        read, written = given.axes[place], inputs[0].axes[place]
        old: Rows = (
            Identity(read.old, nodes[0].tensors["weight"].shape[2:]) if layer is None else kernel_of(self.before, layer)
        )
        checks = ("C1", "D1") if layer is None else ("C1", "C2")
        report = check_kernel(Together(kernels), old, read, written, exact=self.guide.exact, check=checks[1])
        self.ledger.record(name, checks, report)
        for node in nodes[1:]:
            self.ledger.record(node.tensors["weight"].name, checks)
        return Claim(given.old if layer is None else self.network.canon(layer.output), inputs[0].axes)
