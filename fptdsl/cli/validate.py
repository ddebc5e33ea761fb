"""``fptdsl validate``"""

from __future__ import annotations

from . import options


def validate(
    spec: options.Spec,
    checkpoint: options.MaybeCheckpoint = None,
    plan: options.SavedPlan = None,
    grow: options.Grow = None,
    model: options.Model = None,
    set_: options.Set = None,
    seed: options.Seed = None,
    calibrate: options.Calibrate = None,
    full: options.Full = False,
    json: options.Json = False,
) -> int:
    """Check a spec, its growth, and a checkpoint or a saved plan against it."""
    from .. import api
    from .running import run

    return run(
        api.validate, spec, checkpoint, plan=plan, grow=grow or (), model=model, settings=options.settings(set_),
        seed=seed, calibrate=calibrate, as_json=json, full=full,
    )  # fmt: skip
