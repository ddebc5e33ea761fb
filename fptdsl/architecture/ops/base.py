"""What an operation declares: arguments, axis terms, roles, events, shapes.

One small class per operation, registered by its name in the language.  Nothing here imports torch;
``modules/`` holds the torch side of the same names.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from ..arguments import Args
from ..graph import Init, Role, Tensor, Value
from ..terms import Term


class OpFault(Exception):
    """An operation cannot take these inputs or arguments; becomes a diagnostic at its statement."""

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


class Lowering(Protocol):
    """What an operation may do while it is lowered."""

    where: str
    """The readable place of the operation, for causes and reasons."""

    def space(self, size: int) -> Term:
        """A new Space of ``size`` units whose home is this operation."""

    def spatial(self, size: int | str) -> Term:
        """A term of a height, width or length: the unit for 1, else frozen as ``spatial``."""

    def tensor(
        self,
        suffix: str,
        axes: Sequence[Term],
        roles: Sequence[Role],
        init: Init,
        *,
        buffer: bool = False,
        optional: bool = False,
    ) -> Tensor:
        """Declare a parameter or buffer of this layer."""

    def shared(self, suffix: str) -> Tensor:
        """The tensor of the layer whose weights this operation uses; OpFault where it has none."""

    def unify(self, left: Term, right: Term) -> None:
        """Make two axes one, with this operation as the cause; OpFault when the sizes differ."""

    def freeze(self, term: Term, reason: str) -> None: ...

    def event(self, kind: str, term: Term, detail: str = "") -> None: ...

    def sets(self, argument: str, term: Term) -> None:
        """Say that ``argument`` states the size of ``term``, so that it is rewritten when that grows."""

    def work(self, macs: int) -> None:
        """Multiply-accumulates for one sample."""


class Operation(ABC):
    """Base of the declarations.

    ``inputs`` is the number of values taken (None: two or more).  The flags say what growth needs to
    know about the operation as a function:

    * ``keeps_zero``: where all operands are zero, the output is zero (a zero channel stays zero);
    * ``annihilates``: zero in one operand gives zero;
    * ``keeps_range``: each output is an input value or a mean of some, so that an interval that holds
      the inputs holds the outputs (max pooling, slicing, flatten, dropout in eval), in eval mode;
    * ``affine``: 'map' for layers with a kernel, 'norm' for batch norms: what can be the identity.

    Multiply-accumulates count kernels, the scale of a norm, means, interpolation and products of
    values; pointwise functions and what only moves values count nothing.
    """

    name: ClassVar[str]
    Args: ClassVar[type[Args]] = Args
    inputs: ClassVar[int | None] = 1
    has_parameters: ClassVar[bool] = False
    keeps_zero: ClassVar[bool] = False
    annihilates: ClassVar[bool] = False
    keeps_range: ClassVar[bool] = False
    affine: ClassVar[str | None] = None
    """'map' or 'norm'"""
    table: ClassVar[str | None] = None
    """The argument that states how many rows its weight has, which are looked up by their number."""
    activation: ClassVar[str | None] = None
    """The name in ``architecture/activations.py`` of a pointwise activation."""

    @classmethod
    @abstractmethod
    def lower(cls, at: Lowering, args: Any, inputs: Sequence[Value]) -> Value:
        """Declare tensors, unify terms, raise events; return the output value (axes, dtype).

        ``args`` is an instance of ``cls.Args``.  Raises :class:`OpFault`.
        """
