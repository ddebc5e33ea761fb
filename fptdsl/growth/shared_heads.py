"""Heads of keys and values that several query heads share, in another form: each several times in a row (T-4).

The axis of the queries, ``kv x r x head_dim``, is ``(kv c) x (r / c) x head_dim`` then, of the same units.  What the
others get follows from the terms: where the query heads are not counted, each head comes ``c`` times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..architecture.graph import Graph, Node, Tensor, Value
from ..architecture.ops import OPERATIONS
from ..architecture.ops.dropout import DROPPING
from ..architecture.ops.shapes import axis_of
from ..architecture.terms import Cat, Prod, Space, Term, prod, resolve, size, spaces
from .dots import SIZES_ONLY
from .frozen import in_words, way_out
from .recipe import Gathered
from .refusal import Refused

MAKING = ("linear", "transposed_linear")
NORMS = ("layernorm", "rmsnorm")
PASSING = (
    "identity",
    "split_heads",
    "narrow",
    "rotary",
    "softcap",
    "shift",
    "scale",
    "add",
    "mul",
    *DROPPING,
    *SIZES_ONLY,
)
"""Operations that do to copies what they do to what these are copies of."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Changed:
    """What a form makes of the old layers.

    ``arguments`` are new ones by the name and operation of a layer.
    """

    arguments: dict[tuple[str, str], dict[str, Any]]
    starts: dict[str, Gathered]
    """By the names of old tensors."""
    nodes: tuple[Node, ...]
    """The old layers that hold these tensors."""
    attention: str
    summary: str
    dropped: bool
    """Copies are dropped each for itself in train mode."""


def nodes_by_space(graph: Graph) -> dict[Space, list[Node]]:
    """The nodes that have to do with each Space: it is on an axis of what they read, make or hold."""
    found: dict[Space, list[Node]] = {}
    for node in graph.nodes:
        terms = [axis for value in (*node.inputs, node.output) for axis in value.axes]
        terms += [axis for tensor in node.tensors.values() for axis in tensor.axes]
        for leaf in dict.fromkeys(leaf for term in (*terms, *node.sizes.values()) for leaf in spaces(term)):
            found.setdefault(leaf, []).append(node)
    return found


def heads_of(node: Node) -> tuple[Term, Term]:
    """The heads of the queries of an ``attention``, and those of its keys and values."""
    return resolve(node.inputs[0].axes[1]), resolve(node.inputs[1].axes[1])


class _Apart(Exception):
    """Query heads are not beside the heads of keys that they use."""


@dataclass(frozen=True, eq=False)
class Form:
    """Heads of keys and values ``groups``, each ``times`` in a row; ``members`` are the query heads of each of them."""

    holding: tuple[Node, ...]
    """The nodes that have to do with either, in the order of the graph."""
    groups: Space
    members: frozenset[Space]
    times: int
    where: str
    counts: tuple[int, int]

    @classmethod
    def of(cls, nodes: Mapping[Space, Sequence[Node]], node: Node, wanted: int) -> Form | None:
        """The form that an ``attention`` gets with so many heads of keys; None where it has them.  Raises Refused.

        ``nodes`` are those that have to do with a Space.
        """
        heads, shared = map(size, heads_of(node))
        where = node.name
        told = f"`{where}` has {shared} heads of keys and values for {heads} query heads"
        if wanted < shared:
            raise Refused("F303", f"{told}, and growth cannot shrink it to {wanted}", "ask for more")
        if wanted == shared:
            return None
        if heads == shared:
            raise Refused(
                "F306",
                f"{told}: each query head has its own already",
                "`widen` adds heads with keys and values of their own",
            )
        if wanted % shared or heads % wanted:
            possible = [n for n in range(shared + 1, heads + 1) if n % shared == 0 and heads % n == 0]
            reason = (
                f"{wanted} is no multiple of {shared}, and all are copied equally often"
                if wanted % shared
                else f"{heads} query heads are no whole groups for {wanted}"
            )
            raise Refused("F306", f"{told}: {reason}", f"possible here: {', '.join(map(str, possible))}")
        groups = _last(heads_of(node)[1])
        if groups is None:
            raise Refused("F304", f"the heads of keys of `{where}` are joined from several parts")
        if groups.frozen is not None:
            raise Refused(
                "F304",
                f"the keys and values of `{where}` cannot be copied: {in_words(groups.frozen)}",
                way_out(groups.frozen),
            )
        times = wanted // shared
        members = _members(nodes[groups], groups, times)
        holding = {id(n): n for space in (groups, *members) for n in nodes[space]}.values()
        in_order = tuple(sorted(holding, key=lambda n: n.order))
        return cls(in_order, groups, members, times, where, (shared, heads))

    # --- what it makes of the layers ---------------------------------------------------------------

    def changed(self) -> Changed:
        """Raises Refused where something else is done with the units."""
        dropped = self._check_uses()
        arguments: dict[tuple[str, str], dict[str, Any]] = {}
        starts: dict[str, Gathered] = {}
        holders = []
        for node in self.holding:
            new = {name: self._size(term) for name, term in node.sizes.items()}
            new = {name: value for name, value in new.items() if value != size(node.sizes[name])}
            if new and node.reused is None:
                arguments[node.name, node.op] = new
            mine = {t.name: start for t in node.tensors.values() if (start := self._start(node, t)) is not None}
            if mine and node.reused is None:
                starts.update(mine)
                holders.append(node)
        shared, heads = self.counts
        summary = f"{shared} -> {shared * self.times} heads of keys and values for {heads} query heads"
        return Changed(arguments, starts, tuple(holders), self.where, summary, dropped)

    def _size(self, term: Term) -> int:
        """The size of a term in the new form."""
        term = resolve(term)
        if isinstance(term, Space):
            given = term.size
            return given * self.times if term is self.groups else given // self.times if term in self.members else given
        if isinstance(term, Cat):
            return sum(map(self._size, term.parts))
        total = 1
        for factor in term.factors:
            total *= self._size(factor)
        return total

    def _start(self, node: Node, tensor: Tensor) -> Gathered | None:
        """What a tensor starts from; None where it stays as it is."""
        moved = [(axis, self._positions(term)) for axis, term in enumerate(tensor.axes)]
        moved = [(axis, old) for axis, old in moved if not _same(old)]
        if not moved:
            return None
        axis, positions = moved[0]
        if len(moved) > 1 or tensor.roles[axis] == "reads":
            raise self._refused(f"`{node.name}` ({node.op}) reads them besides")
        shape = tuple(len(positions) if n == axis else units for n, units in enumerate(tensor.shape))
        return Gathered(tensor.name, shape, axis, tuple(_ranges(positions)))

    def _positions(self, term: Term) -> Ints:
        """For every position of an axis in the new form, the one that it was or is a copy of.  Raises Refused."""
        try:
            return self._old(resolve(term), None)
        except _Apart:
            raise self._refused("their query heads are counted apart from them") from None

    def _old(self, term: Term, copy: int | None) -> Ints:
        """``copy``: inside which copy of a head; the query heads there are those that it serves."""
        if isinstance(term, Cat):
            parts, begin = [], 0
            for part in term.parts:
                parts.append(self._old(part, copy) + begin)
                begin += size(part)
            return np.concatenate(parts)
        factors = term.factors if isinstance(term, Prod) else (term,)
        if not factors:
            return np.zeros(1, dtype=np.int64)
        first, rest = factors[0], prod(factors[1:])
        if first is self.groups:
            inner = np.concatenate([self._old(rest, number) for number in range(self.times)])
            return _combined(np.arange(self.groups.size), inner, size(rest))
        if isinstance(first, Space):
            outer = np.arange(first.size)
            if first in self.members:
                if copy is None:
                    raise _Apart
                outer = np.split(outer, self.times)[copy]
        else:
            outer = self._old(first, copy)
        return outer if len(factors) == 1 else _combined(outer, self._old(rest, copy), size(rest))

    # --- what may be done with copies ---------------------------------------------------------------

    def _check_uses(self) -> bool:
        """Whether something is dropped in train mode.  Raises Refused where copies would not stay copies."""
        dropped = False
        for node in self.holding:
            held = [value for value in (*node.inputs, node.output) if self._moved(value)]
            if not held:
                continue
            alone = OPERATIONS[node.op].activation is not None
            if not (alone or node.op in (*MAKING, *NORMS, *PASSING, "attention")):
                raise self._refused(f"`{node.name}` ({node.op}) works on them too")
            if node.op in NORMS:
                self._check_mean(node)
            dropped |= node.op in DROPPING and bool(node.args.p)  # type: ignore[attr-defined]
        return dropped

    def _moved(self, value: Value) -> bool:
        return any(self.groups in spaces(axis) and not _same(self._positions(axis)) for axis in value.axes)

    def _check_mean(self, node: Node) -> None:
        """The mean over copies is that of what they are copies of where all are copied equally often (N-3)."""
        place = axis_of(OPERATIONS[node.op], node.args.dim, node.inputs[0])  # type: ignore[attr-defined]
        counts = np.unique(np.unique(self._positions(node.inputs[0].axes[place]), return_counts=True)[1])
        if len(counts) > 1:
            raise self._refused(f"`{node.name}` ({node.op}) takes a mean over them and other units")

    def _refused(self, reason: str) -> Refused:
        return Refused(
            "F304", f"the keys and values of `{self.where}` cannot be copied for their query heads: {reason}"
        )


def _last(term: Term) -> Space | None:
    """What counts the heads of keys, or their innermost factor."""
    inner = resolve(term.factors[-1]) if isinstance(term, Prod) and term.factors else term
    return inner if isinstance(inner, Space) else None


def _members(nodes: Sequence[Node], groups: Space, times: int) -> frozenset[Space]:
    """The query heads of each head of keys, wherever these are used.  Raises Refused where they do not divide."""
    found: set[Space] = set()
    for node in nodes:
        if node.op != "attention" or groups not in spaces(heads_of(node)[1]):
            continue
        heads = heads_of(node)[0]
        factors = list(heads.factors) if isinstance(heads, Prod) else [heads]
        inner = factors[factors.index(groups) + 1 :] if groups in factors else []
        member = inner[0] if inner else None
        if not isinstance(member, Space) or member.size % times:
            raise Refused(
                "F306",
                f"`{node.name}` uses the same keys and values: its query heads are no whole groups for {times} copies",
            )
        found.add(member)
    return frozenset(found)


def _combined(outer: Ints, inner: Ints, radix: int) -> Ints:
    """Positions of a row-major product."""
    return np.asarray((outer[:, None] * radix + inner[None, :]).reshape(-1))


def _same(positions: Ints) -> bool:
    return bool(np.array_equal(positions, np.arange(len(positions))))


def _ranges(positions: Ints) -> Iterator[tuple[int, int]]:
    """Runs of neighbours, each with the position behind its last."""
    for run in np.split(positions, np.flatnonzero(np.diff(positions) != 1) + 1):
        yield int(run[0]), int(run[-1]) + 1
