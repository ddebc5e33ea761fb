"""A graph as a ``torch.fx.GraphModule``: layers under the spec's names, and generated Python that is readable.

The module is ordinary: it trains, and works with ``copy.deepcopy``, pickling and ``torch.export``.  Nothing of this
package is used when it runs or is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import fx, nn
from torch.overrides import TorchFunctionMode

from ..architecture.graph import Graph, Node, Value, key_of
from .factories import MODULES, becomes_module
from .functions import FUNCTIONS
from .names import check_names, variable
from .parameters import held
from .surroundings import AROUND


def build(graph: Graph, *, device: str | torch.device = "cpu", dtype: torch.dtype | None = None) -> fx.GraphModule:
    """The network of a graph with fresh weights (torch's own initialisation), in train mode.

    Parameters and buffers have the keys of ``graph.tensors``, in that order; ``dtype`` None is torch's default.
    ``forward`` takes the inputs by name, in the order of the spec, with a batch axis, and returns one tensor, or
    a dictionary for several outputs.  Raises :class:`FptError` where a name of the spec cannot be a module's.
    """
    check_names(graph)
    root = nn.Module()
    place = torch.device(device)
    with _NoValues() if place.type == "meta" else nullcontext(), place:
        code = _Code(graph, root).write()
    name = variable(graph.network.name)
    module = fx.GraphModule(root, code, class_name=name)
    # torch gives an unpickled module this class name, but does not put it into the pickle by itself.
    vars(module)["_graphmodule_cls_name"] = name
    return module if dtype is None else module.to(dtype)


class _NoValues(TorchFunctionMode):
    """Leaves out the initialisation of tensors on the ``meta`` device, which have no values.

    There torch draws them by way of its compiler, whose import alone takes more than a second.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if getattr(func, "__name__", "").endswith(("normal_", "uniform_")):
            return args[0] if args else given["tensor"]
        return func(*args, **given)


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
        name = variable(node.name)
        if node.reused is None:
            self._add_layer(node)

        def call(function: Callable[..., Any] | str, *args: Any, **kwargs: Any) -> fx.Node:
            kind = "call_method" if isinstance(function, str) else "call_function"
            return self.code.create_node(kind, function, args, kwargs, name)

        def apply(*values: fx.Node) -> fx.Node:
            return self.code.create_node("call_module", target, values, name=name)

        def get(suffix: str) -> fx.Node:
            return self.code.create_node("get_attr", key_of(target, suffix), name=name)

        parameters = held(node)
        if parameters is not None:
            return parameters[1](call, node, inputs, get)
        if target not in self.layers:
            return FUNCTIONS[node.op](call, node, inputs)
        return AROUND[node.op](call, node, inputs, apply) if node.op in AROUND else apply(*inputs)

    def _add_layer(self, node: Node) -> None:
        """Put the layer or parameter of a node, where it has one, at its dotted name."""
        *path, last = node.name.split(".")
        parameters = held(node)
        if parameters is not None:
            for suffix, parameter in parameters[0](node).items():
                *inside, key = key_of(node.name, suffix).split(".")
                _container(self.root, inside).register_parameter(key, parameter)
        elif becomes_module(node):
            _container(self.root, path).add_module(last, MODULES[node.op](node))
            self.layers.add(node.name)


def _container(root: nn.Module, path: list[str]) -> nn.Module:
    """The module at a path; composites are plain containers, made when their first layer is."""
    for key in path:
        if key not in root._modules:
            root.add_module(key, nn.Module())
        root = root.get_submodule(key)
    return root
