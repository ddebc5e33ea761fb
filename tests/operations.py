"""One operation on its own: lowered by its declaration, without a spec around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fptdsl.architecture.arguments import Args
from fptdsl.architecture.free import FreeSizes
from fptdsl.architecture.graph import Event, Node, Value
from fptdsl.architecture.ops import OPERATIONS
from fptdsl.architecture.site import Site
from fptdsl.architecture.terms import UNIT, Space, Term


@dataclass
class Lowered:
    node: Node
    events: list[Event]

    @property
    def output(self) -> Value:
        return self.node.output

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every tensor by its suffix."""
        return {suffix: tensor.shape for suffix, tensor in self.node.tensors.items()}

    def roles(self, suffix: str) -> tuple[str, ...]:
        return self.node.tensors[suffix].roles

    def axes(self, suffix: str) -> tuple[Term, ...]:
        return self.node.tensors[suffix].axes


def arguments(op: str, **given: Any) -> Args:
    return OPERATIONS[op].Args.model_validate(given)


def value(*shape: int, dtype: str = "float", frozen: bool = False) -> Value:
    """A value with units that can grow on its first axis, and positions after it."""
    axes: list[Term] = [Space(shape[0], "producer", 0, "frozen in this test" if frozen else None)]
    axes += [UNIT if n == 1 else Space(n, "producer", 0, "spatial") for n in shape[1:]]
    return Value(tuple(axes), dtype)


def lower(op: str, *inputs: Value, **given: Any) -> Lowered:
    """Lower one operation; raises ``pydantic.ValidationError`` or ``OpFault`` as elaboration would meet them."""
    args = arguments(op, **given)
    node = Node("layer", op, args, inputs, Value(()), None, order=1)
    events: list[Event] = []
    node.output = OPERATIONS[op].lower(Site(node, events, FreeSizes()), args, inputs)
    return Lowered(node, events)
