"""Network Morphism in width (Wei et al. 2016): one side of every new unit is zero (W-4)."""

from __future__ import annotations

from typing import Literal

from ..facts import Facts
from ..random import Stream
from ..recipe import Table
from .base import UNSUMMED, Illegal, Method, Options, donors, illegal_for_new_classes, numbers
from .dot import dot_table, illegal_for_dot, why_dot

FLAT_AT_ZERO = frozenset({"relu", "relu6"})
"""Activations whose gradient at exactly zero is zero in torch."""


class NetMorph(Method):
    """``zero=out``: new units compute something free, their readers are zero.

    ``zero=in``: new units are zero, their readers are free; needs f(0) = 0 through every operation.
    """

    name = "netmorph"
    paper = "Network Morphism (Wei et al. 2016)"
    trainability = "the zero side learns from the first step, the other from the second"

    def illegal(self, facts: Facts, new: int, options: Options) -> Illegal | None:
        if facts.first("actdot") is not None:
            return illegal_for_dot(facts)
        if self.side(facts, options) == "in":
            return _keeps_zero(facts)
        reason = illegal_for_new_classes(facts)
        if reason is None and not facts.readers and not facts.grouped:
            return Illegal("no layer reads these units through a kernel, so there is nothing to set to zero")
        return reason

    def side(self, facts: Facts, options: Options) -> str:
        """``out`` or ``in``.

        Automatic: ``in`` only before a sum over the units.  Behind a batch norm a zero kernel
        has no variance to divide by and its gradients blow up (134 times, maths section 11, traps), so
        a residual sum alone does not ask for it.
        """
        zero = str(options.get("zero", "auto"))
        if zero != "auto":
            return zero
        return "in" if "sum" in facts.kinds() else "out"

    def table(self, facts: Facts, name: str, new: int, options: Options, stream: Stream) -> Table:
        if facts.first("actdot") is not None:
            return dot_table(facts, name, new, self.name, self._zero_of_dot(facts, options), stream)
        old = facts.space.size
        out = self.side(facts, options) == "out"
        return Table(
            name,
            old,
            new,
            numbers(new),
            donors(new - old, old, stream),
            self.name,
            writer="fresh" if out else "zero",
            reader="zero" if out else "fresh",
        )

    def why(self, facts: Facts, options: Options) -> str:
        if facts.first("actdot") is not None:
            return why_dot(facts, self._zero_of_dot(facts, options))
        side = self.side(facts, options)
        return "new units are read with zero weights" if side == "out" else "new units start at zero"

    def _zero_of_dot(self, facts: Facts, options: Options) -> Literal["keys", "queries"]:
        """Keys take the place of what reads the units, queries of what makes them."""
        return "keys" if self.side(facts, options) == "out" else "queries"

    def advice(self, facts: Facts, options: Options) -> tuple[str, ...]:
        if self.side(facts, options) == "out" or facts.first("actdot") is not None:
            return ()
        told = []
        flat = facts.first_pointwise(FLAT_AT_ZERO)
        if flat is not None:
            told.append(
                f"units that start at zero never learn behind `{flat.detail}` (`{flat.where}`), which has no gradient "
                "there: use `netmorph(zero=out)`"
            )
        if facts.product is not None:
            told.append(
                f"units that start at zero never learn where `{facts.product}` multiplies them with others of them: "
                "use `netmorph(zero=out)`"
            )
        if "batchnorm" in facts.kinds():
            told.append(
                "zero kernels before a batch norm get very large first gradients in training; `zero=out` does not"
            )
        return tuple(told)


def _keeps_zero(facts: Facts) -> Illegal | None:
    """The condition of zero-in: zero stays zero on the whole way from writers to readers."""
    if facts.leak is not None:
        return Illegal(
            f"`{facts.leak.detail}` at `{facts.leak.where}` makes something of zero",
            "use `netmorph(zero=out)`",
        )
    for event in facts.events:
        if event.kind != "sum" and (event.kind in UNSUMMED or event.kind in ("mean", "max", "groups")):
            return illegal_for_new_classes(facts)
    heads = facts.first("heads")
    if heads is not None:
        return Illegal(f"queries and keys that are both zero would never learn (`{heads.where}`)", "use `zero=out`")
    if facts.grouped:
        return Illegal("groups of a grouped convolution that read and give zero would never learn", "use `zero=out`")
    if not facts.readers:
        return Illegal("no layer reads these units through a kernel")
    return None
