"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

Spec = Annotated[str, typer.Argument(metavar="SPEC", help="A .fpt file, or the name of a spec that ships with fptdsl.")]
CHECKPOINT = ".pt, .pth, .th, .bin, .safetensors, or a folder with config.json."

Checkpoint = Annotated[Path, typer.Argument(metavar="CHECKPOINT", help=CHECKPOINT)]
MaybeCheckpoint = Annotated[Path | None, typer.Argument(metavar="[CHECKPOINT]", help=CHECKPOINT)]

Grow = Annotated[
    list[str] | None,
    typer.Option("--grow", metavar="DIRECTIVES", help='More directives: "widen layer2 to 64; deepen layer3 by 2".'),
]
Model = Annotated[
    Path | None, typer.Option("--model", metavar="FILE.fpt", help="The model, for a SPEC that holds only growth.")
]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the model (repeatable).")
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", min=0, max=2**63 - 1, metavar="N", help="Seed of random choices (default 0)."),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite an existing output (never a spec or the input).")]
Full = Annotated[bool, typer.Option("--full", help="Summarise nothing.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Probe = Annotated[
    Path | None,
    typer.Option("--probe", metavar="FILE.npz", help="Verify on these inputs too; may hold the expected outputs."),
]
Verify = Annotated[
    Literal["auto", "full", "certificate"],
    typer.Option("--verify", help="What is evaluated of a certified growth: auto takes blocks of a large network."),
]
Calibrate = Annotated[
    Path | None,
    typer.Option("--calibrate", metavar="DATA.npz", help="Data for the statistics of inserted batch norms."),
]
SavedPlan = Annotated[Path | None, typer.Option("--plan", metavar="PLAN.json", help="A plan made by plan --out.")]


def settings(given: list[str] | None) -> dict[str, Any]:
    """``--set`` options as values: numbers, ``true``, ``false``, ``none``, lists, else text."""
    found: dict[str, Any] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals or not name.strip().isidentifier():
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--set")
        if name.strip() in found:
            raise typer.BadParameter(f"{name.strip()!r} is set twice", param_hint="--set")
        found[name.strip()] = _value(value.strip())
    return found


def _value(text: str) -> Any:
    import json

    word = text.lower()
    if word in ("true", "false", "none"):
        return {"true": True, "false": False, "none": None}[word]
    try:
        value = json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text
    return text if value is None or isinstance(value, dict) else value
