"""``validate``: everything that can be said about a spec without writing anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .planning import given, planned
from .reading import read_spec, texts
from .results import ValidateResult


def validate(
    spec: str | Path,
    checkpoint: str | Path | None = None,
    *,
    model: str | Path | None = None,
    grow: str | Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
    plan: str | Path | None = None,
) -> ValidateResult:
    """Check a spec and that its growth can be planned.

    With a checkpoint its tensors are held against the spec; with a saved plan, whether it still fits.

    Raises:
        FptError: with every fault found.
        StalePlan: the plan no longer fits.
    """
    from .opening import open_fitting
    from .saved import check_fits, read_plan, settle

    saved = None if plan is None else read_plan(plan)
    if saved is not None and plan is not None:
        model, grow, settings, seed = settle(saved, plan, model=model, grow=texts(grow), settings=settings, seed=seed)
    read = read_spec(spec, model=model, grow=grow, settings=settings)
    with ExitStack() as stack:
        source = stack.enter_context(open_fitting(checkpoint, read)) if checkpoint is not None else None
        result = planned(read, source, seed=seed, given=given(spec, model, grow, settings))
    if saved is not None and plan is not None:
        check_fits(saved, result.document, plan)
    return ValidateResult(_document(result.document, read.graph.parameters(), fits=saved is not None or None))


def _document(plan: Mapping[str, Any], params: int, fits: bool | None) -> dict[str, Any]:
    return {
        "schema": plan["schema"],
        "kind": "validate",
        "model": plan["model"],
        "params": params,
        "spec": plan["spec"],
        "steps": len(plan["steps"]),
        "exactness": plan["exactness"],
        "checkpoint": plan["checkpoint"],
        "plan_fits": fits,
        "skipped": plan["skipped"],
        "warnings": plan["warnings"],
    }
