"""Layers whose kernels are read in a way of their own: ``lstm``, ``gru``, ``embedding`` (G-8)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...architecture.graph import Node
from ...growth.recipe import Concat
from .claims import ZERO, AxisClaim, Claim, concatenation, plain
from .classes import axis_claim
from .guide import Guide
from .kernels import Kernel
from .law import Report, check_kernel, first_of_class
from .ledger import Ledger
from .reading import Tensors, bits, pieces, to_float
from .vectors import check_follower

Keys = Mapping[str, "str | None"]


class SpecialLayers:
    """The law on recurrent cells (every gate holds the same units) and on tables of rows."""

    def __init__(self, guide: Guide, before: Tensors, after: Tensors, ledger: Ledger) -> None:
        self.guide, self.before, self.after, self.ledger = guide, before, after, ledger

    def recurrent(self, node: Node, layer: Node, given: Claim, sources: Keys) -> tuple[AxisClaim, ...]:
        """``weight_ih [gates * hidden, in]`` reads what comes in, ``weight_hh`` the units themselves."""
        args = layer.args
        hidden: int = args.hidden_size  # type: ignore[attr-defined]
        directions = 1 + bool(args.bidirectional)  # type: ignore[attr-defined]
        recipe = self.guide.tensors[node.tensors["weight_hh_l0"].name].recipe
        grown = recipe.axes[0] if recipe is not None else None
        units = axis_claim(grown.parts[0], self.guide.tables) if isinstance(grown, Concat) else plain(hidden)
        output = concatenation([units] * directions)
        gates = layer.tensors["weight_hh_l0"].shape[0] // hidden
        rows = concatenation([units] * gates)
        for suffix, tensor in node.tensors.items():
            name, source = tensor.name, sources[suffix] or ""
            if suffix.startswith("bias"):
                report = check_follower(self.before, source, self.after, name, rows, zero=True)
                self.ledger.record(name, "C1", report)
                continue
            first = suffix.removesuffix("_reverse").endswith("_l0")
            reads = units if "_hh_" in suffix else given.axes[-1] if first else output
            kernels = Kernel(self.after, name, 1), Kernel(self.before, source, 1)
            self.ledger.record(name, ("C1", "C2"), check_kernel(*kernels, reads, rows, exact=self.guide.exact))
        return (*given.axes[:-1], output)

    def embedding(self, node: Node, layer: Node, given: Claim, sources: Keys) -> tuple[AxisClaim, ...]:
        """A row for every integer; its columns are the units."""
        name, source = node.tensors["weight"].name, sources["weight"] or ""
        recipe = self.guide.tensors[name].recipe
        units = plain(layer.output.shape[-1]) if recipe is None else axis_claim(recipe.axes[1], self.guide.tables)
        self.ledger.record(name, "C1", self._columns(source, name, units))
        return (*given.axes, units)

    def _columns(self, source: str, name: str, units: AxisClaim) -> Report:
        report = Report()
        labels, first = units.labels, first_of_class(units.labels)
        copies, zeros = np.flatnonzero((labels >= 0) & (labels < units.old)), np.flatnonzero(labels == ZERO)
        for start, stop in pieces(self.after.shape(name)):
            here, old = self.after.rows(name, start, stop), self.before.rows(source, start, stop)
            if (bits(here[:, copies]) != bits(old[:, labels[copies]])).any():
                report.add("C1", "columns of copies should be the old columns")
            if (bits(here) != bits(here[:, first]))[:, labels != ZERO].any():
                report.add("C1", "columns of one class should be identical")
            if to_float(here[:, zeros], self.after.dtype(name)).any():
                report.add("C3", "columns of zero units should be zero")
        return report
