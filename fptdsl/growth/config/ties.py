"""Ties by a configuration: sizes that a family derives from one field grow together (``docs/language.md``, section 7).

``n_embd`` of a GPT-2 is the width of the stream and the number of heads times their size.  A spec says so wherever it
states a size by an expression over its parameters.  With the sizes asked for, these places give the new values of the
parameters, and with those every place has to have what it states: until nothing changes.  Heads grow and their size
does not, as the configuration's classes have it (T-3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...architecture.graph import Graph
from ...architecture.terms import Prod, Space, Term, resolve, size, spaces
from ...architecture.tree import Network
from ...diagnostics import Diagnostics, Note
from ...language import syntax
from ..demands import Widths
from ..frozen import in_words, way_out
from ..requests import Request
from ..respell.expressions import value
from .refused import nearest, refused
from .sites import Site, Stated, factors, sites, stated_values

ROUNDS = 32
"""More than any chain of derived fields is long; without it expressions such as ``x = 2 * x`` would grow for ever."""
SEARCHED = 1024
"""How far from the value asked for a possible one is looked for: more units than one head has."""


class _Fault(Exception):
    """Why a place cannot have the size that the configuration gives it; ``other`` asks for another size there."""

    def __init__(self, message: str, hint: str | None = None, other: Request | None = None) -> None:
        super().__init__(message)
        self.hint, self.other = hint, other


class _Uneven(Exception):
    """A size that is not a whole number of groups of ``step`` units."""

    def __init__(self, step: int) -> None:
        super().__init__(step)
        self.step = step


def follow_config(graph: Graph, network: Network, widths: Widths, diagnostics: Diagnostics) -> None:
    """Grow what the configuration derives from the sizes asked for; faults where it cannot.

    Where one layer of a ``repeat`` is to be unlike the others nothing is tied: no configuration can say that.
    """
    places = sites(graph)
    ties = _Ties(graph, network, places, widths)
    if not widths.sizes.new or ties.apart():
        return
    try:
        for _ in range(ROUNDS):
            if not ties.grow() and not ties.grow_to_what_is_taken():
                return
    except _Fault as fault:
        request = ties.cause
        notes = (Note("because of this directive", request.span),) if fault.other is not None and request else ()
        asked = fault.other or request
        diagnostics.add("F306", str(fault), asked.span if asked is not None else None, hint=fault.hint, notes=notes)


class _Ties:
    def __init__(self, graph: Graph, network: Network, places: list[Site], widths: Widths) -> None:
        self.places, self.widths, self.sizes = places, widths, widths.sizes
        self.named = {resolve(site.term) for site in places}
        self.model = network.frame.definition
        before = network.frame.values
        self.old: Mapping[str, Any] = {**before, **{n: each.value for n, each in stated_values(places, before).items()}}
        """Before widening: heads of keys and values may be copied by then."""
        self.values: dict[str, Any] = dict(self.old)
        self.inner = {leaf for node in graph.nodes if node.op == "split_heads" for leaf in spaces(node.output.axes[-1])}
        """Units of one head: not what grows when heads may."""
        self.cause: Request | None = None

    def apart(self) -> bool:
        """Whether the elements of a ``repeat`` are not alike any more."""
        alike: dict[tuple[object, ...], tuple[int, int]] = {}
        for site in self.places:
            now = size(site.term), self.sizes.size(site.term)
            before = alike.setdefault((site.text, now[0]), now)
            if before != now:
                return True
        return False

    def grow(self) -> bool:
        """One round: new values of the parameters, and what they ask of every place.  False: nothing changed."""
        given = stated_values(self.places, self.old, self.sizes.size)
        self.values = {**self.old, **{name: each.value for name, each in given.items()}}
        before = dict(self.sizes.new)
        for site in self.places:
            wanted = value(site.expr, self.values)
            if not isinstance(wanted, int) or wanted <= self.sizes.size(site.term):
                continue
            names = [name for name in site.names if name in given and given[name].value != self.old.get(name)]
            if names:
                first = given[min(names, key=lambda name: given[name].site.node.order)]
                self.cause = self._asked(first.site.term)
                self._demand(site, sorted(names), given)
        return self.sizes.new != before

    def grow_to_what_is_taken(self) -> bool:
        """Round a proportion up to the next size that the class takes, where it refuses this.  False: it does not.

        Of several parameters the one that has to grow least; sizes that were asked for by number stay.
        """
        model = self.model
        given = stated_values(self.places, self.old, self.sizes.size)
        self.values = {**self.old, **{name: each.value for name, each in given.items()}}
        names = refused(model, self.values) if isinstance(model, syntax.Model) else None
        if not isinstance(model, syntax.Model) or names is None or refused(model, self.old) is not None:
            return False
        found: list[tuple[float, str, int]] = []
        for name in sorted(names & given.keys()):
            cause, now = self._asked(given[name].site.term), given[name].value
            if cause is None or not _is_factor(cause):
                continue
            tried, mine = range(now + 1, now + SEARCHED), [site for site in self.places if name in site.names]
            above = nearest(model, self.values, name, tried, lambda each: self._all_possible(mine, name, each))  # noqa: B023
            if above is not None:
                found.append((above / now, name, above))
        if not found:
            return False
        _, name, above = min(found)
        self.values[name] = above
        self.cause = self._asked(given[name].site.term)
        for site in self.places:
            if name in site.names:
                self._raise(site, site.expr, site.term, f"`{name}`")
        return True

    # --- sizes ------------------------------------------------------------------------------------------

    def _all_possible(self, places: list[Site], name: str, each: int) -> bool:
        return all(self._possible(site, name, range(each, each + 1)) is not None for site in places)

    def _demand(self, site: Site, names: list[str], given: Mapping[str, Stated]) -> None:
        """Give a place the size that it states; proportions are rounded up to what it can have."""
        told = " and ".join(f"`{name}`" for name in names)
        try:
            self._raise(site, site.expr, site.term, told)
        except _Uneven as uneven:
            name = max(names, key=lambda name: given[name].value)
            asked = given[name].value
            above = self._possible(site, name, range(asked + 1, asked + SEARCHED))
            if self.cause is not None and _is_factor(self.cause) and above is not None:
                self.values[name] = above
                self._raise(site, site.expr, site.term, told)
                return
            below = self._possible(site, name, range(asked - 1, max(self.old[name], asked - SEARCHED), -1))
            nearest = " and ".join(str(near) for near in (below, above) if near is not None)
            raise _Fault(
                f"`{name}` of config.json cannot be {asked}: the units of `{site.node.name}` come in groups of "
                f"{uneven.step}",
                hint=f"nearest: {nearest}" if nearest else None,
            ) from None

    def _possible(self, site: Site, name: str, tried: range) -> int | None:
        """The first of these values of a parameter that a place can have."""
        kept = self.values
        sizes, asked, causes = dict(self.sizes.new), dict(self.widths.asked), dict(self.widths.causes)
        for each in tried:
            self.values = {**kept, name: each}
            try:
                self._raise(site, site.expr, site.term, "")
                possible = self.sizes.size(site.term) == value(site.expr, self.values)
            except (_Uneven, _Fault):
                possible = False
            self.sizes.new, self.widths.asked, self.widths.causes = dict(sizes), dict(asked), dict(causes)
            if possible:
                self.values = kept
                return each
        self.values = kept
        return None

    def _raise(self, site: Site, expr: Any, term: Term, names: str) -> None:
        """Give a place the size that its expression has now."""
        sides = factors(expr, term, self.old, self.named)
        if sides is None:
            wanted = value(expr, self.values)
            if isinstance(wanted, int):
                self._to(site, resolve(term), wanted, names)
            return
        for part, inside in sides:
            self._raise(site, part, inside, names)

    def _to(self, site: Site, term: Term, wanted: int, names: str) -> None:
        current = self.sizes.size(term)
        if wanted <= current:
            return
        if isinstance(term, Space):
            self._space(site, term, wanted, names)
        elif isinstance(term, Prod):
            self._product(site, term, wanted, names)
        elif len({self.sizes.size(part) for part in term.parts}) == 1 and wanted % len(term.parts) == 0:
            # Queries, keys and values in one: each has its share.
            for part in term.parts:
                self._to(site, resolve(part), wanted // len(term.parts), names)

    def _space(self, site: Site, space: Space, wanted: int, names: str) -> None:
        if space.frozen is not None:
            why = in_words(space.frozen)
            message = f"`{site.node.name}` cannot be as large as {names} of config.json asks: {why}"
            raise _Fault(message, hint=way_out(space.frozen))
        asked = self.widths.asked.get(space) if space in self.sizes.new else None
        if asked is not None and not _may_exceed(asked, wanted) and space not in self.widths.causes:
            raise _Fault(
                f"`{space.home}` cannot be {self.sizes.new[space]} wide: {names} of config.json makes it {wanted}",
                hint=f"ask for {wanted}",
                other=asked,
            )
        self.sizes.new[space] = wanted
        if asked is None and self.cause is not None:
            self.widths.asked[space] = self.cause
            self.widths.causes[space] = f"{names} of config.json"

    def _product(self, site: Site, term: Prod, wanted: int, names: str) -> None:
        """Whole groups first (G-5); the units of one head stay as they are."""
        current = self.sizes.size(term)
        steps = []
        for factor in map(resolve, term.factors):
            if not self._free(factor):
                continue
            step = current // self.sizes.size(factor)
            if wanted % step == 0:
                self._to(site, factor, wanted // step, names)
                return
            steps.append(step)
        if not steps:
            raise _Fault(f"`{site.node.name}` cannot be as large as {names} of config.json asks: nothing may grow")
        raise _Uneven(min(steps))

    def _free(self, factor: Term) -> bool:
        leaves = list(spaces(factor))
        return any(leaf.frozen is None for leaf in leaves) and not self.inner & set(leaves)

    def _asked(self, term: Term) -> Request | None:
        """The directive that made a term grow."""
        return next((self.widths.asked[leaf] for leaf in spaces(term) if leaf in self.widths.asked), None)


def _is_factor(request: Request) -> bool:
    directive = request.directive
    return isinstance(directive, syntax.Widen) and directive.amount.kind == "factor"


def _may_exceed(request: Request, wanted: int) -> bool:
    """Whether a tie may make more of what was asked for: of proportions, and of ``by``."""
    directive = request.directive
    if not isinstance(directive, syntax.Widen):
        return False
    amount = directive.amount
    return amount.kind in ("factor", "by") or (amount.kind == "multiple" and wanted % int(amount.value) == 0)
