"""New units of queries and keys (T-6): one side zero and the other free (Gesmundo, Maile 2023), or copies."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from ...architecture.graph import GAINS
from ..dots import Dot, NoDot, analyse
from ..facts import Facts
from ..random import Stream
from ..recipe import NONE, Floats, Ints, Table
from .base import UNSUMMED, Illegal, donors, numbers, uniform

KEYS = " (keys)"
"""Behind the name of a Space: its table on the side of the keys."""


def illegal_for_dot(facts: Facts) -> Illegal | None:
    """None where queries and keys may have more units in each head."""
    mean = facts.first("mean")
    if mean is not None:
        copies = illegal_for_copies(facts, 2 * facts.space.size) is None
        return Illegal(
            f"`{mean.where}` normalises queries or keys: new units that are zero on both sides would never learn, and "
            "others change its mean",
            f"`net2net` copies all of them alike: widen to a multiple of {facts.space.size}" if copies else None,
        )
    found = _sides(facts)
    return found if isinstance(found, Illegal) else None


def illegal_for_copies(facts: Facts, new: int) -> Illegal | None:
    """None where queries and keys may have copies of their units, whose products share the old one's."""
    found, old = _sides(facts), facts.space.size
    if isinstance(found, Illegal):
        return found
    for event in facts.every("mean"):
        if new % old:
            return Illegal(
                f"`{event.where}` takes a mean over these {old} units, kept only by copies of all alike",
                f"widen to a multiple of {old}",
            )
        if uniform(event.term, facts.sizes) is None:
            return Illegal(f"`{event.where}` takes a mean over these and other units, which must all be copied alike")
    if not any(found.last.values()):
        return Illegal("queries and keys are normalised with no gains that could share their products among copies")
    return None


def _sides(facts: Facts) -> Dot | Illegal:
    others = [kind for kind in (*UNSUMMED, "max", "groups") if kind != "actdot"]
    event = facts.first(*others)
    if event is not None:
        return Illegal(f"{UNSUMMED.get(event.kind, 'groups or a maximum of these units are taken')} at `{event.where}`")
    if facts.graph is None:
        return Illegal("nothing is known of what queries meet keys")
    try:
        return analyse(facts.graph, facts.space)
    except NoDot as reason:
        return Illegal(str(reason))


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
        signs=None if factor == 1.0 else np.full(new, factor),
        keys=keys,
        key_places=tuple(sorted(dot.keys)),
    )


def copies_table(facts: Facts, name: str, new: int, method: str, split: str, noise: float, stream: Stream) -> Table:
    """The table of queries, which holds that of keys: the products of the copies of a unit add up to the old one's.

    One side is multiplied, what makes it or the gains of its norm.  A share is one number for each copy: the
    elements of a row cannot be shared out, as those of a kernel can that reads copies.
    """
    dot, old = _dot(facts), facts.space.size
    alike = facts.first("mean") is not None
    copied = np.arange(old, new) % old if alike else stream.integers(new - old, old)
    classes = np.concatenate([np.arange(old), copied])
    shares = dot.factor(old, new) * _shares(classes, split == "equal", stream)
    side = "queries" if dot.last["queries"] else "keys"
    tables = {}
    for each, named in (("keys", name + KEYS), ("queries", name)):
        tables[each] = Table(
            named,
            old,
            new,
            classes,
            NONE,
            method,
            noise=noise,
            signs=shares if each == side else None,
            multiplied=tuple(sorted(dot.last[side])) if each == side else (),
        )
    return replace(tables["queries"], keys=tables["keys"], key_places=tuple(sorted(dot.keys)))


def _shares(classes: Ints, equal: bool, stream: Stream) -> Floats:
    """What each copy has of the product of its unit: equal or, so that copies part, unequal parts (W-2)."""
    counts = np.bincount(classes)[classes]
    if equal:
        return np.asarray(1.0 / counts)
    draws = 1e-12 - np.log1p(-stream.uniform(len(classes), 2 * len(classes)))
    parts = 0.1 / counts + 0.9 * (draws / np.bincount(classes, draws)[classes])
    return np.where(counts == 1, 1.0, parts)  # what has no copy stays as it is, to the bit


def why_copies(facts: Facts, split: str) -> str:
    """One clause for the plan."""
    dot = _dot(facts)
    side = "queries" if dot.last["queries"] else "keys"
    assert facts.graph is not None
    gains = any(facts.graph.tensors[name].init in GAINS for name, _ in dot.last[side])
    what = f"the gains of the {side}" if gains else side
    told = f"units of queries and keys are copied, and {what} share the products"
    told += " equally" if split == "equal" else ", in parts that differ"
    return told + (", times sqrt(new/old), as scores are divided by sqrt(head_dim)" if dot.divided else "")


def why_dot(facts: Facts, zero: Literal["keys", "queries"]) -> str:
    """One clause for the plan."""
    told = f"new units of {zero} are zero, so that no score changes"
    if _dot(facts).divided:
        told += "; queries are multiplied by sqrt(new/old), as the scores are divided by sqrt(head_dim)"
    return told


def _dot(facts: Facts) -> Dot:
    assert facts.graph is not None
    return analyse(facts.graph, facts.space)
