"""An inserted part as a method of deepening sees it: its nodes in the graph, and the network around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..architecture.graph import Graph, Node, Tensor, Value, key_of
from ..architecture.terms import Space
from .facts import Facts
from .identity import Identity, NoIdentity, Solver, Surroundings
from .recipe import Constant, Fresh, Gathered, Source, Start
from .vanish import PairSolver

DEFAULTS = {"scale": 1.0, "variance": 1.0, "slope": 0.25}
"""What torch gives new tensors that are not kernels, where it is not zero."""


@dataclass(frozen=True, eq=False)
class Part:
    """``source`` comes in, ``output`` leaves; ``bn`` is where statistics of norms come from (D-4)."""

    graph: Graph
    nodes: list[Node]
    source: Value
    output: Value
    around: Surroundings
    facts: Mapping[Space, Facts]
    bn: str = "auto"
    noise: float = 0.0
    """On inserted kernels, where it is asked for (W-7)."""

    def solve(self, *, mirrored: bool = False, noise: float = 0.0) -> Identity:
        """The identity by kernels of ones and zeros, and branches of zeros."""
        solver = Solver(self.source, self.nodes, self.around, bn=self.bn, mirrored=mirrored, noise=noise)
        solver.equal(self.output)
        return solver.found

    def solve_by_pairs(self) -> Identity:
        """The identity with branches that cancel (D-8)."""
        solver = PairSolver(self.source, self.nodes, self.around, bn=self.bn)
        solver.facts = self.facts
        solver.equal(self.output)
        return solver.found

    def free(self, node: Node, suffix: str, *, standard: bool = False) -> Start:
        """What the law leaves free: kernels like those of the template, the rest as torch makes it.

        ``standard``: kernels as torch makes them too.
        """
        like = key_of(node.tree.like, suffix) if node.tree is not None and node.tree.like else None
        return free_start(node.tensors[suffix], like if like in self.around.known and not standard else None)

    def copy(self, node: Node, suffix: str) -> Start:
        """What the law leaves free, as it is in the template; a counter starts anew, as its file may lack it.

        Raises NoIdentity where the template has no such tensor.
        """
        tensor = node.tensors[suffix]
        if tensor.init == "count":
            return free_start(tensor)
        like = key_of(node.tree.like, suffix) if node.tree is not None and node.tree.like else None
        rewritten = self.around.rewritten.get(like or "")
        if isinstance(rewritten, Gathered) and rewritten.shape == tensor.shape:
            return rewritten
        if like is None or self.around.known.get(like) != tensor.shape:
            raise NoIdentity(
                f"`{tensor.name}` has no counterpart of its shape that it could be a copy of", "leave `copies=true` out"
            )
        return Source(like)


def free_start(tensor: Tensor, like: str | None = None) -> Start:
    """A fresh kernel in the size of an old one, or of its fan-in; the rest as torch makes it."""
    if tensor.init == "kernel":
        return Fresh(tensor.shape, like)
    return Constant(DEFAULTS.get(tensor.init, 0.0), tensor.shape)
