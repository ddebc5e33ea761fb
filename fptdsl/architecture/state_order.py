"""The order of ``nn.Module.state_dict``: a module's parameters, its buffers, then its children.

Children come in the order in which they are first defined, which in a spec is the order of the text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .graph import Node, Tensor


@dataclass
class _Module:
    parameters: list[Tensor] = field(default_factory=list)
    buffers: list[Tensor] = field(default_factory=list)
    children: dict[str, _Module] = field(default_factory=dict)


def state_order(nodes: Iterable[Node]) -> dict[str, Tensor]:
    """All tensors by key, in ``state_dict`` order; shared ones stand where they are first used."""
    root = _Module()
    for node in nodes:
        if node.reused is None:
            for tensor in node.tensors.values():
                _place(root, tensor)
    ordered: dict[str, Tensor] = {}
    waiting = [root]
    while waiting:
        module = waiting.pop()
        for tensor in (*module.parameters, *module.buffers):
            ordered[tensor.name] = tensor
        waiting.extend(reversed(module.children.values()))
    return ordered


def _place(root: _Module, tensor: Tensor) -> None:
    module = root
    *path, _ = tensor.name.split(".")
    for name in path:
        module = module.children.setdefault(name, _Module())
    (module.buffers if tensor.buffer else module.parameters).append(tensor)
