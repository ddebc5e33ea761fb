"""Which unit is which, told from two checkpoints alone: the guide of a certificate where there is no plan.

Of a widening that keeps the old units where they are and adds others behind them: a new unit is a copy of the
old one whose rows it has, to the bit, in every tensor that writes the units or holds a value for each; new units
with equal rows are one class; all others are classes of their own.  Whether the law holds for that is then
checked like that of a plan, so a wrong guess certifies nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b

import numpy as np

from ...architecture.graph import Graph, Tensor
from ...architecture.terms import Cat, Prod, Space, Term, resolve, size, spaces
from ...growth.plan import Plan, Step, TensorPlan
from ...growth.recipe import NONE, Axis, Concat, Leaf, Product, Recipe, Source, Table
from .certify import certify
from .reading import Ints, Tensors, bits, pieces
from .result import Certificate

DIRECTIVE = "widening, as the two checkpoints show it"


class Untold(Exception):
    """Why it cannot be told which unit is which."""


def certify_checkpoints(old: Graph, before: Tensors, new: Graph, after: Tensors) -> Certificate:
    """The certificate of two checkpoints without a plan: passed, or inconclusive with the reason."""
    try:
        plan = recovered(old, new, after)
    except Untold as untold:
        return Certificate("inconclusive", "checkpoints", reasons=(f"there is no plan, and {untold}",))
    found = certify(plan, before, after)
    if found.outcome != "failed":
        return replace(found, basis="checkpoints")
    first = found.findings[0]
    reason = (
        f"there is no plan, and the law does not hold for the units that look alike: {first.tensor}: {first.message}"
    )
    return Certificate("inconclusive", "checkpoints", found.steps, found.findings, (reason,))


def recovered(old: Graph, new: Graph, after: Tensors) -> Plan:
    """A plan of the growth from ``old`` to ``new``, as far as the grown tensors show it; raises :class:`Untold`."""
    if old.tensors.keys() != new.tensors.keys():
        name = min(old.tensors.keys() ^ new.tensors.keys())
        raise Untold(f"`{name}` is not in both networks: without one only widening can be told")
    pairs = _Pairs()
    for name, tensor in old.tensors.items():
        for was, now in zip(tensor.axes, new.tensors[name].axes, strict=True):
            pairs.match(was, now, name)
    signatures = _Signatures(pairs)
    for name, tensor in new.tensors.items():
        if name in after and tensor.init != "count":
            signatures.read(tensor, after)
    tables = {was: signatures.table(was, now) for was, now in pairs.grown()}
    tensors = tuple(_tensor(name, tensor, new.tensors[name].shape, tables) for name, tensor in old.tensors.items())
    step = Step("widen", DIRECTIVE, "*", "", "", "exact", "")
    return Plan("", 0, (step,), tuple(tables.values()), tensors, (), "exact", (), old, new, new.network)


@dataclass
class _Pairs:
    """Groups of units of the old network, and what they are in the new one."""

    new: dict[Space, Space] = field(default_factory=dict)

    def match(self, was: Term, now: Term, name: str) -> None:
        was, now = resolve(was), resolve(now)
        if isinstance(was, Space) and isinstance(now, Space):
            if self.new.setdefault(was, now) is not now:
                raise Untold(f"the units of `{name}` are tied otherwise than they were")
            return
        parts = [_parts(term) for term in (was, now)]
        if type(was) is not type(now) or len(parts[0]) != len(parts[1]):
            raise Untold(f"the units of `{name}` are put together otherwise than they were")
        for first, second in zip(*parts):
            self.match(first, second, name)

    def grown(self) -> Iterator[tuple[Space, Space]]:
        for was, now in self.new.items():
            if now.size < was.size:
                raise Untold(f"`{was.home}` has {now.size} units and had {was.size}")
            if now.size > was.size and was.frozen is not None:
                raise Untold(f"what grows at `{was.home}` is no group of units ({was.frozen})")
            if now.size > was.size:
                yield was, now


def _parts(term: Term) -> tuple[Term, ...]:
    return () if isinstance(term, Space) else term.factors if isinstance(term, Prod) else term.parts


class _Signatures:
    """For every new group a digest of each unit: of all its rows and values, and of zeros."""

    def __init__(self, pairs: _Pairs) -> None:
        self.wanted = {now: was for was, now in pairs.grown()}
        self.digests = {now: [blake2b(digest_size=16) for _ in range(now.size)] for now in self.wanted}
        self.zero = {now: np.ones(now.size, dtype=bool) for now in self.wanted}
        self.written: set[Space] = set()

    def read(self, tensor: Tensor, after: Tensors) -> None:
        for axis, role in enumerate(tensor.roles):
            for space, index in _places(tensor.axes[axis]):
                if role in ("writes", "follows") and space in self.wanted:
                    self._add(tensor, after, axis, space, index, kernel=role == "writes")

    def _add(self, tensor: Tensor, after: Tensors, axis: int, space: Space, index: Ints, *, kernel: bool) -> None:
        """``index``: the unit at every position of the axis, -1 for none."""
        self.written |= {space} if kernel else set()
        for start, stop in pieces(tensor.shape):
            rows = bits(after.rows(tensor.name, start, stop))
            units = index[start:stop] if axis == 0 else index
            lines = np.ascontiguousarray(np.moveaxis(rows, axis, 0)).reshape(len(units), -1)
            filled = np.any(lines << 1, axis=1)  # Without the sign: a negative zero is zero.
            for line, unit, some in zip(lines, units.tolist(), filled.tolist()):
                if unit >= 0:
                    self.digests[space][unit].update(line.tobytes())
                    self.zero[space][unit] &= not (kernel and some)

    def table(self, was: Space, now: Space) -> Table:
        """The classes; raises :class:`Untold` where a new unit looks like several old ones."""
        if now not in self.written:
            raise Untold(f"no tensor writes the units of `{was.home}`")
        old, digests = was.size, [digest.digest() for digest in self.digests[now]]
        first: dict[bytes, int] = {}
        twice = {d for unit, d in enumerate(digests[:old]) if first.setdefault(d, unit) != unit}
        classes = list(range(old))
        fresh: dict[bytes, int] = {}
        for unit, digest in enumerate(digests[old:], old):
            if digest in twice:
                raise Untold(f"unit {unit} of `{was.home}` looks like several old units")
            classes.append(first[digest] if digest in first else fresh.setdefault(digest, old + len(fresh)))
        added = [unit for unit, label in enumerate(classes) if label >= old]
        zero = bool(added) and bool(self.zero[now][added].all())
        name = f"{was.home}#{was.number}"
        return Table(name, old, now.size, np.array(classes), NONE, "", writer="zero" if zero else "fresh")


def _places(term: Term) -> Iterator[tuple[Space, Ints]]:
    """Each group of units in an axis, with its unit at every position (-1 elsewhere)."""
    for space in dict.fromkeys(spaces(term)):
        yield space, _index(term, space)


def _index(term: Term, space: Space) -> Ints:
    term = resolve(term)
    if isinstance(term, Space):
        return np.arange(space.size) if term is space else np.full(term.size, -1)
    parts = [_index(part, space) for part in _parts(term)]
    if isinstance(term, Cat):
        return np.concatenate(parts)
    total = np.full(1, -1)
    for part in parts:
        outer, inner = np.repeat(total, len(part)), np.tile(part, len(total))
        total = np.where(outer >= 0, outer, inner)
    return total


def _tensor(name: str, tensor: Tensor, shape: tuple[int, ...], tables: dict[Space, Table]) -> TensorPlan:
    grows = any(space in tables for axis in tensor.axes for space in spaces(axis))
    recipe = None
    if grows:
        axes = tuple(_axis(term, tables) for term in tensor.axes)
        recipe = Recipe(Source(name), axes, tensor.roles, tensor.init)
    return TensorPlan(name, "grow" if grows else "keep", name, tensor.shape, shape, tensor.buffer, recipe)


def _axis(term: Term, tables: dict[Space, Table]) -> Axis:
    term = resolve(term)
    if isinstance(term, Space):
        return Leaf(tables[term].space if term in tables else None, term.size)
    if not any(space in tables for space in spaces(term)):
        return Leaf(None, size(term))
    parts = tuple(_axis(part, tables) for part in _parts(term))
    return Product(parts) if isinstance(term, Prod) else Concat(parts)
