"""Taking a definition apart: its statements against the nodes that the grown tree has for them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from ...architecture.tree import Layer, Scope, Tree
from ...language import syntax
from .align import Alignment, spliced
from .expressions import literal
from .pieces import Applied, Choice, Composite, Condition, Piece, Repeated, Unrolled, Verbatim
from .selectors import Apart, Loop, Occurrence, Selector, grouped, select
from .slots import Demand, Split, Unroll
from .spots import Reading, Spot
from .statements import Single, StatementBuilder
from .templates import Templates, dressed, look, outline
from .writer import TERMS

Readings = list[tuple[Occurrence, list[Spot]]]


class Builder(StatementBuilder):
    """Builds the pieces of one definition and collects their slots.

    ``params`` are the names of
    the definition's parameters, ``local`` the identities of its statements, and ``unrolled`` the ``repeat``
    statements whose elements are to be written one by one.
    """

    def __init__(
        self,
        templates: Templates,
        calls: Mapping[Spot, Reading],
        params: frozenset[str],
        local: set[int],
        unrolled: set[int],
    ) -> None:
        super().__init__(calls)
        self.templates, self.params = templates, params
        self.local, self.unrolled = local, unrolled

    # --- bodies ---

    def body(self, statements: Sequence[syntax.Stmt], readings: Readings, sequential: bool = False) -> list[Piece]:
        """The pieces of a body that was read as ``readings``."""
        if not readings:
            return [] if self.bound else [Verbatim(tuple(statements))]
        aligned = [(o, Alignment(statements, spots, sequential)) for o, spots in readings]
        pieces = self._inserted([(o, a.gaps.get(-1, [])) for o, a in aligned])
        for k, statement in enumerate(statements):
            owned = [(o, a.owned.get(k, [])) for o, a in aligned]
            if isinstance(statement, syntax.If):
                pieces.extend(self._condition(statement, owned, sequential))
            elif sequential and spliced(statement):
                pieces.extend(self._repeat(statement, owned, spliced=True))
            else:
                pieces.extend(self._realised(statement, owned))
            pieces.extend(self._inserted([(o, a.gaps.get(k, [])) for o, a in aligned]))
        return pieces

    def _realised(self, statement: syntax.Stmt, owned: Readings) -> list[Piece]:
        """A statement with at most one node in each reading."""
        present = [(o, spots[0]) for o, spots in owned if spots]
        tokens = [(o, (look(spot), self._variant(spot))) for o, spot in present]
        spots = dict(present)

        def make(chosen: list[Occurrence]) -> list[Piece]:
            return self._statement(dressed(statement, spots[chosen[0]]), [(o, spots[o]) for o in chosen])

        return self._choice(tokens, [o for o, _ in owned], make)

    def _inserted(self, gaps: Readings) -> list[Piece]:
        """What growth put between two statements."""
        filled = [(o, spots) for o, spots in gaps if spots]
        inside = dict(filled)
        tokens = [(o, tuple(map(self._token, spots))) for o, spots in filled]

        def make(chosen: list[Occurrence]) -> list[Piece]:
            pieces: list[Piece] = []
            for k, spot in enumerate(inside[chosen[0]]):
                template, _ = self.templates.statement(spot, self.local)
                own = [(o, inside[o][k]) for o in chosen]
                if isinstance(spot.node, Scope) and not self._known(spot):
                    pieces.append(Verbatim((template,)))
                else:
                    pieces.extend(self._statement(template, own, inserted=True))
            return pieces

        keys = [spot.node.key or _op(spot.node) for _, spots in filled[:1] for spot in spots]
        return self._choice(tokens, [o for o, _ in gaps], make, f"with_{keys[0]}" if keys else None)

    def _known(self, spot: Spot) -> bool:
        return self.templates.statement(spot, self.local)[1]

    def _token(self, spot: Spot) -> Hashable:
        """What inserted nodes must share to be one text."""
        exact: Hashable = None
        if isinstance(spot.node, Scope) and not self._known(spot):
            # A composite that no statement of the user's describes is written out with its numbers.
            exact = self.templates.statement(spot, self.local)[0]
        return (outline(spot), exact, self._variant(spot))

    def _variant(self, spot: Spot) -> str | None:
        called = self.calls.get(spot)
        return called.definition.name if called is not None else None

    def _choice(
        self,
        tokens: Sequence[tuple[Occurrence, Hashable]],
        everyone: list[Occurrence],
        make: Callable[[list[Occurrence]], list[Piece]],
        flag: str | None = None,
    ) -> list[Piece]:
        """One text where the readings are alike, else one for each kind with a test on loop indices.

        ``flag`` is what a parameter of the block is called that says whether there is a text at all.
        """
        if not tokens:
            return []
        groups = grouped(tokens)
        if len(groups) == 1 and len(tokens) == len(everyone):
            return make(groups[0][1])
        sets = [set(chosen) for _, chosen in groups]
        try:
            tests = [select(g[1], [o for o in everyone if o not in s]) for g, s in zip(groups, sets)]
        except Apart:
            if flag is None or len(groups) > 1:
                raise Split(_classes(tokens, everyone)) from None
            slot = self.slot(None, [Demand(o, o in sets[0]) for o in everyone], flag)
            return [Condition(syntax.If(syntax.Literal_(True), ()), slot, make(groups[0][1]), [])]
        order = sorted(range(len(groups)), key=lambda k: (tests[k].terms, len(groups[k][1]), k))
        branches: list[tuple[Selector | None, list[Piece]]] = [(tests[k], make(groups[k][1])) for k in order]
        if len(tokens) == len(everyone):
            branches[-1] = (None, branches[-1][1])
        used = [test for test, _ in branches if test is not None]
        if sum(test.terms for test in used) > TERMS:
            loops = {loop for test in used for loop in test.loops}
            raise Unroll([loop for loop in self.loops if loop in loops][-1].statement)
        return [Choice(branches)]

    def _condition(self, statement: syntax.If, owned: Readings, sequential: bool) -> list[Piece]:
        """An ``if``, where it has nodes or a branch that may have none; elsewhere growth dropped it."""
        quiet = _silent(statement.then, sequential) or _silent(statement.otherwise or (), sequential)
        present = {o: spots for o, spots in owned if spots or quiet}

        def make(chosen: list[Occurrence]) -> list[Piece]:
            return [self._branches(statement, [(o, present[o]) for o in chosen], sequential)]

        return self._choice([(o, None) for o in present], [o for o, _ in owned], make)

    def _branches(self, statement: syntax.If, owned: Readings, sequential: bool) -> Piece:
        then, otherwise = statement.then, statement.otherwise or ()
        taken = [(o, spots, _branch(statement, spots, sequential)) for o, spots in owned]
        demands = [Demand(o, branch) for o, _, branch in taken if branch is not None]
        slot = self.slot(statement.test, demands, None)
        return Condition(
            statement,
            slot,
            self.body(then, [(o, spots) for o, spots, branch in taken if branch is True], sequential),
            self.body(otherwise, [(o, spots) for o, spots, branch in taken if branch is False], sequential),
        )

    # --- statements ---

    def _statement(self, statement: syntax.Stmt, present: Single, inserted: bool = False) -> list[Piece]:
        """A statement that is in the tree in all the readings, alike but for its numbers."""
        if isinstance(statement, syntax.Apply):
            block = isinstance(present[0][1].node, Scope)
            return [self.call(statement, present) if block else self.layer(statement, present, inserted)]
        if isinstance(statement, syntax.Input):
            return [self.input(statement, present)]
        keys, self.keys = self.keys, (*self.keys, statement.key) if statement.key else self.keys
        pieces = self._composite(statement, present)
        self.keys = keys
        return pieces

    def _composite(self, statement: syntax.Stmt, present: Single) -> list[Piece]:
        inside: Readings = [(o, spot.children) for o, spot in present]
        if isinstance(statement, syntax.Repeat):
            return self._repeat(statement, inside)
        if isinstance(statement, syntax.Residual):
            bodies = {"body": self.body(statement.body, inside)}
            shortcuts: Readings = [(o, spot.shortcut) for o, spot in present]
            if statement.shortcut is not None or any(spots for _, spots in shortcuts):
                bodies["shortcut"] = self.body(statement.shortcut or (), shortcuts)
            return [Composite(statement, bodies)]
        if isinstance(statement, syntax.Parallel):
            return [Composite(statement, {"branches": self.body(statement.branches, inside)})]
        if isinstance(statement, (syntax.Group, syntax.Sequential)):
            numbered = isinstance(statement, syntax.Sequential)
            return [Composite(statement, {"body": self.body(statement.body, inside, numbered)})]
        return [Verbatim((statement,))]

    def _repeat(self, statement: syntax.Repeat, readings: Readings, spliced: bool = False) -> list[Piece]:
        counts = [(o, len(elements)) for o, elements in readings]
        if id(statement) in self.unrolled:
            return [self._unrolled(statement, readings, spliced)]
        loop = Loop(statement.index, statement, self.loops, self.params)
        label = f"{self.keys[-1] if self.keys else 'repeat'}_count"
        count = self.slot(statement.count, [Demand(o, number) for o, number in counts], label)
        outer, self.loops = self.loops, (*self.loops, loop)
        elements: Readings = [(o.inside(loop, i), [spot]) for o, spots in readings for i, spot in enumerate(spots)]
        element = self.body((statement.body,), elements)
        self.loops = outer
        if any(isinstance(s[0].node, Layer) for _, s in elements) and not _one_layer(element):
            # A layer is numbered only directly in the repeat: there is no room for braces or an `if`.
            raise Unroll(statement)
        return [Repeated(statement, loop, count, element)]

    def _unrolled(self, statement: syntax.Repeat, readings: Readings, spliced: bool) -> Piece:
        counts: dict[int, Occurrence] = {len(spots): o for o, spots in readings}
        if len(counts) > 1:
            if self.loops:
                raise Unroll(self.loops[-1].statement)
            raise Split({o.reading: len(spots) for o, spots in readings})
        bound = self.bound
        elements: list[list[Piece]] = []
        for i in range(next(iter(counts))):
            if statement.index is not None:
                self.bound = {**bound, statement.index: literal(i)}
            elements.append(self.body((statement.body,), [(o, [spots[i]]) for o, spots in readings]))
        self.bound = bound
        return Unrolled(statement, elements, spliced)


def _one_layer(pieces: Sequence[Piece]) -> bool:
    return len(pieces) == 1 and isinstance(pieces[0], Applied)


def _op(node: Tree) -> str:
    return node.op if isinstance(node, Layer) else getattr(node, "block_name", None) or "more"


def _classes(tokens: Sequence[tuple[Occurrence, Hashable]], everyone: Sequence[Occurrence]) -> dict[Reading, object]:
    """What each reading of the definition has of the things told apart."""
    known: dict[Occurrence, Any] = dict(tokens)
    classes: dict[Reading, list[object]] = {}
    for occurrence in everyone:
        place = tuple(index for _, index in occurrence.indices)
        classes.setdefault(occurrence.reading, []).append((place, known.get(occurrence)))
    return {reading: tuple(parts) for reading, parts in classes.items()}


def _branch(statement: syntax.If, spots: Sequence[Spot], sequential: bool) -> bool | None:
    """Which branch of an ``if`` the nodes come from; None where they do not tell."""
    then = bool(Alignment(statement.then, spots, sequential).owned)
    otherwise = bool(Alignment(statement.otherwise or (), spots, sequential).owned)
    if then != otherwise:
        return then
    quiet = _silent(statement.then, sequential)
    return None if quiet == _silent(statement.otherwise or (), sequential) else quiet


def _silent(statements: Sequence[syntax.Stmt], sequential: bool) -> bool:
    """Whether the statements may come to no node at all."""
    return all(
        _silent(s.then, sequential) or _silent(s.otherwise or (), sequential)
        if isinstance(s, syntax.If)
        else sequential and spliced(s)
        for s in statements
    )
