"""Recipes: how each tensor of a grown checkpoint comes from the old one, as data.

A :class:`Table` says what the new units of one Space are (``docs/maths.md`` section 2: the class map
``g``, and what readers and writers of new classes get).  A :class:`Recipe` names what a tensor starts
from and, for each axis, the term and the role; ``growth/evaluate.py`` carries it out with the tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Union

from ..architecture.graph import Init, Role


@dataclass(frozen=True)
class Table:
    """The map of one widened Space.

    ``classes[j]`` is the class of new unit ``j``: below ``old`` a copy of that old unit, from ``old`` on
    a new class.  ``donors[c - old]`` is the old unit whose norm statistics and slopes the new class
    ``c`` takes.  ``writer`` is what new classes get in kernels that produce the Space, ``reader`` in
    kernels that consume it ("pair": values that sum to zero within the class, W-3).
    """

    space: str
    old: int
    new: int
    classes: tuple[int, ...]
    donors: tuple[int, ...]
    method: str
    writer: Literal["fresh", "zero"] = "fresh"
    reader: Literal["zero", "fresh", "pair"] = "zero"
    split: Literal["equal", "scalar", "element"] = "equal"
    noise: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True)
class Leaf:
    """A Space of an axis by the name of its table; a Space that does not grow has no table."""

    space: str | None
    size: int
    """Units before growth."""


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
    """The identity of a convolution or linear layer: 1 at the centre of ``[c, c mod per_group]`` (D-1, D-2)."""

    shape: tuple[int, ...]
    groups: int = 1


@dataclass(frozen=True)
class Fresh:
    """Random values with the standard deviation of an old tensor (``like``), or ``1/sqrt(fan_in)``."""

    shape: tuple[int, ...]
    like: str | None = None


@dataclass(frozen=True)
class IdentityNorm:
    """One of the four tensors of a batch norm that is the identity in eval (D-4, S-3).

    ``part`` is ``weight``, ``bias``, ``running_mean`` or ``running_var``.  ``statistics``: ``unit`` (mean 0,
    variance 1) or ``gauss`` (closed form behind the batch norm whose ``weight`` and ``bias`` are named,
    followed by ReLU; ``shift`` and ``scale`` are their keys).
    """

    part: Literal["weight", "bias", "running_mean", "running_var"]
    shape: tuple[int, ...]
    eps: float
    statistics: Literal["unit", "gauss"] = "unit"
    scale: str | None = None
    shift: str | None = None
    affine: bool = True


@dataclass(frozen=True)
class Embed:
    """The old kernel in the middle of a larger one, zeros around it (K-1)."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Share:
    """One of ``count`` equal shares of an old tensor, which add up to it on the file's grid (D-12, S-1)."""

    name: str
    index: int
    count: int


Start = Union[Source, Constant, Dirac, Fresh, IdentityNorm, Embed, Share]


@dataclass(frozen=True)
class Recipe:
    """``start`` widened along every axis whose term holds a Space with a table."""

    start: Start
    axes: tuple[Axis, ...] = ()
    roles: tuple[Role, ...] = ()
    init: Init = "kernel"
