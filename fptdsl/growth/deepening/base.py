"""What a method of deepening is: what it inserts, which values that starts from, and what is said of it.

One file per method.  The declarations are the source of ``docs/methods.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ...architecture.tree import Tree
from ..identity import Identity, NoIdentity
from ..part import Part
from ..plan import Exactness
from .copies import Run, copies


class Deepening:
    """Base of the methods.

    ``using`` is how the method is asked for.  The words after it are those of the table in the
    documentation: ``place``, ``kinds`` (what exactness to expect), ``condition``, ``trainability``.
    """

    name: ClassVar[str]
    using: ClassVar[str]
    ids: ClassVar[str]
    """Entries of ``docs/maths.md``."""
    paper: ClassVar[str]
    place: ClassVar[str]
    kinds: ClassVar[str]
    condition: ClassVar[str]
    trainability: ClassVar[str]
    sets_width: ClassVar[bool] = False
    """``to M`` is the width of the tree that is inserted; for the others an inserted identity is widened."""

    def layers(self, run: Run) -> tuple[Tree, ...]:
        """What is inserted behind a run of layers (or a composite).  Raises Refused."""
        return copies(run)

    def element(self, node: Tree) -> Tree:
        """What is inserted as an element of a repeat, from a copy of the element that it is modelled on."""
        return node

    def identity(self, part: Part) -> Identity:
        """The starts that make an inserted part the identity.  Raises NoIdentity."""
        raise TypeError(f"{type(self).__name__} makes no identity")

    def exactness(self, identity: Identity, dropout: bool) -> Exactness:
        return "eval-only" if identity.eval_only or dropout else "bitwise"

    def why(self, identity: Identity) -> str:
        return self.paper

    def advice(self, identity: Identity) -> tuple[str, ...]:
        return statistics_advice(identity)


def statistics_advice(identity: Identity) -> tuple[str, ...]:
    """What is to be said of the statistics of inserted batch norms (D-4)."""
    told = []
    if identity.unit_statistics:
        told.append(
            "an inserted batch norm starts from mean 0 and variance 1, far from its data: the first steps of training "
            "change the function; `--calibrate DATA.npz` sets it from data"
        )
    if identity.measured:
        told.append(
            "inserted batch norms have the statistics of the calibration data: the identity in evaluation, and on that "
            "batch in training too, to within half a percent"
        )
    return tuple(told)


def blown_advice(identity: Identity) -> tuple[str, ...]:
    """What is to be said of norms that only zeros enter (D-9, T-12)."""
    if not identity.blown:
        return ()
    return (
        f"only zeros enter the norm {places(identity.blown)} at the start, which divides them by the root of its eps: "
        "the first gradients in training are very large; with a scale of its own, `zero` starts it from that instead",
    )


def places(given: Sequence[str], limit: int = 3) -> str:
    names = list(given)
    shown = names if len(names) <= limit else [*names[: limit - 1], f"and {len(names) - limit + 1} more"]
    return ", ".join(f"`{name}`" if not name.startswith("and ") else name for name in shown)


__all__ = ["Deepening", "Identity", "NoIdentity", "Part", "Run", "blown_advice", "places", "statistics_advice"]
