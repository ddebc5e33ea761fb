"""Publishing a folder as one: it appears at its name complete, or not at all.

For an output ``grown`` the hidden siblings are ``.grown.lock`` (locked while a run is alive), ``.grown.partial`` (the
new folder), ``.grown.old`` (what ``--force`` replaces, whole) and ``.grown.trash`` (the same, on its way out).  A
rename puts the new folder at its name; what is on the disk tells how far a killed run came.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..diagnostics import Diagnostic, FptError
from .folder_targets import check_folder
from .publishing import Publishing, sync


class FolderPublication(Publishing):
    """Publishing a folder; ``outputs[0]`` is the folder, the others are files in it."""

    def __init__(self, outputs: Sequence[str | Path], *, inputs: Iterable[Path] = (), force: bool = False) -> None:
        super().__init__(outputs, inputs=inputs, force=force)
        self.folder = self.outputs[0]
        self.new, self.old, self.trash = (
            self.folder.with_name(f".{self.folder.name}.{end}") for end in ("partial", "old", "trash")
        )

    def partial(self, output: str | Path) -> Path:
        """The hidden place to write ``output`` to."""
        return self.new / Path(os.path.abspath(output)).relative_to(self.folder)

    def _check(self, *, force: bool) -> None:
        check_folder(self.folder, inputs=self.inputs, force=force)

    def _prepare(self) -> None:
        self.new.mkdir()

    def _concerns(self, error: OSError) -> bool:
        if error.filename is None:
            return True
        name = os.path.abspath(os.fsdecode(error.filename))
        mine = (self.folder, self.new, self.old, self.trash)
        return any(name == str(place) or name.startswith(f"{place}{os.sep}") for place in mine)

    def commit(self) -> None:
        """Sync the new folder with all that is in it, and put it at its name."""
        sync_tree(self.new)
        if os.path.lexists(self.folder):
            if not self.force:
                raise FptError(
                    Diagnostic(
                        "F600",
                        f"`{self.folder}` appeared while it was being made",
                        hint="choose another name with -o, or replace it with --force",
                        path=str(self.folder),
                    )
                )
            os.rename(self.folder, self.old)
            sync(self.folder.parent)
        os.rename(self.new, self.folder)
        sync(self.folder.parent)

    def _settle(self) -> None:
        """Bring the disk to the old state or the new one, and remove the hidden siblings.

        Killed at any point, it does the rest when called again: what is moved aside is renamed before it is
        removed, so that a folder called ``.old`` is always whole.
        """
        if os.path.lexists(self.old):
            if os.path.lexists(self.folder):
                _remove(self.trash)
                os.rename(self.old, self.trash)
            else:
                os.rename(self.old, self.folder)
            sync(self.folder.parent)
        _remove(self.trash)
        _remove(self.new)


def _remove(path: Path) -> None:
    """Remove a hidden sibling with all that is in it; a link is removed, never followed."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def sync_tree(folder: Path) -> None:
    """Wait until all files and folders inside are on the disk, the innermost first."""
    for place, _, files in os.walk(folder, topdown=False):
        for name in files:
            sync(Path(place, name))
        sync(Path(place))
