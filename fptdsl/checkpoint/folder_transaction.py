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
from types import TracebackType

from ..diagnostics import Diagnostic, FptError
from .folder_targets import check_folder
from .left_overs import Lock
from .targets import disk_fault


class FolderPublication:
    """A ``with`` statement around writing a folder; used like :class:`~.transaction.Publication`.

    ``outputs[0]`` is the folder, the others are files in it.  Write to ``partial(output)``, then call
    :meth:`commit`; leaving without it leaves everything as it was.
    """

    def __init__(self, outputs: Sequence[str | Path], *, inputs: Iterable[Path] = (), force: bool = False) -> None:
        self.outputs = [Path(os.path.abspath(output)) for output in outputs]
        self.folder = self.outputs[0]
        self.inputs = [Path(path) for path in inputs]
        self.force = force
        self.lock = Lock(self.folder)
        self.new, self.old, self.trash = (
            self.folder.with_name(f".{self.folder.name}.{end}") for end in ("partial", "old", "trash")
        )

    def partial(self, output: str | Path) -> Path:
        """The hidden place to write ``output`` to."""
        return self.new / Path(os.path.abspath(output)).relative_to(self.folder)

    def __enter__(self) -> FolderPublication:
        # Before left-overs are looked at, for an input must not be touched even then.
        check_folder(self.folder, inputs=self.inputs, force=True)
        try:
            self.lock.acquire()
        except OSError as error:
            raise disk_fault(error, self.folder) from error
        try:
            self._settle()
            check_folder(self.folder, inputs=self.inputs, force=self.force)
            self.new.mkdir()
        except BaseException as error:
            self._end(error)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        try:
            try:
                self._settle()
            finally:
                self.lock.release()
        except OSError as fault:
            raise disk_fault(fault, self.folder) from fault
        if isinstance(error, OSError) and self._concerns(error):
            raise disk_fault(error, self.folder) from error

    def _concerns(self, error: OSError) -> bool:
        """Whether an error is about the output: it names a place in it, or no file at all (a write that failed)."""
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
            _sync(self.folder.parent)
        os.rename(self.new, self.folder)
        _sync(self.folder.parent)

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
            _sync(self.folder.parent)
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
            _sync(Path(place, name))
        _sync(Path(place))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
