"""Where an output folder may go: never over or around an input, never over a folder of another kind."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..diagnostics import Diagnostic, Diagnostics, FptError, did_you_mean
from .shard_index import LAYOUTS
from .targets import same_file

RECEIPT = "growth.receipt.json"


def check_folder(output: Path, *, inputs: Iterable[Path] = (), force: bool = False) -> None:
    """Raise ``FptError`` where the folder ``output`` must not be written.

    F600 exists (unless ``force``), F601 is, holds or lies in an input, F602 exists and is not a model's folder
    (even with ``force``), F603 its parent does not exist.
    """
    found = Diagnostics()
    name = str(output)
    other = "choose another name with -o; inputs are never overwritten, not even with --force"
    for path in inputs:
        place = path.resolve()
        if same_file(output, path):
            found.add("F601", f"the output `{name}` would overwrite the input `{path}`", hint=other, path=name)
        elif place.is_relative_to(output.resolve()):
            found.add("F601", f"the output `{name}` holds the input `{path}`", hint=other, path=name)
        elif place.is_dir() and output.resolve().is_relative_to(place):
            found.add("F601", f"the output `{name}` lies in the input `{path}`", hint=other, path=name)
    found.check()
    if not output.parent.is_dir():
        above = output.parent.parent
        hint = did_you_mean(output.parent.name, [p.name for p in above.iterdir()]) if above.is_dir() else None
        _fail("F603", output, f"there is no folder `{output.parent}` for the output `{output.name}`",
              hint or f"make it first: mkdir -p {output.parent}")  # fmt: skip
    if not os.path.lexists(output):
        return
    if output.is_symlink() or not output.is_dir():
        message = f"the output is a folder as the input is, and `{name}` is a file"
        _fail("F602", output, message, "choose another name with -o")
    if not _is_model(output):
        message = f"`{name}` is a folder that holds no model, so it is not replaced"
        _fail("F602", output, message, "choose another name with -o, or remove it yourself")
    if not force:
        hint = "choose another name with -o, or replace it with --force"
        _fail("F600", output, f"the output `{name}` exists already", hint)


def _is_model(folder: Path) -> bool:
    """Whether a folder is one that ``--force`` may replace: empty, or with weights or a receipt in it."""
    names = {entry.name for entry in folder.iterdir()}
    known = {RECEIPT, *LAYOUTS, *(f"{single}.index.json" for single in LAYOUTS)}
    return not names or bool(names & known)


def _fail(code: str, output: Path, message: str, hint: str) -> None:
    raise FptError(Diagnostic(code, message, hint=hint, path=str(output)))
