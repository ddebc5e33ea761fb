"""``fptdsl diff``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options


def diff(
    spec: options.Spec,
    checkpoint: options.MaybeCheckpoint = None,
    new_spec: Annotated[
        str | None, typer.Argument(metavar="[NEW_SPEC", help="With NEW_CHECKPOINT: compare two checkpoints.")
    ] = None,
    new_checkpoint: Annotated[Path | None, typer.Argument(metavar="NEW_CHECKPOINT]")] = None,
    grow: options.Grow = None,
    model: options.Model = None,
    set_: options.Set = None,
    seed: options.Seed = None,
    calibrate: options.Calibrate = None,
    full: options.Full = False,
    json: options.Json = False,
) -> int:
    """Show the parameter changes, tensor by tensor: of a plan, or between two checkpoints."""
    from .. import api
    from .running import run

    if new_spec is not None and new_checkpoint is None:
        raise typer.BadParameter("give OLD_SPEC OLD_CHECKPOINT NEW_SPEC NEW_CHECKPOINT, or SPEC [CHECKPOINT]")
    if new_spec is not None and (grow or model or calibrate or seed is not None):
        raise typer.BadParameter("--grow, --model, --calibrate and --seed are for SPEC [CHECKPOINT] alone")
    return run(
        api.diff, spec, checkpoint, new_spec, new_checkpoint, grow=grow or (), model=model,
        settings=options.settings(set_), seed=seed, calibrate=calibrate, bar=True, as_json=json, full=full,
    )  # fmt: skip
