"""``fptdsl show``"""

from __future__ import annotations

from . import options


def show(
    spec: options.Spec,
    checkpoint: options.MaybeCheckpoint = None,
    model: options.Model = None,
    set_: options.Set = None,
    full: options.Full = False,
    json: options.Json = False,
) -> int:
    """Show the architecture, and the groups of units that widen together (a folder gives the sizes)."""
    from .. import api
    from .running import run

    return run(api.show, spec, checkpoint, model=model, settings=options.settings(set_), as_json=json, full=full)
