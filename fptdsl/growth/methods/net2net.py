"""Net2WiderNet (Chen, Goodfellow, Shlens 2016): new units copy old ones, readers share the weight (W-1, W-2, W-7)."""

from __future__ import annotations

import numpy as np

from ...architecture.graph import Event
from ...architecture.terms import spaces
from ..facts import Facts
from ..normed import Normed
from ..plan import Exactness
from ..random import Stream
from ..recipe import NONE, Table
from ..stream import Stream as Rescaled
from ..stream import tied_norms
from .base import UNSUMMED, Illegal, Method, Options, scaled_copies, uniform
from .dot import copies_table, illegal_for_copies, why_copies


class Net2Net(Method):
    name = "net2net"
    paper = "Net2WiderNet (Chen et al. 2016)"
    trainability = "copies part ways from the first step; with `split=equal` they stay twins for ever"

    def illegal(self, facts: Facts, new: int, options: Options) -> Illegal | None:
        if facts.first("actdot") is not None:
            return illegal_for_copies(facts, new)
        event = facts.first(*(kind for kind in UNSUMMED if kind != "tied"))
        if event is None and facts.first("tied") is not None:
            event = _untied(facts, new)
        if event is not None:
            whole = event.kind == "tied" and facts.graph is not None and tied_norms(facts.graph, facts.space)
            hint = f"widen to a multiple of {facts.space.size}" if whole else None
            return Illegal(f"{UNSUMMED[event.kind]} at `{event.where}`", hint)
        for event in facts.every("groups", "mean"):
            if new % facts.space.size:
                return Illegal(
                    f"`{event.where}` takes a mean over these {facts.space.size} units, kept only by copies of all "
                    "alike",
                    f"widen to a multiple of {facts.space.size}" + _scaled(facts),
                )
            if uniform(event.term, facts.sizes) is None:
                parts = ", ".join(f"`{leaf.home}`" for leaf in dict.fromkeys(spaces(event.term)))
                return Illegal(
                    f"`{event.where}` takes a mean over these and other units, which must all be copied alike",
                    f"widen all that it joins to the same multiple: {parts}",
                )
        if facts.every("groups", "mean") and float(options.get("noise", 0.0)):
            return None
        if not facts.readers and not facts.grouped and facts.first("max") is None:
            return Illegal("no layer reads these units through a kernel, so copies cannot share a weight")
        return None

    def table(self, facts: Facts, name: str, new: int, options: Options, stream: Stream) -> Table:
        old = facts.space.size
        split, noise = str(options.get("split", "element")), float(options.get("noise", 0.0))
        if facts.first("actdot") is not None:
            return copies_table(facts, name, new, self.name, split, noise, stream)
        if facts.kinds() & {"groups", "mean", "tied"}:
            copied = np.arange(old, new) % old
        else:
            copied = stream.integers(new - old, old)
        # A tied head sums over all copies: the norm before it is divided by their number (T-8).
        tied = tied_norms(facts.graph, facts.space) or () if facts.graph is not None and facts.first("tied") else ()
        return Table(
            name,
            old,
            new,
            np.concatenate([np.arange(old), copied]),
            NONE,
            self.name,
            factors=tuple((tensor, old / new) for tensor in tied),
            split=split,  # type: ignore[arg-type]
            noise=noise,
        )

    def exactness(self, facts: Facts, options: Options) -> Exactness:
        if float(options.get("noise", 0.0)) > 0:
            return "approximate"
        return "eval-only" if "dropout" in facts.kinds() else "exact"

    def why(self, facts: Facts, options: Options) -> str:
        if facts.first("actdot") is not None:
            return why_copies(facts, str(options.get("split", "element")))
        if not facts.readers and not facts.grouped:
            return "new pieces copy old ones, and the largest of equal values is the value"
        return f"new units copy old ones; readers share each weight ({options.get('split', 'element')} split)"

    def advice(self, facts: Facts, options: Options) -> tuple[str, ...]:
        told = []
        noise = float(options.get("noise", 0.0))
        if facts.first("max") is not None and not facts.readers and not noise:
            told.append(
                "copied pieces of a maxout get equal gradients for ever; `noise=0.01` parts them, approximately"
            )
        twins = options.get("split") == "equal" and not noise
        if twins and "dropout" not in facts.kinds():
            told.append("copies with equal shares get equal gradients for ever; `split=element` parts them exactly")
        if "dropout" in facts.kinds():
            told.append("copies behind dropout are equal only in eval: their masks are independent")
        return tuple(told)


def _scaled(facts: Facts) -> str:
    """The way out where norms keep scaled copies of any number (N-5, N-6)."""
    if isinstance(facts.stream, Rescaled):
        return ", or use `rescale(copies=true)`, which scales the copies of a residual stream"
    normed = isinstance(scaled_copies(facts), Normed)
    return ", or use `rescale(copies=true)`, which scales what the norm reads of the copies" if normed else ""


def _untied(facts: Facts, new: int) -> Event | None:
    """The tied head that copies would change: one without a norm or linear layer of its own before it.

    Under a norm the copies are all alike anyway, or the norm tells why not.
    """
    even = facts.first("mean") is not None or new % facts.space.size == 0
    if facts.graph is not None and even and tied_norms(facts.graph, facts.space):
        return None
    return facts.first("tied")
