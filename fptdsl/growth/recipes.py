"""A recipe for every tensor of the grown network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..architecture.graph import GAINS, Graph, Tensor
from ..architecture.terms import Cat, Prod, Space, Term, resolve, size, spaces
from ..diagnostics import Diagnostic, FptError
from .axes import Maps
from .insertions import Inserted, old_names
from .part import free_start
from .parts import parts_of
from .plan import TensorPlan
from .recipe import Axis, Concat, Constant, Fresh, Leaf, Product, Recipe, Source, Start, Table


def tensor_plans(
    old: Graph,
    middle: Graph,
    grown: Graph,
    tables: Mapping[Space, Table],
    inserted: Sequence[Inserted],
    rewritten: Mapping[str, Start],
) -> tuple[TensorPlan, ...]:
    """One plan per tensor of ``grown``, in the order of its ``state_dict``.

    ``middle`` is the graph with the insertions and the old widths: its tensors have the names of
    ``grown``.  ``rewritten`` are the starts of layers that got another form.
    Raises :class:`FptError` (F340) where a predicted shape is not that of the grown graph.
    """
    old_keys = old_names(middle)
    starts = {name: (start, name in part.final) for part in inserted for name, start in part.starts.items()}
    starts.update((name, (start, False)) for name, start in rewritten.items())
    maps = Maps({table.space: table for table in every_table(tables)})
    plans = []
    for name, tensor in grown.tensors.items():
        before = middle.tensors[name]
        old_key = old_keys.get(name)
        old_shape = old.tensors[old_key].shape if old_key is not None else None
        plan = _plan(name, tensor, before, old_key, old_shape, starts.get(name), tables, maps)
        plans.append(plan)
    _check_sources(old, plans)
    return tuple(plans)


def _plan(
    name: str,
    tensor: Tensor,
    before: Tensor,
    old_key: str | None,
    old_shape: tuple[int, ...] | None,
    start: tuple[Start, bool] | None,
    tables: Mapping[Space, Table],
    maps: Maps,
) -> TensorPlan:
    axes = tuple(axis_of(term, tables, before) for term in before.axes)
    afresh = any(tables[s].method == "random_init" for axis in before.axes for s in spaces(axis) if s in tables)
    if old_key is not None and afresh:
        recipe = _added((free_start(before), True), axes, before, tensor, {})
        parts = parts_of(recipe, maps)
        return TensorPlan(name, "grow", old_key, old_shape, tensor.shape, tensor.buffer, recipe, parts)
    if old_key is not None:
        grows = any(space in tables for axis in before.axes for space in spaces(axis))
        value = start[0] if start is not None else Source(old_key)
        if not grows and isinstance(value, Source):
            action = "keep" if old_key == name else "rename"
            return TensorPlan(name, action, old_key, old_shape, tensor.shape, tensor.buffer)  # type: ignore[arg-type]
        recipe = _rescaled(name, Recipe(value, axes, before.roles, before.init), before, tables)
        _agree(name, recipe, maps, tensor)
        return TensorPlan(name, "grow", old_key, old_shape, tensor.shape, tensor.buffer, recipe, parts_of(recipe, maps))
    assert start is not None, name
    recipe = _added(start, axes, before, tensor, tables)
    if not start[1] and not _cancels(recipe, before, tables):
        recipe = _rescaled(name, recipe, before, tables)
    _agree(name, recipe, maps, tensor)
    return TensorPlan(name, "add", None, None, tensor.shape, tensor.buffer, recipe, parts_of(recipe, maps))


def _added(
    start: tuple[Start, bool], axes: tuple[Axis, ...], before: Tensor, tensor: Tensor, tables: Mapping[Space, Table]
) -> Recipe:
    """What nothing binds is made at its new size; but units that are twins elsewhere are twins here as well."""
    value, final = start
    if not final or not isinstance(value, (Constant, Fresh)):
        return Recipe(value, axes, before.roles, before.init)
    paired = [
        role != "reads" and any(tables[space].reader == "pair" for space in spaces(term) if space in tables)
        for term, role in zip(before.axes, before.roles)
    ]
    shape = tuple(old if pair else new for pair, old, new in zip(paired, before.shape, tensor.shape))
    axes = tuple(axis if pair else Leaf(None, size) for pair, axis, size in zip(paired, axes, tensor.shape))
    return Recipe(replace(value, shape=shape), axes, before.roles, before.init)


def _cancels(recipe: Recipe, before: Tensor, tables: Mapping[Space, Table]) -> bool:
    """Whether a new kernel reads units that cancel: of any size, and a factor would round what adds up to zero."""
    read = {space for axis, role in zip(before.axes, before.roles) if role == "reads" for space in spaces(axis)}
    return isinstance(recipe.start, Fresh) and any(tables[s].reader == "pair" for s in read if s in tables)


def _rescaled(name: str, recipe: Recipe, before: Tensor, tables: Mapping[Space, Table]) -> Recipe:
    """The recipe with the factors that tables of rescaled streams give the tensor."""
    factor, normalises = 1.0, False
    for space in {space for axis in before.axes for space in spaces(axis)}:
        table = tables.get(space)
        if table is not None:
            factor *= dict(table.factors).get(name, 1.0)
            normalises |= name in table.norms
    return replace(recipe, factor=factor, normalises=normalises)


def every_table(tables: Mapping[Space, Table]) -> tuple[Table, ...]:
    """The tables of all Spaces, those of both sides where queries and keys meet."""
    return tuple(dict.fromkeys(each for table in tables.values() for each in (table, table.keys) if each is not None))


def axis_of(term: Term, tables: Mapping[Space, Table], tensor: Tensor, begin: int = 0) -> Axis:
    """The axis of a recipe: Spaces by the names of their tables, what does not grow as plain sizes.

    ``tensor`` is whose axis it is, and ``begin`` where in it the term begins: a Space may have a table for each side
    of a product, and be multiples in some tensors only.
    """
    term = resolve(term)
    if isinstance(term, Space):
        table = tables.get(term)
        if table is None:
            return Leaf(None, term.size)
        if table.keys is not None and (tensor.name, begin) in table.key_places:
            table = table.keys
        return Leaf(table.space, term.size, _power(table, tensor, begin))
    if not any(space in tables for space in spaces(term)):
        return Leaf(None, size(term))
    if isinstance(term, Prod):
        return Product(tuple(axis_of(factor, tables, tensor, begin) for factor in term.factors))
    assert isinstance(term, Cat)
    parts = []
    for part in term.parts:
        parts.append(axis_of(part, tables, tensor, begin))
        begin += size(part)
    return Concat(tuple(parts))


def _power(table: Table, tensor: Tensor, begin: int) -> int:
    """What of the table's multiples the part of a tensor has that begins there."""
    if (tensor.name, begin) in table.multiplied:
        return 1
    if tensor.init in GAINS:  # Gains of a stream are those of its units: what goes through them stays a multiple.
        return -1 if tensor.name in table.undoing else 0
    return 0 if table.multiplied else 1


def _agree(name: str, recipe: Recipe, maps: Maps, tensor: Tensor) -> None:
    """The shape that the tables give is the shape of the grown network, or the plan is at fault."""
    predicted = tuple(maps(axis).new for axis in recipe.axes)
    if predicted != tensor.shape:
        raise FptError(
            Diagnostic(
                "F340",
                f"`{name}` would be {predicted} by its recipe and is {tensor.shape} in the grown network",
                hint="this is a fault of the planner; nothing was written",
            )
        )


def _check_sources(old: Graph, plans: Sequence[TensorPlan]) -> None:
    """Every old tensor goes somewhere: none is lost."""
    used = {plan.source for plan in plans if plan.source is not None}
    lost = [name for name in old.tensors if name not in used]
    if lost:
        raise FptError(
            Diagnostic(
                "F340",
                f"`{lost[0]}` has no place in the grown network",
                hint="this is a fault of the planner; nothing was written",
            )
        )
