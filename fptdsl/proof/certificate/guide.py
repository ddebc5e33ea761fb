"""What a plan says of the grown network: sources, classes of written units, values of what is new.

Nothing of this is believed: the walk holds the checkpoint against it, layer by layer.
"""

from __future__ import annotations

import numpy as np

from ...architecture.graph import Node
from ...growth.plan import Plan
from ...growth.recipe import (
    Axis,
    Constant,
    Cycle,
    Dirac,
    Embed,
    Extended,
    Fresh,
    Gathered,
    IdentityNorm,
    IdentityShare,
    Recipe,
    Share,
    Solve,
    SolveGroups,
    Source,
    Start,
)
from .claims import AxisClaim, gathered, plain, product
from .classes import axis_claim, spaces_of
from .kernels import inputs_first
from .reading import Floats

KNOWN = (
    Source, Constant, Cycle, Dirac, Fresh, IdentityNorm, IdentityShare, Embed, Extended, Gathered, Share, Solve,
    SolveGroups,
)  # fmt: skip
"""What a recipe may start from, for the certificate to know what it should be."""
ON_THE_GRID = ("equal", "scalar", "element")
"""Ways to share a weight whose parts add up without rounding (S-1)."""


class Guide:
    """The plan, asked tensor by tensor of the grown network."""

    def __init__(self, plan: Plan) -> None:
        self.tables = {table.space: table for table in plan.tables}
        self.tensors = {tensor.name: tensor for tensor in plan.tensors}
        self.factors = {table.space: dict(table.factors) for table in plan.tables if table.factors}
        self.exact = all(table.split in ON_THE_GRID for table in plan.tables)

    def sources(self, node: Node) -> dict[str, str | None]:
        """The old key of each tensor of a layer, by suffix."""
        return {suffix: self.tensors[tensor.name].source for suffix, tensor in node.tensors.items()}

    def start(self, name: str) -> Start | None:
        recipe = self.tensors[name].recipe
        return None if recipe is None else recipe.start

    def share_of(self, node: Node) -> str | None:
        """The old kernel of which a layer's kernel is one of several parts."""
        start = self.start(node.tensors["weight"].name) if "weight" in node.tensors else None
        return start.name if isinstance(start, Share) else None

    def share_of_identity(self, node: Node) -> bool:
        """Whether a layer's kernel is one of several parts of an identity."""
        return "weight" in node.tensors and isinstance(self.start(node.tensors["weight"].name), IdentityShare)

    def enlarged(self, node: Node) -> bool:
        """Whether a layer's kernel is an old one with zeros around it."""
        return "weight" in node.tensors and isinstance(self.start(node.tensors["weight"].name), Embed)

    def appended(self, node: Node) -> bool:
        """Whether a table has new rows behind the old ones."""
        return "weight" in node.tensors and isinstance(self.start(node.tensors["weight"].name), Extended)

    def constant(self, name: str) -> float | None:
        """The value of a new tensor that has the same everywhere."""
        start = self.start(name)
        return start.value if isinstance(start, Constant) else None

    def factor_of(self, node: Node) -> Solve | SolveGroups | None:
        """Where a layer's kernel is one of two factors of an old one: which, and of what shapes."""
        start = self.start(node.tensors["weight"].name) if "weight" in node.tensors else None
        return start if isinstance(start, (Solve, SolveGroups)) else None

    def pieces(self, node: Node) -> int:
        """How often an inserted identity has each of its rows, for the pieces of a maxout."""
        start = self.start(node.tensors["weight"].name) if "weight" in node.tensors else None
        return start.pieces if isinstance(start, Dirac) else 1

    def without_law(self) -> list[str]:
        """What the plan has of which the certificate knows no law, in words."""
        return [
            f"`{name}` starts as {type(start).__name__}: no rule"
            for name, start in ((name, self.start(name)) for name in self.tensors)
            if start is not None and not isinstance(start, KNOWN)
        ]

    def axis(self, name: str, axis: Axis) -> AxisClaim:
        """The units of one axis of a tensor that produces them; the whole tensor may be a multiple."""
        return axis_claim(axis, self.tables).times(self.factor(name, axis))

    def factor(self, name: str, axis: Axis | None = None) -> float:
        """What a tensor is multiplied by for the sake of the units of an axis (None: its first)."""
        recipe = self.tensors[name].recipe
        if recipe is None:
            return 1.0
        total = 1.0
        for space in spaces_of(axis or recipe.axes[0]):
            total *= self.factors.get(space, {}).get(name, 1.0)
        return total

    def gains(self, name: str, units: int) -> Floats:
        """What each gain of a norm is multiplied by: one factor for all, or what undoes the multiples of the units."""
        recipe = self.tensors[name].recipe
        if recipe is None:
            return np.ones(units)
        return self.axis(name, recipe.axes[0]).factors

    def written(self, node: Node, inputs: AxisClaim, old_size: int) -> AxisClaim:
        """The classes of the units that a layer with a kernel writes."""
        tensor = self.tensors[node.tensors["weight"].name]
        recipe = tensor.recipe
        if inputs_first(node):
            return self._transposed(node, recipe, inputs, old_size)
        return plain(old_size) if recipe is None else self._units(tensor.name, recipe, 0, old_size)

    def _units(self, name: str, recipe: Recipe, place: int, old_size: int) -> AxisClaim:
        """The classes of the units on an axis; where the old ones come several times, those of the old ones."""
        claim, start = self.axis(name, recipe.axes[place]), recipe.start
        again = isinstance(start, Gathered) and start.axis == place
        return gathered(claim, start.ranges, old_size) if again else claim  # type: ignore[union-attr]

    def _transposed(self, node: Node, recipe: Recipe | None, inputs: AxisClaim, old_size: int) -> AxisClaim:
        """Axis 1 of the kernel holds the units of one group."""
        if recipe is None:
            return plain(old_size)
        groups: int = getattr(node.args, "groups", 1)
        members = self._units(node.tensors["weight"].name, recipe, 1, old_size // groups)
        if groups == 1:
            return members
        return product([inputs if groups == inputs.new else plain(groups), members])
