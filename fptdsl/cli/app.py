"""The application: its commands, in the order of the help."""

from __future__ import annotations

from typing import Annotated

import typer

from .apply import apply
from .diff import diff
from .filters import filters
from .plan import plan
from .show import show
from .validate import validate
from .verify import verify

app = typer.Typer(
    name="fptdsl",
    help="Grow a trained PyTorch network from a short spec: the same function, more capacity, with proof.",
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        typer.echo(f"fptdsl {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """The options that stand before a command."""


for command in (validate, show, plan, apply, diff, verify, filters):
    app.command()(command)
