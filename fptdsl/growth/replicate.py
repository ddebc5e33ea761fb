"""Keys and values shared out among their query heads: ``enlarge PATH kv_heads to N`` (T-4).

Query head ``q`` uses key and value head ``q // (heads / kv_heads)`` (Ainslie et al. 2023, arXiv 2305.13245).  With
each head of keys and values ``c`` times in a row, ``j c`` to ``j c + c - 1`` for head ``j``, every query head finds the
keys and values that it had; the query heads stay as they are.  No unit is shared out among readers: the axis of the
queries, ``kv x r x head_dim``, gets the form ``(kv c) x (r / c) x head_dim``, and the others follow from that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..architecture.graph import Graph, Node, Region, Tensor, Value, key_of
from ..architecture.ops import OPERATIONS
from ..architecture.ops.dropout import DROPPING
from ..architecture.ops.shapes import axis_of
from ..architecture.terms import Cat, Prod, Space, Term, prod, resolve, size, spaces
from ..architecture.tree import Layer, Network, walk
from ..language import syntax
from .demands import MAX_UNITS
from .dots import SIZES_ONLY
from .frozen import in_words, way_out
from .new_form import Edit
from .recipe import Gathered, Source, Start
from .refusal import Refused
from .requests import Request
from .sizes import parameters_of

SIZE = "kv_heads"
"""The name of the size in a directive, whatever a block of the spec calls it."""
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


def replicates(directive: syntax.Directive, old: Graph, target: str) -> bool:
    """Whether an ``enlarge`` asks for more heads of keys and values: by that name, or by the one that a block has."""
    if not isinstance(directive, syntax.Enlarge) or directive.size == "kernel_size":
        return False
    if directive.size == SIZE:
        return True
    inside = _nodes(old, old.regions.get(target))
    counted = [_heads(node)[1] for node in inside if node.op == "attention"]
    named = [resolve(term) for node in inside for name, term in parameters_of(node) if name == directive.size]
    return any(term in counted for term in named)


def replicate(directive: syntax.Enlarge, target: str, old: Graph) -> list[Changed]:
    """What changes for the attention inside ``target`` to have so many heads of keys and values.

    One for each set of heads that are shared.  Raises Refused: there is none, or the heads do not divide.
    """
    if isinstance(directive.to, tuple):
        raise Refused("F308", f"`{directive.size}` is one number", "`enlarge PATH kv_heads to N`")
    if directive.to > MAX_UNITS:
        raise Refused("F309", f"{MAX_UNITS:,} heads are the most that can be planned", "ask for less")
    label = f"`{target}`" if target else "the model"
    inside = [node for node in _nodes(old, old.regions.get(target)) if node.op == "attention"]
    if not inside:
        raise Refused("F308", f"{label} holds no attention, so it has no heads of keys and values")
    found: dict[Space, Changed] = {}
    for node in inside:
        form = _Form.of(old, node, directive.to)
        if form is not None and form.groups not in found:
            found[form.groups] = form.changed()
    return list(found.values())


def edits(
    request: Request, directive: syntax.Enlarge, target: str, old: Graph, network: Network
) -> list[tuple[dict[int, Layer], Edit]]:
    """The layers of ``network`` in their new form by the ids of the old ones, with the edit, for each set of heads."""
    layers = [node for _, node in walk(network) if isinstance(node, Layer)]
    copies = Counter((layer.like, layer.op) for layer in layers if layer.old is None)
    found = []
    for changed in replicate(directive, target, old):
        for node in changed.nodes:
            if copies[node.name, node.op] != copies[changed.attention, "attention"]:
                message = f"`{node.name}` cannot be copied and deepened at once"
                raise Refused("F305", message, "grow twice, first with this line")
        now: dict[int, Layer] = {}
        for layer in layers:
            given = changed.arguments.get((layer.old or layer.like or "", layer.op))
            if given is not None:
                now[id(layer)] = replace(layer, args=type(layer.args)(**{**dict(layer.args), **given}))
        own = {(layer.old or "", layer.op): now.get(id(layer), layer) for layer in layers if layer.old is not None}
        found.append((now, _edit(request, changed, own)))
    return found


def _edit(request: Request, changed: Changed, own: dict[tuple[str, str], Layer]) -> Edit:
    holders = [own[node.name, node.op] for node in changed.nodes]

    def start(position: int, suffix: str, shape: tuple[int, ...]) -> Start:
        key = key_of(holders[position].old or "", suffix)
        return changed.starts.get(key) or Source(key)

    return Edit(
        request,
        changed.attention.rpartition(".")[0] or "*",
        tuple(holders),
        start,
        changed.summary,
        "each head of keys and values stands several times in a row, so that every query head finds the ones that it "
        "had; the copies learn from query heads of their own",
        exactness="eval-only" if changed.dropped else "exact",
        method="copies",
        replaces=tuple(node.name for node in changed.nodes),
    )


def _nodes(graph: Graph, region: Region | None) -> Sequence[Node]:
    return graph.nodes if region is None else graph.nodes[region.first : region.last]


def _heads(node: Node) -> tuple[Term, Term]:
    """The heads of the queries of an ``attention``, and those of its keys and values."""
    return resolve(node.inputs[0].axes[1]), resolve(node.inputs[1].axes[1])


class _Apart(Exception):
    """Query heads are not beside the heads of keys that they use."""


@dataclass(frozen=True, eq=False)
class _Form:
    """Heads of keys and values ``groups``, each ``times`` in a row; ``members`` are the query heads of each of them."""

    graph: Graph
    groups: Space
    members: frozenset[Space]
    times: int
    where: str
    counts: tuple[int, int]

    @classmethod
    def of(cls, graph: Graph, node: Node, wanted: int) -> _Form | None:
        """The form that an ``attention`` asks for; None where it has it.  Raises Refused."""
        heads, shared = map(size, _heads(node))
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
        groups = _last(_heads(node)[1])
        if groups is None:
            raise Refused("F304", f"the heads of keys of `{where}` are joined from several parts")
        if groups.frozen is not None:
            raise Refused(
                "F304",
                f"the keys and values of `{where}` cannot be copied: {in_words(groups.frozen)}",
                way_out(groups.frozen),
            )
        times = wanted // shared
        return cls(graph, groups, _members(graph, groups, times), times, where, (shared, heads))

    # --- what it makes of the layers ---------------------------------------------------------------

    def changed(self) -> Changed:
        """Raises Refused where something else is done with the units."""
        dropped = self._check_uses()
        arguments: dict[tuple[str, str], dict[str, Any]] = {}
        starts: dict[str, Gathered] = {}
        holders = []
        for node in self.graph.nodes:
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
        for node in self.graph.nodes:
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


def _members(graph: Graph, groups: Space, times: int) -> frozenset[Space]:
    """The query heads of each head of keys, wherever these are used.  Raises Refused where they do not divide."""
    found: set[Space] = set()
    for node in graph.nodes:
        if node.op != "attention" or groups not in spaces(_heads(node)[1]):
            continue
        heads = _heads(node)[0]
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
