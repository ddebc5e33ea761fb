"""The bridge from a plan to a verification: its recipes in float64, on the checkpoint or on other weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ..growth.evaluate import Evaluator
from ..growth.plan import Plan
from ..growth.source import Weights as RecipeWeights
from .network import Progress
from .probe import Probe
from .shaken import ShakenWeights
from .variants import Piece, Unrounded
from .verdict import Verdict
from .verify import verify
from .weights import Weights


def unrounded(plan: Plan, source: RecipeWeights) -> Unrounded:
    """The recipe of each grown tensor in float64; None for one whose values are the old file's."""
    evaluate = every_tensor(plan, source)
    unchanged = {tensor.name for tensor in plan.tensors if tensor.recipe is None}
    return lambda name: None if name in unchanged else evaluate(name)


def every_tensor(plan: Plan, source: RecipeWeights) -> Callable[[str], Iterator[Piece]]:
    """The values of each grown tensor in float64, those of unchanged tensors too."""
    evaluator = Evaluator(plan, source)
    tensors = {tensor.name: tensor for tensor in plan.tensors}
    return lambda name: evaluator.unrounded_chunks(tensors[name])


def verify_plan(
    plan: Plan,
    old: Weights,
    source: RecipeWeights,
    new: Weights,
    *,
    file_dtype: str,
    probe: Probe | str | Path | None = None,
    brief: bool = False,
    progress: Progress | None = None,
) -> Verdict:
    """Verify what a plan made: ``old`` and ``new`` as written, ``source`` what recipes read (the old file).

    Raises:
        FptError: the probe does not fit the model (F510 to F517).
    """

    def regrow(shaken: ShakenWeights) -> Unrounded:
        return every_tensor(plan, shaken)

    return verify(
        plan.old,
        old,
        plan.new,
        new,
        file_dtype=file_dtype,
        unrounded=unrounded(plan, source),
        regrow=regrow,
        probe=probe,
        exactness=plan.exactness,
        brief=brief,
        progress=progress,
    )
