"""Layers that became several parallel ones which add up to them (D-12)."""

from __future__ import annotations

from collections.abc import Sequence

from ...architecture.graph import Node
from .claims import AxisClaim, Claim, plain
from .guide import Guide
from .kernels import LINEAR, Together, kernel_of
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
        self.layers: dict[Claim, tuple[Node, Node, Claim]] = {}
        """By the claim of its output: the old layer, the part, and the claim of what it reads."""

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

    def _bias(self, node: Node, layer: Node, outputs: AxisClaim) -> None:
        if "bias" not in node.tensors:
            return
        name = node.tensors["bias"].name
        tensor = self.guide.tensors[name]
        if tensor.source is not None:
            report = check_follower(self.before, tensor.source, self.after, name, outputs, zero=True)
        else:
            report = check_constant(self.after, name, 0.0)
        self.ledger.record(name, "C1", report)

    def total(self, inputs: Sequence[Claim]) -> Claim | None:
        """The claim of the sum of all parts of one layer; None where the operands are something else."""
        parts = [self.layers.get(claim) for claim in inputs]
        if any(part is None for part in parts):
            return None
        layers = [part[0] for part in parts if part is not None]
        nodes = [part[1] for part in parts if part is not None]
        given = next(part[2] for part in parts if part is not None)
        layer, name = layers[0], nodes[0].tensors["weight"].name
        if any(other is not layer for other in layers):
            self.ledger.find(name, "C5", "parts of different layers are added")
            return None
        place = len(given.axes) - 1 if layer.op in LINEAR else 0
        kernels = [kernel_of(self.after, node) for node in nodes]
        old = kernel_of(self.before, layer)
        report = check_kernel(Together(kernels), old, given.axes[place], inputs[0].axes[place], exact=self.guide.exact)
        self.ledger.record(name, ("C1", "C2"), report)
        for node in nodes[1:]:
            self.ledger.record(node.tensors["weight"].name, ("C1", "C2"))
        return Claim(self.network.canon(layer.output), inputs[0].axes)
