"""A program with typer and rich and seven commands that do nothing: what ``--help`` costs at least."""

from __future__ import annotations

import typer
from rich.console import Console

app = typer.Typer(help="Seven commands.", no_args_is_help=True)
console = Console()


def _add(name: str) -> None:
    @app.command(name, help=f"The command {name}.")
    def command(
        spec: str,
        checkpoint: str = typer.Argument(None, help="A file."),
        grow: list[str] = typer.Option([], help="Directives."),
        seed: int = typer.Option(0, help="A seed."),
        as_json: bool = typer.Option(False, "--json", help="Print JSON."),
    ) -> None:
        console.print(spec, checkpoint, grow, seed, as_json)


for word in ("validate", "show", "plan", "apply", "diff", "verify", "version"):
    _add(word)

if __name__ == "__main__":
    app()
