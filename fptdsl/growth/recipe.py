"""Recipes: how each tensor of a grown checkpoint comes from the old one, as data.

A :class:`Table` says what the new units of one Space are (``docs/maths.md`` section 2: the class map
``g``, and what readers and writers of new classes get).  A :class:`Recipe` names what a tensor starts
from and, for each axis, the term and the role; ``growth/evaluate.py`` carries it out with the tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Union

import numpy as np
from numpy.typing import NDArray

from ..architecture.graph import Init, Role

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Table:
    """The map of one widened Space.

    ``classes[j]`` is the class of new unit ``j``: below ``old`` a copy of that old unit, from ``old`` on
    a new class.  ``donors[c - old]`` is the old unit whose norm statistics and slopes the new class
    ``c`` takes.  ``writer`` is what new classes get in kernels that produce the Space, ``reader`` in
    kernels that consume it ("pair": values that sum to zero within the class, W-3; "mean": the mean over
    all old units, N-6).
    """

    space: str
    old: int
    new: int
    classes: Ints
    donors: Ints
    method: str
    writer: Literal["fresh", "zero", "mean"] = "fresh"
    reader: Literal["zero", "fresh", "pair"] = "zero"
    split: Literal["equal", "scalar", "element"] = "equal"
    noise: float = 0.0
    scale: float = 1.0
    signs: Floats | None = None
    """Factors of new units, where they are multiples of the old ones (scaled law): what their writers and
    shifts are multiplied by.  None: all 1."""
    multiplied: tuple[tuple[str, int], ...] = ()
    """The parts that hold these multiples: a tensor by name, and where in its axis of units the part begins.  All
    others hold the units themselves.  Empty: every part holds multiples."""
    undoing: tuple[str, ...] = ()
    """Gains that are divided by the multiples, so that the units themselves come out of their norms (N-5)."""
    coefficients: Floats | None = None
    """What readers of each new unit multiply the old weight by, in place of a share.  None: shares, each divided by
    the multiple that its unit is."""
    factors: tuple[tuple[str, float], ...] = ()
    """Whole tensors that are multiplied, by name (rescaled streams, T-7)."""
    norms: tuple[str, ...] = ()
    """Tensors of norms over the units: their shifts are 0 on new units that are means."""
    keys: Table | None = None
    """Where queries and keys meet over the Space (T-6): the table of the keys; this one is that of the queries."""
    key_places: tuple[tuple[str, int], ...] = ()
    """The parts that take ``keys``: a tensor by name, and where in its axis of units the part begins."""

    def __post_init__(self) -> None:
        for values in (self.classes, self.donors, self.signs, self.coefficients):
            if values is not None:
                values.setflags(write=False)  # what is made of a table may share its memory


NONE: Ints = np.empty(0, dtype=np.int64)
"""The donors of a table without new classes."""


@dataclass(frozen=True)
class Leaf:
    """A Space of an axis by the name of its table; a Space that does not grow has no table."""

    space: str | None
    size: int
    """Units before growth."""
    power: int = 1
    """Of the table's multiples: 1 where the units are these, 0 where they are the units themselves, -1 for what
    turns the ones into the others."""


@dataclass(frozen=True)
class Product:
    factors: tuple[Axis, ...]


@dataclass(frozen=True)
class Concat:
    parts: tuple[Axis, ...]


Axis = Union[Leaf, Product, Concat]


@dataclass(frozen=True)
class Source:
    """The old tensor of that key."""

    name: str


@dataclass(frozen=True)
class Constant:
    value: float
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Dirac:
    """The identity of a convolution or linear layer: 1 at the centre of ``[c, c mod per_group]`` (D-1, D-2).

    ``pieces``: each row so many times, for the pieces of a maxout (D-5).  ``noise``: its standard deviation, in
    units of that of a fresh kernel.
    """

    shape: tuple[int, ...]
    groups: int = 1
    pieces: int = 1
    noise: float = 0.0


@dataclass(frozen=True)
class Cycle:
    """The same few values again and again."""

    values: tuple[float, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Fresh:
    """Random values with the standard deviation of an old tensor (``like``), or ``1/sqrt(fan_in)``."""

    shape: tuple[int, ...]
    like: str | None = None


@dataclass(frozen=True)
class IdentityNorm:
    """One of the four tensors of a batch norm that is the identity in eval (D-4, S-3).

    ``part`` is ``weight``, ``bias``, ``running_mean`` or ``running_var``.  ``statistics``: ``unit`` (mean 0,
    variance 1), ``gauss`` (closed form behind the batch norm whose ``weight`` and ``bias`` are named,
    followed by ReLU; ``shift`` and ``scale`` are their keys) or ``data`` (``mean`` and ``variance`` as measured).
    """

    part: Literal["weight", "bias", "running_mean", "running_var"]
    shape: tuple[int, ...]
    eps: float
    statistics: Literal["unit", "gauss", "data"] = "unit"
    scale: str | None = None
    shift: str | None = None
    affine: bool = True
    mean: tuple[float, ...] = ()
    variance: tuple[float, ...] = ()


@dataclass(frozen=True)
class Embed:
    """The old kernel in the middle of a larger one, zeros around it (K-1)."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Extended:
    """The old rows, and behind them fresh ones that nothing looked up before (T-13)."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Gathered:
    """Ranges of an axis of the old tensor, one after the other; those of copies come again (T-4)."""

    name: str
    shape: tuple[int, ...]
    axis: int
    ranges: tuple[tuple[int, int], ...]
    """Each with the position behind its last."""


@dataclass(frozen=True)
class Share:
    """One of ``count`` equal shares of an old tensor, which add up to it on the file's grid (D-12, S-1)."""

    name: str
    index: int
    count: int


@dataclass(frozen=True)
class IdentityShare:
    """One of ``count`` equal shares of the identity of a layer, which add up to it on the file's grid (D-12, S-1)."""

    shape: tuple[int, ...]
    index: int
    count: int


@dataclass(frozen=True)
class Solve:
    """One of two factors of an old kernel: ``drawn`` is random, the other is solved for (D-10).

    ``first`` and ``second`` are their shapes, in the order of the layers.  ``rank``: neither can be any; they
    are as many units apart as the kernel has rank, or more.
    """

    name: str
    part: Literal["first", "second"]
    first: tuple[int, ...]
    second: tuple[int, ...]
    drawn: Literal["first", "second", "rank"]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.first if self.part == "first" else self.second


@dataclass(frozen=True)
class SolveGroups:
    """The factors of each group of a kernel, one after the other along axis 0; ``one`` is the first group's.

    ``turned``: the kernel has its inputs on axis 0 (a transposed convolution), and so have its factors; the shapes
    of ``one`` are ``[out, in, *kernel]`` all the same.
    """

    one: Solve
    groups: int
    turned: bool

    @property
    def name(self) -> str:
        return self.one.name

    @property
    def part(self) -> str:
        return self.one.part

    @property
    def drawn(self) -> str:
        return self.one.drawn

    @property
    def shape(self) -> tuple[int, ...]:
        out, inputs, *kernel = self.one.shape
        rows, columns = (inputs, out) if self.turned else (out, inputs)
        return (self.groups * rows, columns, *kernel)


Start = Union[
    Source,
    Constant,
    Cycle,
    Dirac,
    Fresh,
    IdentityNorm,
    IdentityShare,
    Embed,
    Extended,
    Gathered,
    Share,
    Solve,
    SolveGroups,
]


@dataclass(frozen=True)
class Recipe:
    """``start`` widened along every axis whose term holds a Space with a table."""

    start: Start
    axes: tuple[Axis, ...] = ()
    roles: tuple[Role, ...] = ()
    init: Init = "kernel"
    factor: float = 1.0
    """What everything is multiplied by in the end; of an offset scale, one plus it."""
    normalises: bool = False
    """It belongs to a norm over units that are rescaled."""
