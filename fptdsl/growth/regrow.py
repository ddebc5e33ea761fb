"""The grown network: the arguments of every layer that state the size of a Space that grew."""

from __future__ import annotations

from typing import Any

from ..architecture.graph import Graph
from ..architecture.terms import size
from ..architecture.tree import Layer, Network
from .distribute import Sizes
from .edit_tree import set_arguments


def grown_network(network: Network, graph: Graph, sizes: Sizes) -> Network:
    """``network`` with new sizes; ``graph`` is its graph before widening."""
    changes: dict[int, dict[str, Any]] = {}
    for node in graph.nodes:
        if not isinstance(node.tree, Layer):
            continue
        for argument, term in node.sizes.items():
            new = sizes.size(term)
            if new != size(term):
                changes.setdefault(id(node.tree), {})[argument] = new
    return set_arguments(network, changes) if changes else network
