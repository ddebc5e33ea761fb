"""What an operation's declaration works with while it is lowered (:class:`ops.base.Lowering`)."""

from __future__ import annotations

from collections.abc import Sequence

from . import terms
from .free import FreeSize, FreeSizes
from .graph import Event, Init, Node, Role, Tensor, key_of
from .ops.base import OpFault
from .terms import UNIT, Mismatch, Space, Term


class Site:
    """Lowering of one node; what is declared goes into the node and the list of events."""

    def __init__(self, node: Node, events: list[Event], free: FreeSizes) -> None:
        self.node = node
        self.where = node.name
        self._events = events
        self._free = free

    def space(self, size: int) -> Term:
        return Space(size, self.node.name, self.node.order)

    def spatial(self, size: int | str) -> Term:
        size = self._free[size] if isinstance(size, str) else size
        if size == 1:
            return UNIT
        return Space(size, self.node.name, self.node.order, "spatial")

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
        for axis in axes:
            size = terms.size(axis)
            if isinstance(size, FreeSize):
                message = f"`{suffix or self.where}` of `{self.where}` would have the free size {size}"
                raise OpFault("F242", message, "state this size in the `input`, or pool it away first")
        tensor = Tensor(key_of(self.where, suffix), tuple(axes), tuple(roles), init, buffer, optional)
        self.node.tensors[suffix] = tensor
        return tensor

    def shared(self, suffix: str) -> Tensor:
        raise OpFault("F224", f"`{self.where}` has no layer whose `{suffix}` it could use")

    def unify(self, left: Term, right: Term) -> None:
        try:
            terms.unify(left, right, self.where)
        except Mismatch as clash:
            message = f"`{self.where}` joins an axis of {clash.left} with one of {clash.right}"
            raise OpFault("F241", message, "they must be equal") from None

    def freeze(self, term: Term, reason: str) -> None:
        terms.freeze(term, reason)

    def event(self, kind: str, term: Term, detail: str = "") -> None:
        self._events.append(Event(kind, term, self.where, detail))

    def sets(self, argument: str, term: Term) -> None:
        self.node.sizes[argument] = term

    def work(self, macs: int) -> None:
        self.node.macs += macs


class SharedSite(Site):
    """Lowering of a ``reuse``: the tensors are those of the first use, and their axes are tied to it."""

    def __init__(self, node: Node, first: Node, events: list[Event], free: FreeSizes) -> None:
        super().__init__(node, events, free)
        self._first = first

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
        shared = self._first.tensors[suffix]
        for old, new in zip(shared.axes, axes, strict=True):
            if terms.size(old) != terms.size(new):
                shapes = f"{_shape(shared.axes)} and would be {_shape(axes)} here"
                message = f"`{suffix}` of the shared layer `{self._first.name}` is {shapes}"
                raise OpFault("F241", message, "a shared layer takes values of one size; write a layer of its own")
            self.unify(old, new)
        self.node.tensors[suffix] = shared
        return shared

    def shared(self, suffix: str) -> Tensor:
        tensor = self._first.tensors.get(suffix)
        if tensor is None or len(tensor.axes) != 2:
            message = f"`{self._first.name}` ({self._first.op}) has no {suffix} of two axes to share"
            raise OpFault("F224", message, "name an embedding or a linear layer")
        self.node.tensors[suffix] = tensor
        return tensor


def _shape(axes: Sequence[Term]) -> str:
    return "x".join(str(terms.size(axis)) for axis in axes)
