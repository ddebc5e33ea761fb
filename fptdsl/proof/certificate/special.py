"""Layers whose kernels are read in a way of their own: recurrent cells (G-8), tables of rows, tied heads (T-8)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...architecture.graph import Node
from ...architecture.ops import OPERATIONS
from ...architecture.ops.shapes import axis_of
from ...growth.recipe import Concat
from .claims import MEAN, ZERO, AxisClaim, Claim, concatenation, plain
from .classes import axis_claim
from .guide import Guide
from .kernels import Kernel
from .law import check_kernel, first_of_class
from .ledger import Ledger
from .reading import Floats, Tensors, bits, pieces, to_float
from .report import Report
from .transfer import Illegal
from .vectors import check_follower, rounding

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
        gates = layer.tensors["weight_hh_l0"].shape[0] // hidden
        recipe = self.guide.tensors[node.tensors["weight_hh_l0"].name].recipe
        grown, units = recipe.axes[0] if recipe is not None else None, plain(hidden)
        if isinstance(grown, Concat):
            gate = grown.parts[: len(grown.parts) // gates]  # Several, where other layers put the units together.
            units = concatenation([axis_claim(part, self.guide.tables) for part in gate])
        output = concatenation([units] * directions)
        rows = concatenation([units] * gates)
        for suffix, tensor in node.tensors.items():
            name, source = tensor.name, sources[suffix] or ""
            if suffix.startswith("bias"):
                report = check_follower(self.before, source, self.after, name, rows, zero=True, factors=rows.factors)
                self.ledger.record(name, "C1", report)
                continue
            first = suffix.removesuffix("_reverse").endswith("_l0")
            reads = units if "_hh_" in suffix else given.axes[-1] if first else output
            kernels = Kernel(self.after, name, 1), Kernel(self.before, source, 1)
            self.ledger.record(name, ("C1", "C2"), check_kernel(*kernels, reads, rows, exact=self.guide.exact))
        return (*given.axes[:-1], output)

    def columns(self, node: Node, layer: Node, given: Claim, sources: Keys) -> tuple[AxisClaim, ...]:
        """Layers that give every unit its own column of a table, and the head that reads one."""
        return getattr(self, f"_{node.op}")(node, layer, given, sources)  # type: ignore[no-any-return]

    def _embedding(self, node: Node, layer: Node, given: Claim, sources: Keys) -> tuple[AxisClaim, ...]:
        """A row for every integer; its columns are the units."""
        return (*given.axes, self._table(node, sources, "weight", layer.output.shape[-1]))

    def _class_token(self, node: Node, layer: Node, given: Claim, sources: Keys) -> tuple[AxisClaim, ...]:
        """One position more, before the others: it must have the units that they have."""
        positions, units = given.axes
        token = self._table(node, sources, "", units.old)
        if not positions.plain:
            raise Illegal("there are other positions than before")
        if not token.same(units):
            raise Illegal("the token does not have the units of the values that it is put before")
        return plain(layer.output.shape[0]), units

    def _position_table(self, node: Node, layer: Node, given: Claim, sources: Keys) -> tuple[AxisClaim, ...]:
        """A value for every position, added: it must have the units of what it is added to."""
        positions, units = given.axes
        table = self._table(node, sources, "", units.old)
        if not positions.plain:
            raise Illegal("there are other positions than before")
        if not table.same(units):
            raise Illegal("the positions do not have the units of the values that they are added to")
        return given.axes

    def _shift(self, node: Node, layer: Node, given: Claim, sources: Keys) -> tuple[AxisClaim, ...]:
        """A number for every unit, added: of a multiple of a unit the multiple."""
        tensor = node.tensors[""]
        place = axis_of(OPERATIONS[node.op], layer.args.dim, layer.inputs[0])  # type: ignore[attr-defined]
        axis = given.axes[place]
        if axis.even is not None:
            raise Illegal("halves of pairs are shifted")
        report = check_follower(
            self.before, sources[""], self.after, tensor.name, axis, zero=True, factors=axis.factors
        )
        self.ledger.record(tensor.name, "C1", report)
        return tuple(axis if number == place else other.without_zeros() for number, other in enumerate(given.axes))

    def _relative_position_bias(self, node: Node, layer: Node, given: Claim, sources: Keys) -> tuple[AxisClaim, ...]:
        """A number for every head and distance."""
        heads = self._table(node, sources, "weight", layer.output.shape[0])
        return (heads, *map(plain, layer.output.shape[1:]))

    def _tied_linear(self, node: Node, layer: Node, given: Claim, sources: Keys) -> tuple[AxisClaim, ...]:
        """The table as a kernel: with the multiples of what comes in its columns make the old ones (T-8)."""
        name, source = node.tensors["weight"].name, sources["weight"] or ""
        rows = plain(layer.output.shape[-1])
        kernels = Kernel(self.after, name, 1), Kernel(self.before, source, 1)
        report = check_kernel(*kernels, given.axes[-1], rows, exact=False)
        self.ledger.record(name, "C2", report)
        return (*given.axes[:-1], rows)

    def _table(self, node: Node, sources: Keys, suffix: str, old: int) -> AxisClaim:
        """The units of a table's last axis, which is held against the old one."""
        name, source = node.tensors[suffix].name, sources[suffix] or ""
        recipe = self.guide.tensors[name].recipe
        if recipe is None:  # held against the old one bit by bit, as all that does not grow (``untouched.py``)
            self.ledger.record(name, "C4")
            return plain(old)
        units = self.guide.axis(name, recipe.axes[-1])
        self.ledger.record(name, "C1", self._columns(source, name, units))
        return units

    def _columns(self, source: str, name: str, units: AxisClaim) -> Report:
        report, dtype = Report(), self.after.dtype(name)
        if self.after.shape(name)[0] < self.before.shape(source)[0]:
            report.add("C4", "it has fewer rows than before")
            return report
        first = first_of_class(units.identities)
        known = np.flatnonzero(units.known)
        twins = np.flatnonzero((units.labels >= units.old) & (first != np.arange(units.new)))
        zeros, means = np.flatnonzero(units.labels == ZERO), np.flatnonzero(units.labels == MEAN)
        for start, stop in pieces(self.before.shape(source)):  # New rows are free: nothing old looks them up.
            here = self.after.rows(name, start, stop).reshape(-1, units.new)
            old = self.before.rows(source, start, stop).reshape(-1, units.old)
            if units.scales is None:
                if (bits(here[:, known]) != bits(old[:, units.labels[known]])).any():
                    report.add("C1", "columns of copies should be the old columns")
            else:
                before, now = to_float(old, self.before.dtype(source)), to_float(here, dtype)
                wanted = before[:, units.labels[known]] * units.factors[known]
                largest = float(np.abs(before).max(initial=0.0))
                _near(
                    now[:, known], wanted, largest, dtype, "C1", "columns should be multiples of the old ones", report
                )
                wanted = before.mean(axis=1, keepdims=True) * units.factors[means]
                _near(now[:, means], wanted, largest, dtype, "N6", "columns should be the mean of the old ones", report)
            if (bits(here[:, twins]) != bits(here[:, first[twins]])).any():
                report.add("C1", "columns of one class should be identical")
            if to_float(here[:, zeros], dtype).any():
                report.add("C3", "columns of zero units should be zero")
        return report


def _near(here: Floats, wanted: Floats, largest: float, dtype: str, check: str, message: str, report: Report) -> None:
    """Values within the rounding of a file of what they should be."""
    gap = np.nan_to_num(np.abs(here - wanted), nan=np.inf)
    relative = float(gap.max(initial=0.0)) / max(largest, 1e-300)
    report.deviation = max(report.deviation, relative)
    if (gap > rounding(wanted, dtype) + 1e-14 * largest).any():
        report.add(check, message, relative)


COLUMNS = ("embedding", "class_token", "position_table", "shift", "relative_position_bias", "tied_linear")
"""Operations of :meth:`SpecialLayers.columns`."""
