"""``fptdsl apply``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options


def apply(
    spec: options.Spec,
    checkpoint: options.Checkpoint,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="OUT", help="The grown checkpoint or folder (default: NAME.grown.EXT)."),
    ] = None,
    plan: options.SavedPlan = None,
    grow: options.Grow = None,
    model: options.Model = None,
    set_: options.Set = None,
    seed: options.Seed = None,
    calibrate: options.Calibrate = None,
    probe: options.Probe = None,
    verify: options.Verify = "auto",
    force: options.Force = False,
    full: options.Full = False,
    json: options.Json = False,
) -> int:
    """Grow a checkpoint, verify it, and publish it with its spec and receipt."""
    from .. import api
    from .memory import keep_freed_memory
    from .running import run
    from .threads import share_the_interpreter

    keep_freed_memory()
    share_the_interpreter()
    return run(
        api.apply, spec, checkpoint, out=out, plan=plan, grow=grow or (), model=model,
        settings=options.settings(set_), seed=seed, calibrate=calibrate, probe=probe,
        verify=verify, force=force, bar=True, as_json=json, full=full,
    )  # fmt: skip
