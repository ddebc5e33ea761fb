"""Writing the expression of a slot so that it has the wanted value in every reading.

In the order of preference: the expression as it is; the same expression with the demands passed into
its branches or one factor changed; a number; a conditional on a loop index; a new block parameter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...language import syntax
from .expressions import UNKNOWN, Expr, literal, names_in, parts, solve, value, with_parts
from .naming import Fresh
from .selectors import Apart, Occurrence, Selector, grouped, select
from .slots import Demand, Slot, Split, Unroll, Unspellable
from .spots import Definition, Reading

TERMS = 3
"""A conditional with more comparisons than this is no longer easy to read."""


@dataclass(eq=False)
class NewParam:
    """A parameter that the definition gets; ``default`` is the expression that it replaces."""

    name: str
    default: Expr
    values: dict[Reading, Any] = field(default_factory=dict)


class Writer:
    """Writes the slots of one definition and collects the parameters that it needs for them."""

    def __init__(self, definition: Definition, fresh: Fresh) -> None:
        self.definition, self.fresh = definition, fresh
        self.added: list[NewParam] = []
        self.written: dict[Slot, Expr] = {}

    def write(self, slot: Slot) -> Expr:
        """The expression for a slot; raises :class:`Split` or :class:`Unroll` where one text cannot do."""
        expr = self._write(slot, slot.expr, slot.demands)
        self.written[slot] = expr
        return expr

    def _write(self, slot: Slot, expr: Expr | None, demands: Sequence[Demand]) -> Expr:
        if expr is not None and all(demand.met(expr) for demand in demands):
            return expr
        wanted = {_token(demand.wanted): demand.wanted for demand in demands}
        if len(wanted) == 1:
            return literal(demands[0].wanted)
        if expr is not None:
            inside = self._inside(slot, expr, demands)
            if inside is not None:
                return inside
        # A number that was a number stays one; an expression is kept where it still holds.
        anew = [(d.occurrence, _token(d.wanted)) for d in demands]
        kept = [(d.occurrence, None if d.met(expr) else _token(d.wanted)) for d in demands]
        truth = all(isinstance(value, bool) for value in wanted.values())
        number = expr is None or not _names_in_branches(expr)
        for tokens in (anew,) if number else (anew, kept) if truth else (kept,):
            groups = grouped(tokens)
            tests = _tests(groups)
            if tests is not None:
                return self._conditional(slot, expr, wanted, groups, tests)
        return self._parameter(slot, expr, demands)

    # --- inside the expression ---

    def _inside(self, slot: Slot, expr: Expr, demands: Sequence[Demand]) -> Expr | None:
        """The expression with other parts, or None where that does not help."""
        if isinstance(expr, syntax.Conditional):
            tests = [value(expr.test, demand.occurrence.names()) for demand in demands]
            if not all(isinstance(test, bool) for test in tests):
                return None
            then = [demand for demand, test in zip(demands, tests) if test]
            otherwise = [demand for demand, test in zip(demands, tests) if not test]
            if not then or not otherwise:
                return None
            simple = all(len({_token(d.wanted) for d in side}) == 1 for side in (then, otherwise))
            if not simple and not _names_in_branches(expr):
                groups = grouped((d.occurrence, _token(d.wanted)) for d in demands)
                if _tests(groups) is not None:
                    return None  # numbers by index are easier to read anew than inside the old branches
            new = (self._write(slot, expr.then, then), expr.test, self._write(slot, expr.otherwise, otherwise))
            return with_parts(expr, new)
        if isinstance(expr, syntax.List) and all(
            isinstance(d.wanted, tuple) and len(d.wanted) == len(expr.items) for d in demands
        ):
            columns = [[Demand(d.occurrence, d.wanted[k]) for d in demands] for k in range(len(expr.items))]
            return with_parts(expr, tuple(self._write(slot, e, c) for e, c in zip(expr.items, columns)))
        return _retuned(expr, demands)

    # --- conditionals on indices ---

    def _conditional(
        self, slot: Slot, expr: Expr | None, wanted: dict[Any, Any], groups: list[Any], tests: list[Selector]
    ) -> Expr:
        order = sorted(range(len(groups)), key=lambda k: (groups[k][0] is None, len(groups[k][1])))
        chosen, last = order[:-1], order[-1]
        terms = sum(tests[k].terms for k in chosen)
        if terms > TERMS:
            used = {loop for test in tests for loop in test.loops}
            raise Unroll([loop for loop in slot.loops if loop in used][-1].statement)
        if set(wanted) == {(True, True), (True, False)} and None not in dict(groups):
            return tests[[token for token, _ in groups].index((True, True))].test()
        branch = {k: expr if groups[k][0] is None else literal(wanted[groups[k][0]]) for k in order}
        # In the order of the elements: what the first ones have comes first.
        chosen.sort(key=lambda k: tuple(index for _, index in groups[k][1][0].indices))
        result = branch[last]
        for k in reversed(chosen):
            result = syntax.Conditional(branch[k], tests[k].test(), result)  # type: ignore[arg-type]
        assert result is not None
        return result

    # --- new parameters ---

    def _parameter(self, slot: Slot, expr: Expr | None, demands: Sequence[Demand]) -> Expr:
        """A new parameter of the block whose default is the expression that was there."""
        values: dict[Reading, Any] = {}
        signatures: dict[Reading, list[Any]] = {}
        for demand in demands:
            reading = demand.occurrence.reading
            values.setdefault(reading, demand.wanted)
            signatures.setdefault(reading, []).append(
                (tuple(index for _, index in demand.occurrence.indices), _token(demand.wanted))
            )
        constant = all(_token(values[d.occurrence.reading]) == _token(d.wanted) for d in demands)
        if not isinstance(self.definition, syntax.Block):
            raise Unspellable
        if slot.label is None or not constant:
            raise Split({reading: tuple(signature) for reading, signature in signatures.items()})
        known = {param.name for param in self.definition.params} | {added.name for added in self.added}
        default = expr
        if default is None or not names_in(default) <= known:
            common = Counter(_token(wanted) for wanted in values.values()).most_common(1)[0][0]
            default = literal(common[1])
        for added in self.added:
            if slot.expr is not None and added.default == default and _agree(added.values, values):
                added.values.update(values)
                break
        else:
            added = NewParam(self.fresh(slot.label), default, values)
            self.added.append(added)
        for reading, wanted in values.items():
            reading.choose(added.name, wanted)
        return syntax.Name(added.name)


def _names_in_branches(expr: Expr) -> bool:
    """Whether a value of the expression depends on more than the tests in it."""
    if isinstance(expr, syntax.Conditional):
        return _names_in_branches(expr.then) or _names_in_branches(expr.otherwise)
    return bool(names_in(expr))


def _tests(groups: Sequence[tuple[Any, list[Occurrence]]]) -> list[Selector] | None:
    """A test on loop indices for each group; None where there is none."""
    try:
        return [
            select(chosen, [o for k, (_, other) in enumerate(groups) if k != number for o in other])
            for number, (_, chosen) in enumerate(groups)
        ]
    except Apart:
        return None


def _token(wanted: Any) -> Any:
    """A hashable stand-in for a value, in which ``true`` is not 1."""
    return (isinstance(wanted, bool), wanted)


def _agree(left: dict[Reading, Any], right: dict[Reading, Any]) -> bool:
    shared = left.keys() & right.keys()
    return bool(shared) and all(_token(left[reading]) == _token(right[reading]) for reading in shared)


def _retuned(expr: Expr, demands: Sequence[Demand]) -> Expr | None:
    """The expression with one number in it changed, where that gives several different values."""
    if not names_in(expr) or len({_token(demand.wanted) for demand in demands}) < 2:
        return None
    for number in _numbers(expr):
        first = demands[0]
        solved = solve(expr, _is(number), first.occurrence.names(), first.wanted)
        if solved is UNKNOWN or isinstance(solved, float) or solved <= 0:
            continue
        candidate = _exchanged(expr, number, literal(solved))
        if all(demand.met(candidate) for demand in demands):
            return candidate
    return None


def _is(number: Expr) -> Callable[[Expr], bool]:
    return lambda part: part is number


def _numbers(expr: Expr) -> list[Expr]:
    if isinstance(expr, syntax.Literal_) and isinstance(expr.value, int) and not isinstance(expr.value, bool):
        return [expr]
    return [number for part in parts(expr) for number in _numbers(part)]


def _exchanged(expr: Expr, old: Expr, new: Expr) -> Expr:
    if expr is old:
        return new
    return with_parts(expr, tuple(_exchanged(part, old, new) for part in parts(expr)))
