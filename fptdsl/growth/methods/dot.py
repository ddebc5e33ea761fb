"""New units of queries and keys: one side is zero, the other free (T-6; Gesmundo, Maile 2023)."""

from __future__ import annotations

from typing import Literal

from ..dots import Dot, NoDot, analyse
from ..facts import Facts
from ..random import Stream
from ..recipe import Table
from .base import UNSUMMED, Illegal, donors, numbers

KEYS = " (keys)"
"""Behind the name of a Space: its table on the side of the keys."""


def illegal_for_dot(facts: Facts) -> Illegal | None:
    """None where queries and keys may have more units in each head."""
    others = [kind for kind in (*UNSUMMED, "max", "groups") if kind != "actdot"]
    event = facts.first(*others)
    if event is not None:
        return Illegal(f"{UNSUMMED.get(event.kind, 'groups or a maximum of these units are taken')} at `{event.where}`")
    mean = facts.first("mean")
    if mean is not None:
        return Illegal(
            f"`{mean.where}` normalises queries or keys: new units that are zero on both sides would never learn, and "
            "others change its mean"
        )
    if facts.graph is None:
        return Illegal("nothing is known of what queries meet keys")
    try:
        analyse(facts.graph, facts.space)
    except NoDot as reason:
        return Illegal(str(reason))
    return None


def dot_table(
    facts: Facts, name: str, new: int, method: str, zero: Literal["keys", "queries"], stream: Stream
) -> Table:
    """The table of queries, which holds that of keys."""
    dot, old = _dot(facts), facts.space.size
    given = numbers(new), donors(new - old, old, stream)
    factor = dot.factor(old, new)
    keys = Table(name + KEYS, old, new, *given, method, writer="zero" if zero == "keys" else "fresh")
    return Table(
        name,
        old,
        new,
        *given,
        method,
        writer="zero" if zero == "queries" else "fresh",
        signs=() if factor == 1.0 else (factor,) * new,
        keys=keys,
        key_places=tuple(sorted(dot.keys)),
    )


def why_dot(facts: Facts, zero: Literal["keys", "queries"]) -> str:
    """One clause for the plan."""
    told = f"new units of {zero} are zero, so that no score changes"
    if _dot(facts).divided:
        told += "; queries are multiplied by sqrt(new/old), as the scores are divided by sqrt(head_dim)"
    return told


def _dot(facts: Facts) -> Dot:
    assert facts.graph is not None
    return analyse(facts.graph, facts.space)
