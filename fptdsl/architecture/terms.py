"""Axis terms: what the axes of values and parameters are made of, and their unification.

Every axis carries a term: a :class:`Space` (a set of interchangeable units), a :class:`Prod`
(row-major product) or a :class:`Cat` (concatenation).  Two axes that meet in an operation are
*unified*; afterwards they share their Spaces and can only grow together.  What the algebra cannot
express freezes a Space with a reason that is shown to the user.  (Net2Net section 2.3 asks for this
as "remapping inference"; the rules are in ``docs/maths.md``, section 3.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Union

_ids = count()


class Space:
    """A set of ``size`` interchangeable units.  Identity matters: equal Spaces grow together.

    ``home`` is the name of the layer or input where the units come from, ``order`` the place of that
    in the graph; after unification both are those of the earliest.  ``frozen`` is None or the reason
    why the Space cannot grow.
    """

    __slots__ = ("_known", "bound", "causes", "frozen", "home", "number", "order", "size")

    def __init__(self, size: int, home: str = "", order: int = 0, frozen: str | None = None) -> None:
        self.number = next(_ids)
        self.size = size
        self.home = home
        self.order = order
        self.frozen = frozen
        self.bound: Term | None = None
        self.causes: list[str] = []
        """Places whose operation tied other Spaces to this one, in order of the graph."""
        self._known: set[str] = set()

    def tied(self, causes: Iterable[str]) -> None:
        """Add causes that are not there yet."""
        for cause in causes:
            if cause not in self._known:
                self._known.add(cause)
                self.causes.append(cause)

    def __repr__(self) -> str:
        return f"Space({self.size}, {self.home!r})" if self.bound is None else f"={self.bound!r}"


@dataclass(frozen=True)
class Prod:
    """Row-major product of factors; ``Prod(())`` is an axis of size 1 that is no Space."""

    factors: tuple[Term, ...]


@dataclass(frozen=True)
class Cat:
    """Concatenation of parts."""

    parts: tuple[Term, ...]


Term = Union[Space, Prod, Cat]

UNIT = Prod(())


class Mismatch(Exception):
    """Two axes of different size met."""

    def __init__(self, left: int, right: int) -> None:
        super().__init__(f"{left} against {right}")
        self.left, self.right = left, right


def resolve(term: Term) -> Term:
    """The term with all bindings followed, nested products and concatenations flattened."""
    if isinstance(term, Space):
        if term.bound is None:
            return term
        # A loop and no recursion: chains of bound Spaces can be as long as the network.
        chain: list[Space] = []
        end: Term = term
        while isinstance(end, Space) and end.bound is not None:
            chain.append(end)
            end = end.bound
        end = resolve(end)
        for space in chain:
            space.bound = end
        return end
    if isinstance(term, Prod):
        return prod(term.factors)
    return cat(term.parts)


def prod(factors: Iterable[Term]) -> Term:
    flat: list[Term] = []
    for factor in map(resolve, factors):
        flat.extend(factor.factors if isinstance(factor, Prod) else (factor,))
    return flat[0] if len(flat) == 1 else Prod(tuple(flat))


def cat(parts: Iterable[Term]) -> Term:
    flat: list[Term] = []
    for part in map(resolve, parts):
        flat.extend(part.parts if isinstance(part, Cat) else (part,))
    return flat[0] if len(flat) == 1 else Cat(tuple(flat))


def size(term: Term) -> int:
    """Units of a term, at the sizes before any growth."""
    if isinstance(term, Space):
        return term.size
    if isinstance(term, Prod):
        total = 1
        for factor in term.factors:
            total *= size(factor)
        return total
    return sum(map(size, term.parts))


def spaces(term: Term) -> Iterator[Space]:
    """The Spaces of a term, from left to right (one that occurs twice is given twice)."""
    term = resolve(term)
    if isinstance(term, Space):
        yield term
    else:
        for child in term.factors if isinstance(term, Prod) else term.parts:
            yield from spaces(child)


def freeze(term: Term, reason: str) -> None:
    """Forbid growth of every Space of the term; the first reason given is kept."""
    for space in spaces(term):
        if space.frozen is None:
            space.frozen = reason


def unify(left: Term, right: Term, where: str) -> None:
    """Make two axes one.  ``where`` (the operation's place) is kept as the cause of the tie.

    Raises :class:`Mismatch` when the sizes differ.
    """
    left, right = resolve(left), resolve(right)
    if left is right:
        return
    if size(left) != size(right):
        raise Mismatch(size(left), size(right))
    if isinstance(left, Space) and isinstance(right, Space):
        # The earlier Space stays: its home names the group.
        _bind(right, left, where) if (left.order, left.number) <= (right.order, right.number) else _bind(
            left, right, where
        )
    elif isinstance(left, Space):
        _bind(left, right, where)
    elif isinstance(right, Space):
        _bind(right, left, where)
    elif isinstance(left, Cat) and isinstance(right, Cat):
        _unify_cats(left, right, where)
    elif isinstance(left, Prod) and isinstance(right, Prod):
        _unify_prods(left.factors, right.factors, where)
    elif isinstance(left, Cat):
        _unify_cat_prod(left, right, where)  # type: ignore[arg-type]
    else:
        _unify_cat_prod(right, left, where)  # type: ignore[arg-type]


def _bind(space: Space, term: Term, where: str) -> None:
    if space in spaces(term):
        freeze(term, f"the units at {where} would have to contain themselves")
        return
    space.bound = term
    for leaf in spaces(term):
        leaf.tied(space.causes)
        leaf.tied((where,))
    if space.frozen is not None:
        freeze(term, space.frozen)


def _fresh(parent: Space, units: int) -> Space:
    return Space(units, parent.home, parent.order, parent.frozen)


def _split_space(space: Space, sizes: list[int], kind: type) -> Term:
    """Refine a Space into a product or concatenation of new ones."""
    pieces = tuple(_fresh(space, n) for n in sizes)
    for piece in pieces:
        piece.tied(space.causes)
    space.bound = kind(pieces)
    return space.bound


def _unify_prods(left: tuple[Term, ...], right: tuple[Term, ...], where: str) -> None:
    a, b = list(left), list(right)
    while a and b:
        x, y = resolve(a.pop(0)), resolve(b.pop(0))
        n, m = size(x), size(y)
        if n == m:
            unify(x, y, where)
        elif max(n, m) % min(n, m) == 0:
            big, small, rest = (x, y, a) if n > m else (y, x, b)
            outer = split_outer(big, size(small), where)
            if outer is not None:
                unify(outer[0], small, where)
                rest.insert(0, outer[1])
                continue
        if n != m:
            for term in (x, y, *a, *b):
                freeze(term, f"cannot split {n} and {m} units alike at {where}")
            return
    # Factors of 1 that the other side does not have.
    for term in (*a, *b):
        freeze(term, f"cannot be split alike at {where}")


def split_outer(term: Term, outer: int, where: str) -> tuple[Term, Term] | None:
    """Refine a term of ``outer * inner`` units into its outer and inner factor (row-major).

    A concatenation is split part by part where every part is a multiple of the inner size.  Returns
    None, and freezes the term, when that is not possible.
    """
    term = resolve(term)
    inner = size(term) // outer
    if isinstance(term, Space):
        pieces = _split_space(term, [outer, inner], Prod)
        return pieces.factors[0], pieces.factors[1]  # type: ignore[union-attr]
    if isinstance(term, Prod):
        taken: list[Term] = []
        rest = list(term.factors)
        left = outer
        while left > 1 and rest:
            factor = rest.pop(0)
            n = size(factor)
            if left % n == 0:
                taken.append(factor)
                left //= n
            elif n % left == 0:
                pair = split_outer(factor, left, where)
                if pair is None:
                    return None
                taken.append(pair[0])
                rest.insert(0, pair[1])
                left = 1
            else:
                left = 0
        if left == 1:
            return prod(taken), prod(rest)
    if isinstance(term, Cat) and all(size(part) % inner == 0 for part in term.parts):
        pairs = [split_outer(part, size(part) // inner, where) for part in term.parts]
        if None not in pairs:
            sound = [pair for pair in pairs if pair is not None]
            for pair in sound[1:]:
                unify(sound[0][1], pair[1], where)
            return cat(pair[0] for pair in sound), resolve(sound[0][1])
    freeze(term, f"{size(term)} units cannot be split into {outer} x {inner} at {where}")
    return None


def _unify_cats(left: Cat, right: Cat, where: str) -> None:
    a, b = list(left.parts), list(right.parts)
    while a and b:
        x, y = resolve(a.pop(0)), resolve(b.pop(0))
        n, m = size(x), size(y)
        if n == m:
            unify(x, y, where)
            continue
        big, small, rest = (x, y, a) if n > m else (y, x, b)
        halves = cut(big, size(small), where)
        if halves is None:
            for term in (small, *a, *b):
                freeze(term, f"the parts joined at {where} do not line up")
            return
        unify(halves[0], small, where)
        rest.insert(0, halves[1])


def cut(term: Term, at: int, where: str) -> tuple[Term, Term] | None:
    """Refine a term into its first ``at`` units and the rest; None (and frozen) when impossible."""
    term = resolve(term)
    if isinstance(term, Space):
        pieces = _split_space(term, [at, term.size - at], Cat)
        return pieces.parts[0], pieces.parts[1]  # type: ignore[union-attr]
    if isinstance(term, Prod) and term.factors:
        inner = size(Prod(term.factors[1:]))
        if at % inner == 0:
            pair = cut(term.factors[0], at // inner, where)
            if pair is not None:
                return prod((pair[0], *term.factors[1:])), prod((pair[1], *term.factors[1:]))
    if isinstance(term, Cat):
        first: list[Term] = []
        rest = list(term.parts)
        while rest and at >= size(rest[0]):
            at -= size(rest[0])
            first.append(rest.pop(0))
        if at == 0:
            return cat(first), cat(rest)
        pair = cut(rest.pop(0), at, where)
        if pair is not None:
            return cat((*first, pair[0])), cat((pair[1], *rest))
    freeze(term, f"{size(term)} units cannot be cut after {at} at {where}")
    return None


def _unify_cat_prod(left: Cat, right: Prod, where: str) -> None:
    rest: Term = right
    parts = list(left.parts)
    for position, part in enumerate(parts[:-1]):
        pair = cut(rest, size(part), where)
        if pair is None:
            for later in parts[position:]:
                freeze(later, f"the parts joined at {where} do not line up with a product")
            return
        unify(part, pair[0], where)
        rest = pair[1]
    unify(parts[-1], rest, where)
