"""Publishing several files as one: a checkpoint, and its spec and receipt beside it.

What holds at any moment, a kill or a power cut included: at the checkpoint's name there is nothing, or a
complete checkpoint that has its own spec and receipt beside it.  Three names cannot change in one step, so a
replaced checkpoint is moved aside first and the new one is renamed into place last; the next run to the same
name puts back what a killed one had moved aside.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..diagnostics import Diagnostic, FptError
from .left_overs import Staged, settle, staged, sync_folders
from .publishing import Publishing, sync
from .targets import check_outputs


class Publication(Publishing):
    """Publishing files beside each other; ``outputs[0]`` is the one that appears last (the checkpoint)."""

    def __init__(self, outputs: Sequence[str | Path], *, inputs: Iterable[Path] = (), force: bool = False) -> None:
        super().__init__(outputs, inputs=inputs, force=force)
        self.files = staged(self.outputs)

    def partial(self, output: str | Path) -> Path:
        """The hidden file to write ``output`` to."""
        wanted = Path(os.path.abspath(output))
        return next(file.partial for file in self.files if file.final == wanted)

    def _check(self, *, force: bool) -> None:
        check_outputs(self.outputs, inputs=self.inputs, force=force)

    def _prepare(self) -> None:
        # The checkpoint's partial last: while it is missing, nothing has been moved aside.
        for file in reversed(self.files):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            os.close(os.open(file.partial, flags, 0o666))

    def _settle(self) -> None:
        settle(self.files)

    def _concerns(self, error: OSError) -> bool:
        mine = {str(path) for file in self.files for path in (file.final, file.partial, file.old)}
        return error.filename is None or str(error.filename) in mine

    def commit(self) -> None:
        """Sync the partial files and put them at their names, the checkpoint last."""
        for file in self.files:
            sync(file.partial)
        sync_folders(self.files)
        main, *beside = self.files
        if self.force:
            _move_aside(main)
            sync_folders([main])
            for file in beside:
                _move_aside(file)
        for file in beside:
            _publish(file, keep=True)
        sync_folders(self.files)
        _publish(main, keep=False)
        sync_folders([main])


def write_text(output: str | Path, text: str, *, inputs: Iterable[Path] = (), force: bool = False) -> None:
    """Write a text file that is there complete or not at all; faults as for :class:`Publication`."""
    with Publication([output], inputs=inputs, force=force) as publication:
        publication.partial(output).write_text(text, encoding="utf-8", newline="\n")
        publication.commit()


def _move_aside(file: Staged) -> None:
    if os.path.lexists(file.final):
        os.replace(file.final, file.old)


def _publish(file: Staged, *, keep: bool) -> None:
    """Give the partial file its name, which must be free.

    With ``keep`` the partial stays as a second link, by which ``settle`` knows what to take back.
    """
    try:
        os.link(file.partial, file.final, follow_symlinks=False)
        if not keep:
            file.partial.unlink()
        return
    except FileExistsError as error:
        message = f"`{file.final}` appeared while it was being made"
        hint = "choose another name with -o, or replace it with --force"
        raise FptError(Diagnostic("F600", message, hint=hint, path=str(file.final))) from error
    except OSError:
        if not os.path.lexists(file.partial):
            raise
    # A file system without hard links.
    if keep:
        shutil.copyfile(file.partial, file.copy)
        sync(file.copy)
        os.replace(file.copy, file.final)
    else:
        os.replace(file.partial, file.final)
