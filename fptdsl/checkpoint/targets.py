"""Where outputs may go: never over an input, never over what exists unless that is asked for."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..diagnostics import Diagnostic, Diagnostics, FptError, did_you_mean
from .open_files import raise_limit

NO_SPACE = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})


def check_outputs(outputs: Sequence[Path], *, inputs: Iterable[Path] = (), force: bool = False) -> None:
    """Raise ``FptError`` with everything that speaks against writing ``outputs``.

    F600 exists (unless ``force``), F601 is an input (even with ``force``: by path, link or inode), F602 is a
    folder or another thing that is not a file, F603 its folder does not exist, F606 two are the same.
    """
    found = Diagnostics()
    inputs = list(inputs)
    seen: dict[str, Path] = {}
    for output in outputs:
        name = str(output)
        same = next((path for path in inputs if same_file(output, path)), None)
        twin = seen.setdefault(_folded(output), output)
        if same is not None:
            hint = "choose another name with -o; inputs are never overwritten, not even with --force"
            found.add("F601", f"the output `{name}` would overwrite the input `{same}`", hint=hint, path=name)
        elif twin is not output:
            hint = "choose a name for the checkpoint that does not end like the files beside it"
            found.add("F606", f"two outputs would be `{name}`", hint=hint, path=name)
        else:
            _check_place(found, output, force)
    found.items[:] = _once_a_folder(found.items)
    found.check()


def _once_a_folder(items: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The faults, a missing folder (F603) told for the first output in it only."""
    told: set[Path] = set()
    kept = []
    for item in items:
        folder = Path(item.path or "").parent
        if item.code != "F603" or folder not in told:
            kept.append(item)
        if item.code == "F603":
            told.add(folder)
    return kept


def _check_place(found: Diagnostics, output: Path, force: bool) -> None:
    name, parent = str(output), output.parent
    if not parent.is_dir():
        beside = [p.name for p in parent.parent.iterdir()] if parent.parent.is_dir() else []
        hint = did_you_mean(parent.name, beside) or f"make it first: mkdir -p {parent}"
        found.add("F603", f"there is no folder `{parent}` for the output `{output.name}`", hint=hint, path=name)
    elif os.path.lexists(output):
        mode = output.lstat().st_mode
        if output.is_dir() or not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            what = "a folder" if output.is_dir() else "not a regular file"
            found.add("F602", f"the output `{name}` is {what}", hint="give the name of a file", path=name)
        elif not force:
            hint = "choose another name with -o, or replace it with --force"
            found.add("F600", f"the output `{name}` exists already", hint=hint, path=name)


def same_file(output: Path, other: Path) -> bool:
    """Whether two paths are one file: by inode, by resolved path, or but for upper and lower case."""
    if _folded(output) == _folded(other):
        return True
    try:
        return os.path.samefile(output, other)
    except (OSError, ValueError):
        return False  # one of them does not exist yet, so they are not one file


def _folded(path: Path) -> str:
    return os.path.realpath(path).casefold()


def disk_fault(error: OSError, output: Path) -> FptError:
    """The diagnostic for an ``OSError`` met while writing ``output``: F605 no space, else F604."""
    name = str(output)
    reason = error.strerror or str(error)
    if error.errno in NO_SPACE:
        message = f"there is no room for `{name}`: {reason}"
        return FptError(Diagnostic("F605", message, hint="free some space, or choose another disk with -o", path=name))
    message = f"`{name}` cannot be written: {reason}"
    hint = raise_limit(error) or "check the permissions of its folder"
    return FptError(Diagnostic("F604", message, hint=hint, path=name))
