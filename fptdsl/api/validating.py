"""``validate``: everything that can be said about a spec without writing anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .calibrating import measured
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
    calibrate: str | Path | None = None,
    plan: str | Path | None = None,
) -> ValidateResult:
    """Check a spec and that its growth can be planned.

    With a checkpoint its tensors are held against the spec; with a saved plan, whether it still fits.

    Raises:
        FptError: with every fault found.
        StalePlan: the plan no longer fits.
    """
    saved = None
    if plan is not None:
        from .saved import read_plan

        saved = read_plan(plan)
        model, grow, settings, seed = saved.given(model=model, grow=texts(grow), settings=settings, seed=seed)
        calibrate = saved.data(calibrate)
    read = read_spec(spec, model=model, grow=grow, settings=settings, checkpoint=checkpoint)
    if saved is not None:
        saved.check_spec(read)
    with ExitStack() as stack:
        source = None
        if checkpoint is not None:
            from .opening import open_fitting

            source = stack.enter_context(open_fitting(checkpoint, read, saved))
        data = given(spec, model, grow, settings, calibrate)
        result = planned(read, source, seed=seed, given=data, statistics=measured(read, source, calibrate))
    if saved is not None:
        saved.check_plan(result.document)
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
