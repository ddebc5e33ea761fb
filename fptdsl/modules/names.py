"""Names in generated code: readable ones for values, and those that no module or argument can have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from keyword import iskeyword

from torch import fx, nn

from ..architecture.graph import Graph
from ..diagnostics import Diagnostic, FptError, Span
from .factories import becomes_module
from .parameters import held

_INNER = frozenset(dir(nn.Module())) | {"forward"}
_ROOT = _INNER | frozenset(dir(fx.GraphModule))


def variable(name: str) -> str:
    """A dotted name or place as the name of a variable: ``layer1.0.conv1`` is ``layer1_0_conv1``."""
    return re.sub(r"\W+", "_", name).strip("_") or "value"


def check_names(graph: Graph) -> None:
    """Raise where a name of the spec cannot be one of a Python module or argument (F257)."""
    faults = {
        name: Diagnostic("F257", f"`{name}` cannot be {what}: {why}", span, hint="choose another name")
        for name, what, why, span in _clashes(graph)
    }
    if faults:
        raise FptError(*faults.values())


def _clashes(graph: Graph) -> Iterator[tuple[str, str, str, Span | None]]:
    for name in graph.inputs:
        if iskeyword(name) or name == "self":
            yield name, "the name of an input of a module", "it is a word of Python", None
    for node in graph.nodes:
        if node.reused is not None or not (becomes_module(node) or held(node)):
            continue
        for depth, key in enumerate(node.name.split(".")):
            span = node.tree.origin.span if node.tree and node.tree.origin else None
            if iskeyword(key):
                yield key, "the name of a module", "it is a word of Python", span
            elif key in (_INNER if depth else _ROOT):
                yield key, "the name of a module", "PyTorch's modules have an attribute of that name", span
