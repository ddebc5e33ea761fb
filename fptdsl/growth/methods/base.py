"""What a method of widening is: a name, its conditions, and the table that it fills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import prod
from typing import Any, ClassVar

import numpy as np

from ...architecture.terms import Cat, Prod, Space, Term, resolve
from ..distribute import Sizes
from ..facts import Facts
from ..normed import Normed
from ..plan import Exactness
from ..random import Stream
from ..recipe import Ints, Table
from ..stream import Stream as Rescaled

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Illegal:
    """Why a method is not legal at a Space, and what would be."""

    reason: str
    hint: str | None = None


class Method:
    """Base of the methods.  ``paper`` names the source; ``trainability`` what becomes of the new units."""

    name: ClassVar[str]
    paper: ClassVar[str]
    trainability: ClassVar[str]
    tried: ClassVar[tuple[Options, ...]] = ({},)
    """The options with which it is tried when no method is asked for, one after the other."""

    def illegal(self, facts: Facts, new: int, options: Options) -> Illegal | None:
        """None when the Space may be widened to ``new`` units so, else the reason."""
        return illegal_for_new_classes(facts)

    def table(self, facts: Facts, name: str, new: int, options: Options, stream: Stream) -> Table:
        """The table of the Space called ``name``.  Called only where ``illegal`` gave None."""
        raise TypeError(f"{type(self).__name__} fills no table")

    def exactness(self, facts: Facts, options: Options) -> Exactness:
        return "exact"

    def why(self, facts: Facts, options: Options) -> str:
        """One clause for the plan: why this is right here."""
        return self.paper

    def advice(self, facts: Facts, options: Options) -> tuple[str, ...]:
        return ()


UNSUMMED = {
    "softmax": "a softmax runs over these units",
    "sum": "a sum over these units is taken with no parameter to divide",
    "gather": "these units are looked up by index",
    "actdot": "queries and keys are summed over these units with no parameter between",
    "tied": "the output layer reads these units with the embedding's own weight",
    "width factor": "a factor depends on the number of these units",
}
"""Events that no method of copies or new classes keeps."""


def illegal_for_new_classes(facts: Facts) -> Illegal | None:
    """New classes of units change what these operations compute over the axis (maths section 3, events)."""
    words = {
        **UNSUMMED,
        "mean": "a mean over these units is taken",
        "max": "a maximum over these units is taken",
    }
    event = facts.first(*words)
    if event is not None:
        return Illegal(f"{words[event.kind]} at `{event.where}`", _way_out(facts) if event.kind == "mean" else None)
    event = facts.first("groups")
    if event is not None:
        return Illegal(
            f"`{event.where}` normalises over groups of {facts.space.size} of these units, and new units inside a "
            "group change its mean and variance",
            "add whole groups: widen by a multiple of the group's size",
        )
    return None


def _way_out(facts: Facts) -> str:
    """Methods that keep a mean over the units."""
    any_size = ""
    if isinstance(facts.stream, Rescaled):
        any_size = ", `rescale` at any size"
    elif isinstance(scaled_copies(facts), Normed):
        any_size = ", `rescale(copies=true)` at any size"
    return f"`net2net` keeps it where every unit gets as many copies{any_size}"


def scaled_copies(facts: Facts) -> Normed | Illegal:
    """What RMSNorms over the units need of scaled copies of them, which are copies behind the norms (N-5)."""
    event = facts.first(*UNSUMMED, "groups")
    if event is not None:
        return Illegal(f"{UNSUMMED.get(event.kind, 'groups of these units are normalised')} at `{event.where}`")
    found = facts.normed
    if not isinstance(found, Normed):
        return Illegal(str(found), found.hint)
    if not facts.readers and not facts.grouped:
        return Illegal("no layer reads these units through a kernel, so copies cannot share a weight")
    return found


def donors(count: int, old: int, stream: Stream) -> Ints:
    """A random old unit for each new class, whose norm statistics it takes (W-3)."""
    return stream.integers(count, old)


@lru_cache(maxsize=16)
def numbers(count: int) -> Ints:
    """0 to ``count - 1``, in memory that all groups of units of that size share: large models have many."""
    units = np.arange(count)
    units.setflags(write=False)
    return units


def uniform(term: Term, sizes: Sizes | None) -> Fraction | None:
    """How often every unit of an axis occurs when all its Spaces are copied alike; None where parts differ (N-3)."""
    term = resolve(term)
    if isinstance(term, Space):
        return Fraction(sizes.size(term) if sizes is not None else term.size, term.size)
    parts = [uniform(part, sizes) for part in (term.factors if isinstance(term, Prod) else term.parts)]
    if None in parts:
        return None
    if isinstance(term, Cat):
        return parts[0] if len(set(parts)) == 1 else None
    return prod((part for part in parts if part is not None), start=Fraction(1))
