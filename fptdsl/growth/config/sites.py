"""Places where a spec states a size, each as an expression over the model's parameters.

``linear(heads * head_dim)`` in a block that the model calls with ``num_attention_heads`` is a place that states
``num_attention_heads * head_dim``: the parameters of blocks and the indices of loops are put in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...architecture.graph import Graph, Node
from ...architecture.terms import Prod, Term, prod, resolve, size
from ...architecture.tree import Environment, Frame, Layer, Network, Scope, walk
from ...language import syntax
from ..respell.expressions import Expr, literal, names_in, solve, substitute, value
from ..respell.spots import given_names, written


@dataclass(frozen=True, eq=False)
class Site:
    """``expr`` states the size of ``term``.

    ``text`` is equal for the places that one statement of the spec has in the elements of a ``repeat``, and says
    which parameters are in the expression.
    """

    node: Node
    term: Term
    expr: Expr
    text: tuple[object, ...]
    names: frozenset[str]


def sites(graph: Graph) -> list[Site]:
    """The places of a network that state a size by the model's parameters, in the order of the graph."""
    lifted = _Lifted()
    found = []
    for node in graph.nodes:
        for argument, expr, environment in stated(node):
            whole = lifted(expr, environment)
            names = names_in(whole)
            if names:
                text = (argument, id(expr), *_calls(environment.frame), *sorted(names))
                found.append(Site(node, resolve(node.sizes[argument]), whole, text, names))
    return found


def stated(node: Node) -> Iterator[tuple[str, Expr, Environment]]:
    """The arguments of a layer that state sizes, as they are written, and where their names have values."""
    for name, expr, environment in written_arguments(node):
        if name in node.sizes:
            yield name, expr, environment


def written_arguments(node: Node) -> Iterator[tuple[str, Expr, Environment]]:
    """All arguments of a layer, likewise."""
    tree = node.tree
    if not isinstance(tree, Layer) or tree.origin is None or not isinstance(tree.origin.statement, syntax.Apply):
        return
    fields = list(type(tree.args).model_fields)
    for position, argument in enumerate(tree.origin.statement.args):
        name = argument.name or (fields[position] if position < len(fields) else "")
        if name:
            yield name, written(argument), tree.origin.environment


def stated_counts(network: Network, old: Mapping[str, Any]) -> dict[str, int]:
    """The parameters' values by the number of elements that every ``repeat`` has now."""
    lifted, found = _Lifted(), {}
    for _, scope in walk(network):
        if (
            not isinstance(scope, Scope)
            or scope.origin is None
            or not isinstance(scope.origin.statement, syntax.Repeat)
        ):
            continue
        expr = lifted(scope.origin.statement.count, scope.origin.environment)
        names = names_in(expr)
        if len(names) == 1:
            name = next(iter(names))
            each = _solved(expr, name, old, len(scope.children))
            if each is not None:
                found[name] = each
    return found


@dataclass(frozen=True)
class Stated:
    """The value of a parameter, and the place that asks for it."""

    value: int
    site: Site


def stated_values(
    places: Sequence[Site], old: Mapping[str, Any], size_of: Callable[[Term], int] = size
) -> dict[str, Stated]:
    """The parameters' values by the sizes that the places have now: the largest that one of them asks for.

    A place with several parameters tells of one of them, where the others are known from places of their own.
    """
    found: dict[str, Stated] = {}
    for site in places:
        if len(site.names) == 1:
            _take(found, site, next(iter(site.names)), old, size_of(site.term))
    alone = set(found)
    for site in places:
        unknown = site.names - alone
        if len(unknown) == 1:
            known = {**old, **{name: found[name].value for name in site.names & alone}}
            _take(found, site, next(iter(unknown)), known, size_of(site.term))
    return found


@dataclass(frozen=True)
class Asked:
    """The value of a parameter that the layer ``node`` asks for."""

    value: int
    node: Node


def torn(graph: Graph, old: Mapping[str, Any]) -> tuple[str, Asked, Asked] | None:
    """The first parameter that layers ask different values of, and two that do; where it is stated alone."""
    lifted = _Lifted()
    first: dict[str, Asked] = {}
    for node in graph.nodes:
        for argument, expr, environment in written_arguments(node):
            names = names_in(whole := lifted(expr, environment))
            now = size(node.sizes[argument]) if argument in node.sizes else getattr(node.args, argument)
            if len(names) != 1 or type(now) is not int:
                continue
            name = next(iter(names))
            each = _solved(whole, name, old, now)
            if each is None:
                continue
            before = first.setdefault(name, Asked(each, node))
            if before.value != each:
                return name, before, Asked(each, node)
    return None


def _take(found: dict[str, Stated], site: Site, name: str, names: Mapping[str, Any], wanted: int) -> None:
    each = _solved(site.expr, name, names, wanted)
    if each is not None and (name not in found or each > found[name].value):
        found[name] = Stated(each, site)


def _solved(expr: Expr, name: str, names: Mapping[str, Any], wanted: int) -> int | None:
    """The whole number that a parameter must be for an expression to have a value; the old one where it will do."""
    each = names.get(name)
    if value(expr, names) != wanted:
        each = solve(expr, lambda e: isinstance(e, syntax.Name) and e.name == name, names, wanted)
    if not isinstance(each, int) or isinstance(each, bool) or value(expr, {**names, name: each}) != wanted:
        return None
    return each


def factors(
    expr: Expr, term: Term, names: Mapping[str, object], named: Collection[Term] = ()
) -> tuple[tuple[Expr, Term], tuple[Expr, Term]] | None:
    """What the two sides of a product ``a * b`` state: the outer factors of the term, and the inner ones.

    None for another expression, or where the term is not made so.  ``names`` are the values before growth; where the
    term has another size by now (copied heads of keys and values), one side tells the other.  ``named``
    are terms that parameters state elsewhere: a number does not state them, even where it is the same (the 3 of
    queries, keys and values where there are 3 heads).
    """
    term = resolve(term)
    if not isinstance(expr, syntax.Binary) or expr.op != "*" or not isinstance(term, Prod):
        return None
    outer, inner = value(expr.left, names), value(expr.right, names)
    moved = value(expr, names) != size(term)
    for split in range(1, len(term.factors)):
        sides = prod(term.factors[:split]), prod(term.factors[split:])
        number = next((side for part, side in zip((expr.left, expr.right), sides) if not names_in(part)), None)
        found = size(sides[0]) == outer, size(sides[1]) == inner
        if (any(found) if moved else all(found)) and number not in named:
            return (expr.left, sides[0]), (expr.right, sides[1])
    return None


class _Lifted:
    """Expressions with the parameters of blocks replaced by what they are called with."""

    def __init__(self) -> None:
        self._known: dict[int, Mapping[str, Expr]] = {}

    def __call__(self, expr: Expr, environment: Environment) -> Expr:
        indices = {name: literal(index) for name, index in environment.indices}
        return substitute(expr, {**self._parameters(environment.frame), **indices})

    def _parameters(self, frame: Frame) -> Mapping[str, Expr]:
        known = self._known.get(id(frame))
        if known is None:
            known = self._known[id(frame)] = self._read(frame)
        return known

    def _read(self, frame: Frame) -> Mapping[str, Expr]:
        definition = frame.definition
        if isinstance(definition, syntax.Model):
            return {}
        if frame.call is None or frame.caller is None:
            return {name: literal(given) for name, given in frame.values.items()}
        given = given_names(definition.params, frame.call.args)
        found: dict[str, Expr] = {}
        for param in definition.params:
            if param.name in given:
                found[param.name] = self(written(given[param.name]), frame.caller)
            elif param.default is not None:
                found[param.name] = substitute(param.default, found)
        return found


def _calls(frame: Frame) -> Iterator[int]:
    """The calls that lead to a reading of a block, from the inside out."""
    while frame.call is not None and frame.caller is not None:
        yield id(frame.call)
        frame = frame.caller.frame
