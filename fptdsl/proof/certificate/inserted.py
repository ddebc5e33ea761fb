"""Inserted layers: identities, branches that end in zero, and what is free inside such a branch."""

from __future__ import annotations

import numpy as np

from ...architecture.graph import Node
from ...architecture.ops import OPERATIONS
from ...architecture.ops.fields import per_axis
from ...architecture.ops.shapes import axis_of
from ...growth.recipe import Dirac, IdentityNorm
from .claims import ZERO, AxisClaim, Claim, plain_free, renumber, unknown, zero_claim
from .guide import Guide
from .kernels import LINEAR, Identity, kernel_of
from .law import check_kernel, free_rows
from .ledger import Ledger
from .reading import Floats, Ints, Tensors, bits, to_float, vector
from .report import Report
from .transfer import every_unit_alone
from .vectors import check_constant, check_follower, check_identity_norm

SLOPED = ("prelu", "parametric")
"""Activations that are the identity where their slope is 1 (D-11)."""


class InsertedLayers:
    """Checks the layers that the old network did not have, and says what comes out of them."""

    def __init__(self, guide: Guide, after: Tensors, ledger: Ledger) -> None:
        self.guide, self.after, self.ledger = guide, after, ledger
        self.shifted: dict[Claim, tuple[Node, Claim, Floats]] = {}
        """Pieces of maxouts by the claim of their value: their layer, the units, what each piece adds."""

    def layer(self, node: Node, given: Claim) -> Claim:
        starts = {suffix: self.guide.start(tensor.name) for suffix, tensor in node.tensors.items()}
        if any(isinstance(start, Dirac) for start in starts.values()):
            return self._identity(node, given)
        if any(isinstance(start, IdentityNorm) for start in starts.values()):
            return self._identity_norm(node, given)
        for tensor in node.tensors.values():
            value = self.guide.constant(tensor.name)
            if value is not None and tensor.name in self.after:
                self.ledger.record(tensor.name, "D9", check_constant(self.after, tensor.name, value))
            else:
                self.ledger.record(tensor.name, "C4")
        if node.op in SLOPED and all(self.guide.constant(t.name) == 1.0 for t in node.tensors.values()):
            return given
        return self._free(node, given)

    # --- identities --------------------------------------------------------------------------------

    def _identity(self, node: Node, given: Claim) -> Claim:
        place = len(given.axes) - 1 if node.op in LINEAR else 0
        weight = node.tensors["weight"]
        inputs = given.axes[place]
        pieces = self.guide.pieces(node)
        outputs = self.guide.written(node, inputs, inputs.old * pieces)
        if pieces > 1:
            outputs = _units(outputs, pieces)
        reason = not_centred(node)
        if reason is not None:
            self.ledger.find(weight.name, "C5", reason)
        kernel = kernel_of(self.after, node)
        identity = Identity(inputs.old, weight.shape[2:])
        report = check_kernel(kernel, identity, inputs, outputs, exact=self.guide.exact, check="D1")
        self.ledger.record(weight.name, "D1", report)
        axes = tuple(outputs if axis == place else claim for axis, claim in enumerate(given.axes))
        if pieces > 1:
            return self._pieces(node, Claim(given.old, axes))
        if "bias" in node.tensors:
            bias = node.tensors["bias"].name
            self.ledger.record(bias, "D1", self._no_bias(bias, outputs))
        return Claim(given.old, axes)

    def _pieces(self, node: Node, units: Claim) -> Claim:
        """Units as often as there are pieces, each shifted by its bias: no old value before the largest is taken."""
        shifts = np.zeros(units.axes[0].new)
        if "bias" in node.tensors:
            name = node.tensors["bias"].name
            report = check_follower(None, None, self.after, name, units.axes[0], zero=False)
            self.ledger.record(name, "D5", report)
            shifts = to_float(vector(self.after, name), self.after.dtype(name))
        claim = unknown(node.output.shape)
        self.shifted[claim] = (node, units, shifts)
        return claim

    def largest(self, node: Node, given: Claim) -> Claim | None:
        """``max(x + b_1, ..., x + b_p)`` is ``x`` where the largest of the shifts is 0 (D-5); None elsewhere."""
        found = self.shifted.get(given)
        pieces: int = node.args.pieces  # type: ignore[attr-defined]
        if found is None or len(found[2]) % pieces:
            return None
        kernel, units = found[:2]
        shifts = found[2].reshape(-1, pieces)  # Pieces may have been added since they were drawn up.
        labels = units.axes[0].labels.reshape(-1, pieces)
        alike = (labels == labels[:, :1]).all(axis=1)
        wrong = (labels[:, 0] < units.axes[0].old) & ~(alike & (shifts.max(axis=1) == 0.0))
        if wrong.any():
            suffix = "bias" if "bias" in kernel.tensors else "weight"
            name, unit = kernel.tensors[suffix].name, int(np.argmax(wrong))
            self.ledger.find(name, "D5", f"the largest piece of unit {unit} is not the unit", float(shifts.max()))
        return Claim(units.old, (units.axes[0].take(slice(0, None, pieces)), *units.axes[1:]))

    def _no_bias(self, name: str, outputs: AxisClaim) -> Report:
        """Zero for every old unit and for zero units; equal within new classes."""
        report = check_follower(None, None, self.after, name, outputs, zero=True)
        here = to_float(vector(self.after, name), self.after.dtype(name))
        if len(here) == outputs.new and here[outputs.labels < outputs.old].any():
            report.add("D1", "the bias of an identity should be zero")
        return report

    def _identity_norm(self, node: Node, given: Claim) -> Claim:
        axis = given.axes[0]
        names = {s: t.name for s, t in node.tensors.items() if t.init != "count"}
        eps = float(node.args.eps)  # type: ignore[attr-defined]
        for suffix, report in check_identity_norm(self.after, names, axis, eps).items():
            zero = suffix in ("bias", "running_mean")
            for fault in check_follower(None, None, self.after, names[suffix], axis, zero=zero).faults.values():
                report.add(fault.check, fault.message, fault.deviation)
            self.ledger.record(names[suffix], "D4", report)
        for tensor in node.tensors.values():
            if tensor.init == "count" and tensor.name in self.after:
                self.ledger.record(tensor.name, "D4", check_constant(self.after, tensor.name, 0.0, "D4"))
        return given

    # --- inside a branch that ends in zero ---------------------------------------------------------

    def _free(self, node: Node, given: Claim) -> Claim:
        """What comes out: zero where a gain or the kernel is zero, else units of their own classes."""
        values = {tensor.init: self.guide.constant(tensor.name) for tensor in node.tensors.values()}
        shifted = any(values.get(init, 0.0) != 0.0 for init in ("shift", "mean"))
        gain = values.get("kernel", values.get("scale"))
        if (gain == 0.0 or values.get("offset scale") == -1.0) and values.get("shift", 0.0) == 0.0:
            return zero_claim(node.output.shape)
        if OPERATIONS[node.op].affine != "map" and "kernel" not in values and given.zeros and not shifted:
            return zero_claim(node.output.shape)
        axes = tuple(plain_free(size) for size in node.output.shape)
        if OPERATIONS[node.op].affine == "map":
            place = len(axes) - 1 if node.op in LINEAR else 0
            rows = AxisClaim(0, self._rows(node, given.axes[place]))
            return Claim(None, (*axes[:place], rows, *axes[place + 1 :]))
        if node.op == "relative_position_bias":
            return Claim(None, (self._columns(node), *axes[1:]))
        place = 0
        if node.op in ("layernorm", "rmsnorm", "scale"):
            place = axis_of(OPERATIONS[node.op], node.args.dim, node.inputs[0])  # type: ignore[attr-defined]
        elif not every_unit_alone(node.op) and OPERATIONS[node.op].affine != "norm":
            return unknown(node.output.shape)
        zero = not shifted and (OPERATIONS[node.op].keeps_zero or OPERATIONS[node.op].affine == "norm")
        kept = [axis if zero else axis.without_zeros() for axis in given.free().axes]
        kept[place] = self._values(node, given.free().axes[place], zero=zero)
        sizes = zip(kept, node.output.shape)
        return Claim(None, tuple(axis if axis.new == size else plain_free(size) for axis, size in sizes))

    def _columns(self, node: Node) -> AxisClaim:
        """Units with equal columns of a table are equal."""
        (tensor,) = node.tensors.values()
        table = bits(self.after.rows(tensor.name, 0, tensor.shape[0]))
        return AxisClaim(0, renumber([column.tobytes() for column in np.ascontiguousarray(table.T)], 0))

    def _rows(self, node: Node, inputs: AxisClaim) -> Ints:
        """Labels of the units of a free kernel: zero where what they read cancels, equal where rows are."""
        kernel = kernel_of(self.after, node)
        if "bias" not in node.tensors:
            return free_rows(kernel, inputs, None)
        name = node.tensors["bias"].name
        return free_rows(kernel, inputs, to_float(vector(self.after, name), self.after.dtype(name)))

    def _values(self, node: Node, axis: AxisClaim, *, zero: bool) -> AxisClaim:
        """A norm or slope: units of one class stay so where all their values are equal."""
        vectors = [
            vector(self.after, tensor.name)
            for tensor in node.tensors.values()
            if tensor.init != "count" and tensor.roles[:1] == ("follows",)
        ]
        rows = zip(axis.labels.tolist(), *(bits(values).tolist() for values in vectors))
        return AxisClaim(0, renumber([ZERO if zero and row[0] == ZERO else row for row in rows], 0))


def _units(outputs: AxisClaim, pieces: int) -> AxisClaim:
    """Of pieces of units the units: every piece of an old one is that unit."""
    old = outputs.old // pieces
    labels = np.where(outputs.known, outputs.labels // pieces, outputs.labels - outputs.old + old)
    return AxisClaim(old, np.where(outputs.labels < 0, outputs.labels, labels), outputs.scales)


def not_centred(node: Node) -> str | None:
    """Why a convolution with a centred kernel is not the identity, by its arguments."""
    if node.inputs[0].shape[1:] != node.output.shape[1:] and node.op not in LINEAR:
        return "it changes the size of the image"
    if node.op in LINEAR:
        return None
    args = node.args
    kernel = node.tensors["weight"].shape[2:]
    dims = len(kernel)
    stride, dilation = (per_axis(getattr(args, name), dims) for name in ("stride", "dilation"))
    padding = getattr(args, "padding", 0)
    if any(step != 1 for step in stride):
        return "an identity has the stride 1"
    if any(size % 2 == 0 for size in kernel):
        return "an even kernel has no centre"
    wanted = tuple(d * (k // 2) for d, k in zip(dilation, kernel))
    if padding != "same" and (padding == "valid" or tuple(per_axis(padding, dims)) != wanted):
        return f"the padding of an identity is {wanted}"
    return None
