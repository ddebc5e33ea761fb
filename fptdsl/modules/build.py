"""A graph as a ``torch.fx.GraphModule``: layers under the spec's names, and generated Python that is readable.

The module is ordinary: it trains, and works with ``copy.deepcopy``, pickling and ``torch.export``.  Nothing of this
package is used when it runs or is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from ..architecture.graph import Graph, Node, Value
from .factories import MODULES, becomes_module
from .functions import FUNCTIONS
from .names import check_names, variable


def build(graph: Graph, *, device: str | torch.device = "cpu", dtype: torch.dtype | None = None) -> fx.GraphModule:
    """The network of a graph with fresh weights (torch's own initialisation), in train mode.

    Parameters and buffers have the keys of ``graph.tensors``, in that order; ``dtype`` None is torch's default.
    ``forward`` takes the inputs by name, in the order of the spec, with a batch axis, and returns one tensor, or
    a dictionary for several outputs.  Raises :class:`FptError` where a name of the spec cannot be a module's.
    """
    check_names(graph)
    root = nn.Module()
    with torch.device(device):
        code = _Code(graph, root).write()
    name = variable(graph.network.name)
    module = fx.GraphModule(root, code, class_name=name)
    # torch gives an unpickled module this class name, but does not put it into the pickle by itself.
    vars(module)["_graphmodule_cls_name"] = name
    return module if dtype is None else module.to(dtype)


class _Code:
    """Writes the ``torch.fx`` graph of one network, and its layers into ``root``."""

    def __init__(self, graph: Graph, root: nn.Module) -> None:
        self.graph = graph
        self.root = root
        self.code = fx.Graph()
        self.values: dict[Value, fx.Node] = {}
        self.layers: set[str] = set()

    def write(self) -> fx.Graph:
        for name, value in self.graph.inputs.items():
            self.values[value] = self.code.placeholder(name)
        for node in self.graph.nodes:
            inputs = [self.values[value] for value in node.inputs]
            self.values[node.output] = self.operation(node, inputs)
        outputs = {name: self.values[value] for name, value in self.graph.outputs.items()}
        self.code.output(outputs if len(outputs) > 1 else next(iter(outputs.values())))
        return self.code

    def operation(self, node: Node, inputs: list[fx.Node]) -> fx.Node:
        target = node.reused or node.name
        if node.reused is None and becomes_module(node):
            _register(self.root, node.name, MODULES[node.op](node))
            self.layers.add(node.name)
        if target in self.layers:
            return self.code.create_node("call_module", target, tuple(inputs), name=variable(node.name))

        def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> fx.Node:
            return self.code.create_node("call_function", function, args, kwargs, variable(node.name))

        return FUNCTIONS[node.op](call, node, inputs)


def _register(root: nn.Module, name: str, layer: nn.Module) -> None:
    """Put a layer at its dotted name; composites are plain containers."""
    *path, last = name.split(".")
    for key in path:
        if key not in root._modules:
            root.add_module(key, nn.Module())
        root = root.get_submodule(key)
    root.add_module(last, layer)
