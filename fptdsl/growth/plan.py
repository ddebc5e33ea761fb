"""The plan: ordered steps, one recipe per tensor of the grown checkpoint, and its JSON form.

A plan is data.  ``to_json`` is what ``plan --json``, ``plan --out`` and the views use; nothing else
describes a plan.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ..architecture.graph import Graph
from ..architecture.tree import Network
from .recipe import Recipe, Table

SCHEMA = 1

Exactness = Literal["bitwise", "exact", "eval-only", "approximate", "baseline"]
ORDER: tuple[Exactness, ...] = ("bitwise", "exact", "eval-only", "approximate", "baseline")
Action = Literal["keep", "grow", "add", "rename"]


@dataclass(frozen=True)
class Tie:
    """A consequence of a widening: another group of units grows with it.

    ``path`` names the group by its first layer, ``cause`` the operation that ties it, in words.
    """

    path: str
    old: int
    new: int
    cause: str


@dataclass(frozen=True)
class Step:
    """One transform of the plan.

    ``directive`` is the user's text; ``target`` the place in the network; ``summary`` one line of what is
    done (``32 -> 64 units``); ``why`` the reason for the choice of method.
    """

    kind: Literal["widen", "deepen", "enlarge", "branch"]
    directive: str
    target: str
    summary: str
    method: str
    exactness: Exactness
    why: str
    ties: tuple[Tie, ...] = ()
    parameters: int = 0
    """Parameters that the step adds."""
    advice: tuple[str, ...] = ()
    """Warnings and training advice of the papers."""


@dataclass(frozen=True)
class Part:
    """Where a range of a tensor's axis comes from: ``how`` is ``old``, ``copy``, ``fresh``, ``zero`` ..."""

    axis: int
    start: int
    stop: int
    how: str


@dataclass(frozen=True)
class TensorPlan:
    """One tensor of the grown checkpoint (by the spec's key).

    ``source`` is its old key (None for ``add``); ``recipe`` is None when the values do not change.
    """

    name: str
    action: Action
    source: str | None
    old_shape: tuple[int, ...] | None
    new_shape: tuple[int, ...]
    buffer: bool
    recipe: Recipe | None = None
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Skipped:
    """A group that a directive passed over, with the reason (``widen *``: the model's output)."""

    directive: str
    path: str
    reason: str


@dataclass(frozen=True, eq=False)
class Plan:
    """All that growing needs besides the checkpoint's values."""

    spec: str
    """Digest of the elaborated spec and its directives."""
    seed: int
    steps: tuple[Step, ...]
    tables: tuple[Table, ...]
    tensors: tuple[TensorPlan, ...]
    """In the order of the grown ``state_dict``."""
    skipped: tuple[Skipped, ...]
    exactness: Exactness
    warnings: tuple[str, ...]
    old: Graph = field(repr=False)
    new: Graph = field(repr=False)
    network: Network = field(repr=False)
    """The grown elaborated network."""

    def to_json(self) -> dict[str, Any]:
        """The document of ``plan --json`` (``schema`` 1)."""
        from .document import document

        return document(self)
