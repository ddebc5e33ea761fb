"""What the gradient probe found, in figures and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..architecture.graph import Graph

LARGE = 30.0
"""Gradients of new parameters this many times those of old ones are worth a warning (V-8)."""
PARAMETERS = 2_000_000
WORK = 200_000_000
"""Parameters, and multiply-accumulates for one sample, up to which ``apply`` probes of its own accord."""


def too_large(graph: Graph) -> str | None:
    """Why a network is not probed unasked."""
    work = sum(node.macs for node in graph.nodes)
    if graph.parameters() <= PARAMETERS and work <= WORK:
        return None
    return "the network is large; `fptdsl verify --gradients` probes it"


@dataclass(frozen=True)
class Unmoved:
    """Positions of one axis of a tensor whose gradient is zero; ``axis`` None: the whole tensor."""

    tensor: str
    axis: int | None
    count: int
    first: int = 0

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))

    def __str__(self) -> str:
        if self.axis is None:
            return f"`{self.tensor}`"
        what = {0: "rows", 1: "columns"}.get(self.axis, f"positions of axis {self.axis}")
        return f"{self.count} {what} of `{self.tensor}` (from {self.first})"


@dataclass(frozen=True)
class Twins:
    """Copies of a group of units that get the gradients of another unit, bit for bit or nearly so."""

    space: str
    copies: int

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class GradientReport:
    """``waiting``: zero gradient in the first step only; ``dead``: zero after two steps of SGD as well."""

    waiting: tuple[Unmoved, ...] = ()
    dead: tuple[Unmoved, ...] = ()
    twins: tuple[Twins, ...] = ()
    ratio: float | None = None
    """Largest gradient of a new parameter over the largest of an old one, in the first step."""
    cure: str | None = None
    """The method that would keep the largest gradient small, None where it is the one that was taken."""
    skipped: str | None = None
    """Why nothing was probed."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Each with the option that cures it."""
        told = []
        if self.dead:
            told.append(
                f"no gradient reaches {_few([str(part) for part in self.dead])}, not even after two steps: they never "
                "learn; `netmorph(zero=out)`, `r2r` and `net2net` learn from the start"
            )
        if self.twins:
            copies = sum(part.copies for part in self.twins)
            told.append(
                f"{copies} new units get the same gradients as those that they copy, and stay equal for ever, at "
                f"{_few([f'`{part.space}`' for part in self.twins])}; `net2net(split=element)` parts them exactly"
            )
        if self.ratio is not None and self.ratio > LARGE:
            told.append(
                f"new parameters get gradients {self.ratio:.0f} times those of old ones in the first step; "
                + (f"`{self.cure}` keeps them small, and so does" if self.cure else "what helps is")
                + " a low learning rate at first"
            )
        return tuple(told)

    def to_json(self) -> dict[str, Any]:
        """The ``gradients`` part of documents and receipts."""
        return {
            "waiting": [part.to_json() for part in self.waiting],
            "dead": [part.to_json() for part in self.dead],
            "twins": [part.to_json() for part in self.twins],
            "ratio": self.ratio,
            "warnings": list(self.warnings),
            "skipped": self.skipped,
        }


def _few(names: list[str], limit: int = 3) -> str:
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
