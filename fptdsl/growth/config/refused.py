"""Sizes that a family's class refuses (``if width % heads != 0 { refuse(...) }``), and the nearest that it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...architecture.graph import Graph
from ...language import syntax
from ..respell.expressions import names_in, value
from .sites import Site, sites

SEARCHED = 1024
"""How far from a size one that the class takes is looked for: more than a class has heads."""
TRIED = 8
"""How many sizes that nothing speaks against so far are read again with the whole spec."""
WIDTHS = ("out_features", "embedding_dim", "out_channels")
"""Arguments that ``widen LAYER to`` sets."""


def refused(model: syntax.Model, values: Mapping[str, Any]) -> frozenset[str] | None:
    """The parameters for whose values the model's own text refuses them; None where it does not.

    ``refuse`` inside a layer or a ``repeat`` is not looked at: what it depends on is not known here.
    """
    return next(_refusing(model.body, values, frozenset()), None)


def _refusing(
    body: Iterable[syntax.Stmt], values: Mapping[str, Any], names: frozenset[str]
) -> Iterator[frozenset[str]]:
    for statement in body:
        if isinstance(statement, syntax.Apply) and statement.op == "refuse":
            yield names
        elif isinstance(statement, syntax.If):
            test = value(statement.test, values)
            taken = statement.then if test is True else statement.otherwise if test is False else None
            yield from _refusing(taken or (), values, names | names_in(statement.test))


def nearest(
    model: syntax.Model,
    values: Mapping[str, Any],
    name: str,
    tried: Iterable[int],
    possible: Callable[[int], bool],
) -> int | None:
    """The first of some values of a parameter that the model does not refuse and that is ``possible`` besides."""
    left = TRIED
    for each in tried:
        if left and refused(model, {**values, name: each}) is None:
            left -= 1
            if possible(each):
                return each
    return None


def taken(
    model: syntax.Model,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    grown: Graph,
    possible: Callable[[Mapping[str, int]], bool],
) -> list[str]:
    """What to ask for instead of the values ``new``, in words: values of single parameters that would do.

    ``possible`` says whether the whole spec takes new values of some parameters, the others being the grown ones.
    """
    names = refused(model, new) or frozenset()
    places = sites(grown)
    found: list[str] = []
    for name in (param.name for param in model.params if param.name in names):
        now = new.get(name)
        if type(now) is not int or type(old.get(name)) is not int:
            continue
        most = now + SEARCHED if now != old[name] else 2 * now
        ranges: Sequence[Iterable[int]] = (range(now - 1, old[name], -1), range(now + 1, most + 1))
        near = [nearest(model, new, name, tried, lambda each: possible({name: each})) for tried in ranges]  # noqa: B023
        sizes = [each for each in near if each is not None]
        if sizes:
            told = f"`{name}` = {' or '.join(map(str, sizes))}"
            layer = _widened(places, name)
            found.append(told + (f" (`widen {layer} to {sizes[-1]}`)" if layer is not None else ""))
    return found


def _widened(places: Sequence[Site], name: str) -> str | None:
    """A layer whose width the parameter is, by its own name."""
    for site in places:
        if isinstance(site.expr, syntax.Name) and site.expr.name == name and site.text[0] in WIDTHS:
            return site.node.name
    return None
