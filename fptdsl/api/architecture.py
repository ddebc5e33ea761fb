"""An architecture as a JSON document: what ``fptdsl show`` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..architecture.graph import Graph, Node
from ..architecture.terms import Space, spaces
from ..architecture.tree import Input, Layer, Output, Reuse, Scope, Tree, segments
from ..growth.document import ITEM_BYTES
from ..growth.plan import SCHEMA


def architecture(graph: Graph) -> dict[str, Any]:
    """Tree, groups of units and totals of a network."""
    network = graph.network
    parameters = graph.parameters()
    return {
        "schema": SCHEMA,
        "kind": "show",
        "model": network.name,
        "parameters": dict(network.parameters),
        "inputs": list(_inputs(network.body)),
        "outputs": [{"name": name, "shape": list(value.shape)} for name, value in graph.outputs.items()],
        "tree": _Tree(graph).children("", False, network.body),
        "groups": _groups(graph),
        "totals": {
            "params": parameters,
            "bytes": parameters * ITEM_BYTES["float32"],
            "macs": sum(node.macs for node in graph.nodes),
            "tensors": len(graph.tensors),
        },
    }


def _inputs(body: Sequence[Tree]) -> Iterator[dict[str, Any]]:
    for child in body:
        if isinstance(child, Input):
            yield {"name": child.name, "dtype": child.dtype, "shape": list(child.dims)}


class _Tree:
    """Makes the nested nodes: ``key``, ``name``, ``what``, ``output``, ``params``, ``children``."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: dict[int, Node] = {id(node.tree): node for node in graph.nodes if node.tree is not None}

    def children(self, prefix: str, numbered: bool, body: Sequence[Tree]) -> list[dict[str, Any]]:
        found = []
        for segment, child in segments(numbered, tuple(body)):
            if not isinstance(child, Input):
                name = prefix if segment is None else f"{prefix}.{segment}" if prefix else segment
                found.append(self.node(segment, name, child))
        return found

    def node(self, segment: str | None, name: str, tree: Tree) -> dict[str, Any]:
        if isinstance(tree, Scope):
            return self.scope(segment, name, tree)
        at = self.nodes.get(id(tree))
        return {
            "key": segment,
            "name": name if segment is not None else None,
            "what": _what(tree),
            "output": None if at is None or isinstance(tree, Output) else list(at.output.shape),
            "params": 0 if at is None or at.reused else sum(_count(t.shape) for t in _parameters(at)),
            "macs": 0 if at is None else at.macs,
            "children": [],
        }

    def scope(self, segment: str | None, name: str, scope: Scope) -> dict[str, Any]:
        children = self.children(name, scope.numbered, scope.children)
        if scope.kind == "residual":
            shortcut = self.children(name, False, scope.shortcut)
            if shortcut:
                children.append(_group("shortcut", shortcut))
        region = self.graph.regions.get(name) if segment is not None else None
        output = None if region is None or region.output is None else list(region.output.shape)
        last = next((child["output"] for child in reversed(children) if child["output"] is not None), None)
        what = {
            "block": scope.block_name or "block",
            "parallel": f"parallel({scope.mode})",
            "repeat": f"repeat {len(children)}",
            "group": "",
        }.get(scope.kind, scope.kind)
        if scope.kind == "group" and len(children) == 1 and children[0]["key"] is None and children[0]["children"]:
            what, children = children[0]["what"], children[0]["children"]  # an element of a repeat is its block
        return {
            **_group(what, children),
            "key": segment,
            "name": name if segment is not None else None,
            "output": output or last,
        }


def _group(what: str, children: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "key": None,
        "name": None,
        "what": what,
        "output": None,
        "params": sum(child["params"] for child in children),
        "macs": sum(child["macs"] for child in children),
        "children": children,
    }


def _what(tree: Tree) -> str:
    """``conv2d(16, 3, padding=1)``: the statement with its numbers, defaults left out."""
    if isinstance(tree, Layer):
        given = tree.args.model_dump(exclude_defaults=True)
        required = [name for name, field in type(tree.args).model_fields.items() if field.is_required()]
        shown = [_spell(given[name]) for name in required]
        shown += [f"{name}={_spell(value)}" for name, value in given.items() if name not in required]
        text = f"{tree.op}({', '.join(shown)})" if shown else tree.op
        return f"{text} from {', '.join(tree.sources)}" if tree.sources else text
    if isinstance(tree, Reuse):
        return f"reuse {tree.target}"
    if isinstance(tree, Output):
        return f"output {tree.name}: {tree.value}" if tree.name else f"output {tree.value}"
    return ""


def _spell(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_spell, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _parameters(node: Node) -> Iterator[Any]:
    return (tensor for tensor in node.tensors.values() if not tensor.buffer)


def _count(shape: Sequence[int]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def _groups(graph: Graph) -> list[dict[str, Any]]:
    """The Spaces that parameters write, in the order of the text, with the layers that write them."""
    found: dict[Space, list[str]] = {}
    for tensor in graph.tensors.values():
        for axis, role in zip(tensor.axes, tensor.roles):
            for space in spaces(axis):
                writers = found.setdefault(space, [])
                layer = tensor.name.rpartition(".")[0]
                if role == "writes" and layer not in writers:
                    writers.append(layer)
    ordered = sorted(found, key=lambda space: (space.order, space.number))
    return [
        {"name": s.home, "size": s.size, "frozen": s.frozen, "writers": found[s], "causes": list(s.causes)}
        for s in ordered
        if found[s] or s.frozen is None
    ]
