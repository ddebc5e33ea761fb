"""Tables that the insertion of layers decides: pairs that cancel (D-8), and units with their mirror images (D-7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..architecture.graph import Graph, Node, Value
from ..architecture.ops import OPERATIONS
from ..architecture.terms import Space
from ..diagnostics import Diagnostics
from ..language import syntax
from .demands import Widths
from .facts import gather
from .groups import written
from .identity import Mirror
from .methods.base import donors
from .random import Stream
from .recipe import Table
from .requests import Request

if TYPE_CHECKING:
    from .insertions import Inserted

LINEAR = {
    "flatten", "identity", "dropout", "dropout2d", "stochastic_depth", "subsample2d", "pad_channels", "upsample",
    "avgpool1d", "avgpool2d", "adaptive_avgpool2d", "global_avgpool", "concat", "permute", "transpose",
}  # fmt: skip
"""Operations on each unit by itself that keep differences: ``op(a) - op(b) = op(a - b)``."""


class Form:
    """Makes the table of one Space from its name and new size."""

    def __call__(self, name: str, new: int, stream: Stream) -> Table:
        raise TypeError(f"{type(self).__name__} makes no table")


@dataclass(frozen=True, eq=False)
class Twins(Form):
    """All units are new and come in pairs (one class of three where the count is odd) that cancel in readers."""

    old: int

    def __call__(self, name: str, new: int, stream: Stream) -> Table:
        pairs = new // 2
        classes = self.old + np.minimum(np.arange(new) // 2, pairs - 1)
        return Table(name, self.old, new, classes, donors(pairs, self.old, stream), "r2r", reader="pair")


@dataclass(frozen=True, eq=False)
class Mirrored(Form):
    """``x``, then ``-x``, then what is free (read with zeros); readers take the difference by the constant."""

    old: int
    constant: float

    def __call__(self, name: str, new: int, stream: Stream) -> Table:
        more = new - 2 * self.old
        half, parts = np.arange(self.old), (self.old, self.old, more)
        return Table(
            name,
            self.old,
            new,
            np.concatenate([half, half, np.arange(self.old, self.old + more)]),
            donors(more, self.old, stream),
            "netmorph",
            signs=np.repeat([1.0, -1.0, 1.0], parts),
            coefficients=np.repeat([1 / self.constant, -1 / self.constant, 1.0], parts),
        )


def widened_layers(inserted: Sequence[Inserted], diagnostics: Diagnostics) -> Iterator[tuple[Request, Node]]:
    """The layers of ``deepen ... to M`` with M units: by a widening of the identity, or as they were made.

    A depthwise layer has the width of what comes in: ``to M`` is a fault there.
    """
    for part in inserted:
        directive = part.unit.request.directive
        if isinstance(directive, syntax.Deepen) and directive.to is not None:
            layers = [node for node in part.nodes if OPERATIONS[node.op].affine == "map" and node.reused is None]
            for node in layers[:1] if part.method.sets_width else layers:
                if written(node) is not None:
                    yield part.unit.request, node
                else:
                    diagnostics.add(
                        "F323",
                        f"`{part.unit.target}` is depthwise, with a kernel for each unit: a layer inserted behind it "
                        "is as wide as what comes in",
                        part.unit.request.span,
                        hint="leave `to` out, or widen the layer before it",
                    )


def forms(inserted: Sequence[Inserted], widths: Widths, diagnostics: Diagnostics) -> dict[Space, Form]:
    """The Spaces whose table is decided; the sizes of mirrored ones are raised to twice the old size."""
    found: dict[Space, Form] = {}
    for part in inserted:
        for space in part.identity.twins:
            found[space] = Twins(space.size)
        for mirror in part.identity.mirrors:
            space = mirror.space
            asked = widths.asked.get(space)
            if asked is not None and widths.sizes.size(space) < 2 * space.size:
                diagnostics.add(
                    "F321",
                    f"`{mirror.node.name}` holds {space.size} units and their mirror images, which "
                    f"{widths.sizes.size(space)} cannot hold",
                    asked.directive.span,
                    hint=f"ask for {2 * space.size} or more",
                )
                continue
            widths.sizes.new[space] = max(2 * space.size, widths.sizes.size(space))
            found[space] = Mirrored(space.size, mirror.constant)
    return found


def check_mirrors(inserted: Sequence[Inserted], graph: Graph, diagnostics: Diagnostics) -> None:
    """Only layers with a kernel may read mirrored units: they alone can take a difference."""
    mirrors = [(part, mirror) for part in inserted for mirror in part.identity.mirrors]
    if not mirrors:
        return
    facts, users = gather(graph), _users(graph)
    for part, mirror in mirrors:
        reason = _unreadable(mirror, users)
        own = {tensor.name for node in part.nodes for tensor in node.tensors.values()}
        known = facts.get(mirror.space)
        if mirror.space.frozen is not None or known is None:
            reason = f"its units are fixed ({mirror.space.frozen})"
        elif any(role == "writes" and tensor.name not in own for tensor, role in known.tensors):
            reason = "other layers write the same units"
        elif known.grouped or not known.readers:
            reason = reason or "no layer reads all its units through one kernel"
        if reason is not None:
            diagnostics.add(
                "F321",
                f"`{part.unit.target}` cannot be deepened with mirror images: {reason}",
                part.unit.request.span,
                hint="what works here: `netmorph`, `r2r`",
            )


def _unreadable(mirror: Mirror, users: Mapping[Value, list[Node]]) -> str | None:
    """Why something other than kernels takes the units, or None."""
    pending, seen = [mirror.activation.output], set()
    while pending:
        value = pending.pop()
        if value in seen:
            continue
        seen.add(value)
        for node in users.get(value, []):
            if node.op in LINEAR:
                pending.append(node.output)
            elif OPERATIONS[node.op].affine != "map":
                return f"`{node.name}` ({node.op}) takes them, which keeps no differences"
            elif any(role == "follows" for role in node.tensors["weight"].roles):
                return f"`{node.name}` reads each of them by itself"
    return None


def _users(graph: Graph) -> dict[Value, list[Node]]:
    users: dict[Value, list[Node]] = {}
    for node in graph.nodes:
        for value in node.inputs:
            users.setdefault(value, []).append(node)
    return users
