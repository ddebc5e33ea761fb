"""Stream rescaling (Gesmundo, Maile 2023; Wang et al. 2023): a normalised stream of any larger size (T-7 to T-9).

The stream becomes ``k Q u`` with ``k = sqrt(H/h)`` and ``Q^T Q = I`` behind the norms, which see what they saw with
eps unchanged.  ``Q`` pads with zeros (RMSNorm) or means (LayerNorm); with ``copies=true`` each unit that occurs ``m``
times is ``1/sqrt(m)`` of the old one in each (N-5), under LayerNorm all as often as fits, and means for the rest (N-6).
As every copy has its unit's gain, ``Q`` goes through the norms, and gains are those of the padded stream.
Where units are used one by one behind their norm (heads, an activation), gains of copies are divided instead (N-5).
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from ..facts import Facts
from ..normed import Normed
from ..plan import Exactness
from ..random import Stream
from ..recipe import NONE, Floats, Ints, Table
from ..stream import Stream as Rescaled
from .base import Illegal, Method, Options, donors, numbers, scaled_copies


class Rescale(Method):
    """Every writer of the stream times ``sqrt(new / old)``, norms behind it divided by that; eps stays.

    New units of the stream are zero under RMSNorm and the mean of the others under LayerNorm, and are zero behind
    the norms, so that what reads them is free.  With ``copies`` units are multiples ``1/sqrt(m)`` of old ones:
    writers are multiplied by it, and readers share the weight and divide by it.  Units that are no stream, but that
    norms see together (all queries of a layer, all keys), are scaled copies for their norms alone.
    """

    name = "rescale"
    paper = "stream rescaling (Gesmundo, Maile 2023)"
    trainability = "what writes the new units learns from the first step, what reads them from the second"
    tried = ({}, {"copies": True})

    def illegal(self, facts: Facts, new: int, options: Options) -> Illegal | None:
        if facts.first("mean") is None:
            return Illegal("no layer norm or RMSNorm stands over these units")
        found = _found(facts)
        if isinstance(found, Normed) and not options.get("copies"):
            if facts.first("heads") is None:
                return Illegal("these units are no stream, and only scaled copies keep their norm", COPIES)
            return Illegal("heads that are zero would have queries and keys that never learn", COPIES)
        return found if isinstance(found, Illegal) else None

    def table(self, facts: Facts, name: str, new: int, options: Options, stream: Stream) -> Table:
        found, old = _found(facts), facts.space.size
        if isinstance(found, Normed):
            classes = _copied(old, new, True, stream)
            return Table(
                name,
                old,
                new,
                classes,
                NONE,
                self.name,
                split="element",
                signs=sqrt(new / old) * _multiples(classes, old),
                multiplied=tuple(sorted(found.made)),
                undoing=tuple(sorted(found.gains)),
            )
        assert isinstance(found, Rescaled)
        classes = _copied(old, new, found.kind == "zero", stream) if options.get("copies") else numbers(new)
        means = int((classes >= old).sum())
        return Table(
            name,
            old,
            new,
            classes,
            donors(means, old, stream),
            self.name,
            writer=found.kind,
            reader="fresh",
            split="element",
            signs=_multiples(classes, old) if options.get("copies") else None,
            factors=tuple((tensor, sqrt(new / old) ** power) for tensor, power in found.powers.items() if power),
            norms=tuple(sorted(found.norms)),
        )

    def exactness(self, facts: Facts, options: Options) -> Exactness:
        """Zero stays zero behind a mask; copies and a mean of masked units are not those of the masked units."""
        parted = options.get("copies") or _kind(facts) == "mean"
        return "eval-only" if "dropout" in facts.kinds() and parted else "exact"

    def why(self, facts: Facts, options: Options) -> str:
        kind = _kind(facts)
        if kind == "copies":
            return "units that norms see together are copied and scaled for them, and the gains of copies undo it"
        new = "zero" if kind == "zero" else "the mean of the old ones"
        if options.get("copies"):
            new = "scaled copies of old ones" + ("" if kind == "zero" else ", of all alike, and means for the rest")
        return f"the stream is rescaled so that its norms see what they saw; its new units are {new}"


COPIES = "use `rescale(copies=true)`"


def _found(facts: Facts) -> Rescaled | Normed | Illegal:
    """A stream and how to rescale it, or units that norms see together and that are used one by one behind them."""
    stream = facts.stream
    if isinstance(stream, Rescaled):
        return stream
    copies = scaled_copies(facts)
    added = "add" in facts.ops
    return Illegal(str(stream), stream.hint) if added and isinstance(copies, Illegal) else copies


def _kind(facts: Facts) -> str:
    """What new units are: ``zero``, ``mean``, or ``copies`` where they can be nothing else."""
    found = _found(facts)
    return found.kind if isinstance(found, Rescaled) else "copies"


def _copied(old: int, new: int, any_units: bool, stream: Stream) -> Ints:
    """Every old unit as often as all fit; the rest copies some of them, or is new where copies must be of all."""
    whole, rest = divmod(new, old)
    if not any_units:
        return np.concatenate([np.tile(np.arange(old), whole), np.arange(old, old + rest)])
    drawn = np.argsort(stream.uniform_rows(np.zeros(1, dtype=np.int64), old)[0], kind="stable")
    return np.concatenate([np.tile(np.arange(old), whole), drawn[:rest]])


def _multiples(classes: Ints, old: int) -> Floats:
    """``1/sqrt(m)`` for a unit that occurs ``m`` times; means are multiples like the copies of all beside them."""
    counts = np.bincount(classes, minlength=old)
    return np.asarray(1.0 / np.sqrt(counts[np.where(classes < old, classes, 0)]))
