"""``fptdsl verify``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options


def verify(
    old_spec: Annotated[str, typer.Argument(metavar="OLD_SPEC")],
    old_checkpoint: Annotated[Path, typer.Argument(metavar="OLD_CHECKPOINT")],
    new_spec: Annotated[str, typer.Argument(metavar="NEW_SPEC")],
    new_checkpoint: Annotated[Path, typer.Argument(metavar="NEW_CHECKPOINT")],
    set_: options.Set = None,
    probe: options.Probe = None,
    certificate: Annotated[
        bool, typer.Option("--certificate", help="Check the law of growth on the two files as well.")
    ] = False,
    gradients: Annotated[
        bool, typer.Option("--gradients", help="Look for parameters of the new network that do not learn.")
    ] = False,
    full: options.Full = False,
    json: options.Json = False,
) -> int:
    """Compare the functions of two checkpoints, layer by layer in float64.

    --set gives parameters of OLD_SPEC.
    """
    from .. import api
    from .memory import keep_freed_memory
    from .running import run
    from .threads import share_the_interpreter

    keep_freed_memory()
    share_the_interpreter()
    return run(
        api.verify, old_spec, old_checkpoint, new_spec, new_checkpoint, settings=options.settings(set_),
        probe=probe, certificate=certificate, gradients=gradients, bar=True, as_json=json, full=full,
    )  # fmt: skip
