"""``fptdsl filters``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options


def filters(
    checkpoint: options.Checkpoint,
    key: Annotated[str, typer.Argument(metavar="KEY", help="A kernel of a convolution: conv1.weight.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE.png", help="The picture (.png, .svg or .pdf).")],
    old: Annotated[
        Path | None,
        typer.Option("--old", metavar="OLD", help="The checkpoint before a growth: frame what is new."),
    ] = None,
    old_key: Annotated[
        str | None, typer.Option("--old-key", metavar="KEY", help="What the kernel is called in OLD.")
    ] = None,
    force: options.Force = False,
    json: options.Json = False,
) -> int:
    """Draw the filters of a convolution (needs matplotlib)."""
    from .. import api
    from .running import run

    return run(api.filters, checkpoint, key, out=out, old=old, old_key=old_key, force=force, as_json=json)
