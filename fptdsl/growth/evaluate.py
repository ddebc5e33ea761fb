"""Carrying out recipes: the values of the grown tensors, in float64, put on the file's grid once.

numpy only.  Tensors are produced in chunks of rows, so that memory is a small multiple of the chunk
where the first axis is not the one that is summed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from .along import along, has_random, multiplies, multiply
from .axes import MEAN, ZERO, AxisMap, Maps
from .grid import Float64, Raw, is_floating, store, widen_raw
from .law import split_reader
from .plan import Plan, TensorPlan
from .random import Stream
from .recipe import Constant, Gathered, Ints, Recipe, Solve, SolveGroups, Source
from .source import CACHED, CHUNK_BYTES, Weights, deviation
from .starts import solved, start_rows
from .stored_rows import copied_rows, span, stored_rows


class Evaluator:
    """Evaluates the recipes of one plan on one checkpoint."""

    def __init__(self, plan: Plan, source: Weights) -> None:
        self.source = source
        self.seed = plan.seed
        self.maps = Maps({table.space: table for table in plan.tables})
        self._deviations: dict[str, float] = {}
        self._mask: tuple[Recipe, str, np.ndarray | None] | None = None
        """Of the recipe that is being carried out: which rows are copied."""
        self._width: tuple[Recipe, float] | None = None
        """Of the same: the deviation of what is drawn."""
        self._taken_in: tuple[Recipe, list[AxisMap], float] | None = None
        """Of the same: its maps with its factor in them, and what is left of it."""
        self._stream: tuple[str, Stream] | None = None
        """Of the tensor whose fresh rows are being drawn."""
        self._solved: tuple[tuple[Solve | SolveGroups, str | None], Float64] | None = None
        """The factor that was solved for last: it is made whole, and read in rows."""

    def chunks(self, tensor: TensorPlan, dtype: str) -> Iterator[Raw]:
        """Consecutive rows of the grown tensor, as raw values of ``dtype`` (bfloat16: bits)."""
        if tensor.recipe is None:
            yield from self._copies(tensor)
            return
        rows = tensor.new_shape[0] if tensor.new_shape else 1
        step = self._rows_per_chunk(tensor)
        for start in range(0, rows, step):
            yield self._stored(tensor, start, min(start + step, rows), dtype)

    def unrounded(self, tensor: TensorPlan) -> Float64:
        """The whole grown tensor in float64, with no grid rule applied."""
        return np.concatenate([np.atleast_1d(piece) for piece in self.unrounded_chunks(tensor)]).reshape(
            tensor.new_shape
        )

    def unrounded_chunks(self, tensor: TensorPlan) -> Iterator[Float64]:
        """Consecutive rows of what ``unrounded`` gives."""
        if tensor.recipe is None:
            for raw in self._copies(tensor):
                yield widen_raw(raw, self.source.dtype(tensor.source or ""))
            return
        rows = tensor.new_shape[0] if tensor.new_shape else 1
        step = self._rows_per_chunk(tensor)
        for start in range(0, rows, step):
            yield self._unrounded(tensor, start, min(start + step, rows))

    # --- pieces ------------------------------------------------------------------------------------

    def _copies(self, tensor: TensorPlan) -> Iterator[Raw]:
        assert tensor.source is not None
        rows = tensor.new_shape[0] if tensor.new_shape else 1
        step = self._rows_per_chunk(tensor)
        for start in range(0, rows, step):
            yield self.source.rows(tensor.source, start, min(start + step, rows))

    def _rows_per_chunk(self, tensor: TensorPlan) -> int:
        recipe = tensor.recipe
        rows = tensor.new_shape[0] if tensor.new_shape else 1
        if recipe is not None and recipe.roles and recipe.roles[0] == "reads":
            return max(rows, 1)  # Shares of one class lie in several rows.
        length = int(np.prod(tensor.new_shape[1:], dtype=np.int64))
        return max(1, CHUNK_BYTES // (8 * max(length, 1)))

    def _constant(self, tensor: TensorPlan) -> bool:
        recipe = tensor.recipe
        assert recipe is not None
        one = isinstance(recipe.start, Constant) and len(tensor.new_shape) > 1 and 0 not in tensor.new_shape
        return one and all(m.plain for m in self._maps(recipe))

    def _rows_at_once(self, tensor: TensorPlan, rows: int) -> int:
        """How many rows to compute at a time: few enough for the cache, where each is made by itself."""
        recipe = tensor.recipe
        assert recipe is not None
        if recipe.roles[:1] == ("reads",) or any(MEAN in m.writer for m in self._maps(recipe)[:1] if not m.plain):
            return rows
        return min(rows, max(1, CACHED // max(1, int(np.prod(tensor.new_shape[1:], dtype=np.int64)))))

    def _stored(self, tensor: TensorPlan, start: int, stop: int, dtype: str) -> Raw:
        """Rows as they are stored: copied where they are old, else computed and rounded."""
        grid = dtype if is_floating(dtype) else None

        def computed(rows: Ints) -> Raw:
            if self._constant(tensor):
                shape = (len(rows), *tensor.new_shape[1:])
                return np.full(shape, store(self._values(tensor, rows[:1], grid), dtype).reshape(-1)[0])
            step = self._rows_at_once(tensor, len(rows))
            if step == len(rows):
                return store(self._values(tensor, rows, grid), dtype)
            parts = (rows[at : at + step] for at in range(0, len(rows), step))
            return np.concatenate([store(self._values(tensor, part, grid), dtype) for part in parts])

        return self._rows(tensor, start, stop, dtype, lambda old: old, computed)

    def _unrounded(self, tensor: TensorPlan, start: int, stop: int) -> Float64:
        """Rows in float64 without a grid."""
        assert tensor.recipe is not None
        begin = tensor.recipe.start
        dtype = self.source.dtype(begin.name) if isinstance(begin, Source) else "float64"

        def computed(rows: Ints) -> Raw:
            return self._values(tensor, rows, None)

        return np.asarray(
            self._rows(tensor, start, stop, dtype, lambda old: widen_raw(old, dtype), computed), dtype=np.float64
        )

    def _rows(
        self,
        tensor: TensorPlan,
        start: int,
        stop: int,
        dtype: str,
        copied: Callable[[Raw], Raw],
        computed: Callable[[Ints], Raw],
    ) -> Raw:
        """Rows made of those that are old values and zeros, and of those that are computed."""
        recipe, rows = tensor.recipe, np.arange(start, stop)
        assert recipe is not None
        mask = self._copied(recipe, dtype)
        if mask is None or not mask[start:stop].any():
            return computed(rows)
        assert isinstance(recipe.start, Source)
        here = mask[start:stop]
        old = copied(stored_rows(self.source, recipe.start.name, self._maps(recipe), recipe.roles, rows[here]))
        if here.all():
            return old
        found = np.empty((len(rows), *tensor.new_shape[1:]), old.dtype)
        found[here] = old
        found[~here] = computed(rows[~here])
        return found

    def _copied(self, recipe: Recipe, dtype: str) -> np.ndarray | None:
        """Which rows are to be had by copying raw values, as a mask; None where there is more to do."""
        known = self._mask
        if known is None or known[0] is not recipe or known[1] != dtype:
            known = self._mask = recipe, dtype, self._copies_of(recipe, dtype)
        return known[2]

    def _copies_of(self, recipe: Recipe, dtype: str) -> np.ndarray | None:
        if not isinstance(recipe.start, Source) or self.source.dtype(recipe.start.name) != dtype:
            return None
        if recipe.factor != 1.0:
            return None
        return copied_rows(self._maps(recipe), recipe.roles)

    def _maps(self, recipe: Recipe) -> list[AxisMap]:
        return [self.maps(axis) for axis in recipe.axes]

    def _values(self, tensor: TensorPlan, rows: np.ndarray, dtype: str | None) -> Float64:
        """Rows of the grown tensor in float64; ``dtype`` is the grid of shares, None for no grid."""
        recipe = tensor.recipe
        assert recipe is not None
        maps, factor = self._with_factor(recipe)
        values = self._unscaled(tensor, recipe, maps, rows, dtype)
        if factor == 1.0:
            return values
        if recipe.init == "offset scale":  # N-8
            return factor * (1.0 + values) - 1.0
        return factor * values

    def _with_factor(self, recipe: Recipe) -> tuple[list[AxisMap], float]:
        """The maps, and what is left to multiply: units that are multiples take the factor of the whole tensor in,
        so that values are rounded once, and not at all where the two make one."""
        known = self._taken_in
        if known is None or known[0] is not recipe:
            maps, factor = self._maps(recipe), recipe.factor
            for axis, (here, role) in enumerate(zip(maps, recipe.roles)):
                made = multiplies(recipe.init, role) if axis == 0 else role == "writes"
                if here.sign is not None and made and factor != 1.0:
                    maps[axis], factor = replace(here, sign=here.sign * factor), 1.0
            known = self._taken_in = recipe, maps, factor
        return known[1], known[2]

    def _unscaled(
        self, tensor: TensorPlan, recipe: Recipe, maps: list[AxisMap], rows: np.ndarray, dtype: str | None
    ) -> Float64:
        if all(m.plain for m in maps):
            return self._start(recipe, rows, tensor, dtype)
        if recipe.roles[0] == "reads":
            return np.asarray(self._transposed(tensor, maps, dtype)[rows])
        return self._grown_rows(tensor, maps, rows, dtype)

    def _transposed(self, tensor: TensorPlan, maps: list[AxisMap], dtype: str | None) -> Float64:
        """The whole tensor whose first axis is a reader, through the same law with axes 0 and 1 swapped."""
        recipe = tensor.recipe
        assert recipe is not None
        whole = self._start(recipe, np.arange(maps[0].old), tensor, dtype)
        rows = np.arange(maps[1].new) if len(maps) > 1 else np.zeros(1, dtype=np.int64)
        values = np.swapaxes(whole, 0, 1) if len(maps) > 1 else whole[None]
        order = [1, 0, *range(2, len(maps))] if len(maps) > 1 else [0]
        swapped = [maps[i] for i in order]
        roles = [recipe.roles[i] for i in order]
        if len(maps) == 1:
            stream = Stream(self.seed, tensor.name, "split")
            return np.asarray(split_reader(values, maps[0], self._deviation(recipe), dtype, stream, rows)[0])
        grown = self._apply(tensor, recipe, swapped, roles, rows, lambda needed: values[needed], dtype)
        return np.swapaxes(grown, 0, 1)

    def _grown_rows(self, tensor: TensorPlan, maps: list[AxisMap], rows: np.ndarray, dtype: str | None) -> Float64:
        recipe = tensor.recipe
        assert recipe is not None
        return self._apply(
            tensor,
            recipe,
            maps,
            recipe.roles,
            rows,
            lambda needed: self._start(recipe, needed, tensor, dtype),
            dtype,
        )

    def _start(self, recipe: Recipe, rows: np.ndarray, tensor: TensorPlan, dtype: str | None) -> Float64:
        if isinstance(recipe.start, (Solve, SolveGroups)):
            found, key = self._solved, (recipe.start, dtype)
            if found is None or found[0] != key:
                found = self._solved = key, solved(recipe.start, self.source, dtype, self.seed)
            return np.asarray(found[1][rows])
        stream = Stream(self.seed, tensor.name, "start")
        return start_rows(recipe.start, rows, self.source, dtype, stream, self._measured)

    def _apply(
        self,
        tensor: TensorPlan,
        recipe: Recipe,
        maps: list[AxisMap],
        roles: Sequence[str],
        rows: np.ndarray,
        old_rows: Callable[[Ints], Float64],
        dtype: str | None,
    ) -> Float64:
        """Rows ``rows`` of the grown tensor: readers split first, then rows copied, so that copies are equal."""
        first = maps[0]
        labels, representative = first.label, first.representatives
        members = representative[labels[rows]]
        alone = np.array_equal(members, rows)  # every class but once: the rows themselves
        needed, back = (rows, None) if alone else np.unique(members, return_inverse=True)
        source = first.source[needed]
        tail = tuple(m.new for m in maps[1:])
        copies = source >= 0
        deviation = self._spread(recipe, maps, roles)

        def widened(old: Float64, numbers: Ints) -> Float64:
            return self._widened(tensor, maps, roles, old, numbers, deviation, dtype)

        def copied(positions: Ints) -> Float64:
            return widened(old_rows(first.source[positions]), _first_alike(recipe, first, positions))

        def fresh(positions: Ints) -> Float64:
            if _of_means(recipe, first, positions):
                mean = _mean(old_rows(np.arange(first.old)), dtype)
                return widened(np.repeat(mean, len(positions), axis=0), positions)
            return self._fresh_rows(tensor, recipe, first, positions, tail, roles[0], deviation, old_rows)

        if copies.all() or not copies.any():
            grown = np.ascontiguousarray((copied if copies.any() else fresh)(needed))
        else:
            grown = np.empty((len(needed), *tail))
            grown[copies] = copied(needed[copies])
            grown[span(np.flatnonzero(~copies))] = fresh(needed[~copies])
        result = grown if back is None else grown[back]
        multiply(result, recipe, first, rows, roles[0])
        self._add_noise(result, tensor, recipe, first, rows, representative, deviation)
        return result

    def _widened(
        self,
        tensor: TensorPlan,
        maps: list[AxisMap],
        roles: Sequence[str],
        values: Float64,
        numbers: Ints,
        deviation: float,
        dtype: str | None,
    ) -> Float64:
        """Old rows widened along the other axes; ``numbers`` are theirs in the grown tensor."""
        for axis in range(1, len(maps)):
            if not maps[axis].plain:
                stream = Stream(self.seed, tensor.name, "split", str(axis))
                values = along(values, axis, maps[axis], roles[axis], deviation, dtype, stream, numbers)
        return values

    def _fresh_rows(
        self,
        tensor: TensorPlan,
        recipe: Recipe,
        first: AxisMap,
        positions: np.ndarray,
        tail: tuple[int, ...],
        role: str,
        deviation: float,
        old_rows: Callable[[Ints], Float64],
    ) -> Float64:
        """Rows of new classes, by what the tensor is."""
        shape = (len(positions), *tail)
        zeroed = first.writer[positions] == ZERO
        column = (-1, *(1,) * len(tail))
        if recipe.init in ("scale", "offset scale", "mean", "variance", "slope"):
            values = np.asarray(old_rows(first.donor[positions])).reshape(shape)
            return np.where(zeroed.reshape(column), 0.0, values) if recipe.init == "mean" else values
        if recipe.init == "kernel":
            length = int(np.prod(tail, dtype=np.int64))
            values = self._drawing(tensor.name).symmetric_rows(positions, length, deviation).reshape(shape)
            scale = first.scale[positions]
            if (scale != 1.0).any():
                values *= scale.reshape(column)
            if role == "writes" and zeroed.any():
                values[zeroed] = 0.0
            return values
        return np.zeros(shape)

    def _drawing(self, name: str) -> Stream:
        """The random numbers of a tensor's fresh rows."""
        known = self._stream
        if known is None or known[0] != name:
            known = self._stream = name, Stream(self.seed, name, "fresh")
        return known[1]

    def _add_noise(
        self,
        values: Float64,
        tensor: TensorPlan,
        recipe: Recipe,
        first: AxisMap,
        rows: np.ndarray,
        representative: np.ndarray,
        deviation: float,
    ) -> None:
        """Noise on the incoming kernel of every copy but the first (W-7)."""
        if recipe.init != "kernel" or not first.noise.any():
            return
        later = (first.source[rows] >= 0) & (representative[first.label[rows]] != rows) & (first.noise[rows] > 0)
        if later.any():
            length = int(np.prod(values.shape[1:], dtype=np.int64))
            draws = Stream(self.seed, tensor.name, "noise").uniform_rows(rows[later], 2 * length)
            normal = np.sqrt(-2.0 * np.log1p(-draws[:, :length])) * np.cos(2.0 * np.pi * draws[:, length:])
            values[later] += (normal * deviation * first.noise[rows[later]][:, None]).reshape(values[later].shape)

    def _spread(self, recipe: Recipe, maps: Sequence[AxisMap], roles: Sequence[str]) -> float:
        """The deviation of what is drawn; 0 where nothing is, so that nothing has to be measured."""
        known = self._width
        if known is None or known[0] is not recipe:
            known = self._width = recipe, self._deviation(recipe) if has_random(maps, roles) else 0.0
        return known[1]

    def _deviation(self, recipe: Recipe) -> float:
        """The standard deviation of the kernel that the recipe starts from."""
        if recipe.init != "kernel":
            return 0.0
        start = recipe.start
        like = getattr(start, "name", None) or getattr(start, "like", None)
        if like is None:
            shape = getattr(start, "shape", (1,))
            return float(1.0 / np.sqrt(max(1, int(np.prod(shape[1:], dtype=np.int64)))))
        return self._measured(like)

    def _measured(self, name: str) -> float:
        """The standard deviation of an old tensor, read once."""
        if name not in self._deviations:
            self._deviations[name] = deviation(self.source, name)
        return self._deviations[name]


def _of_means(recipe: Recipe, first: AxisMap, positions: Ints) -> bool:
    """Whether new rows make the mean of what the old ones make."""
    return first.writer[positions[0]] == MEAN and not recipe.normalises and recipe.init in ("kernel", "shift")


def _mean(rows: Float64, dtype: str | None) -> Float64:
    """The mean of all rows, as one that can be stored: what is split off it adds up to it again."""
    mean = rows.mean(axis=0, keepdims=True)
    return mean if dtype is None else widen_raw(store(mean, dtype), dtype)


def _first_alike(recipe: Recipe, first: AxisMap, positions: Ints) -> Ints:
    """The positions whose random numbers those at ``positions`` get: of copies that the start has, the first one's."""
    start = recipe.start
    place = 1 if recipe.roles[0] == "reads" else 0
    if not isinstance(start, Gathered) or start.axis != place:
        return positions
    old = np.concatenate([np.arange(begin, behind) for begin, behind in start.ranges])
    _, earliest, inverse = np.unique(old, return_index=True, return_inverse=True)
    where = np.full(first.old, -1, dtype=np.int64)
    copies = np.flatnonzero(first.source >= 0)[::-1]
    where[first.source[copies]] = copies
    return np.asarray(where[earliest[inverse[first.source[positions]]]])
