"""``fptdsl plan``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options


def plan(
    spec: options.Spec,
    checkpoint: options.MaybeCheckpoint = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="PLAN.json", help="Save the plan for apply --plan.")
    ] = None,
    grow: options.Grow = None,
    model: options.Model = None,
    set_: options.Set = None,
    seed: options.Seed = None,
    calibrate: options.Calibrate = None,
    force: options.Force = False,
    full: options.Full = False,
    json: options.Json = False,
) -> int:
    """Show what would grow: steps, methods, ties and costs."""
    from .. import api
    from .running import run

    return run(
        api.plan, spec, checkpoint, out=out, grow=grow or (), model=model, settings=options.settings(set_), seed=seed,
        calibrate=calibrate, force=force, as_json=json, full=full,
    )  # fmt: skip
