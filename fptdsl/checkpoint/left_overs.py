"""The files beside an output while it is written, and how they are settled after any interruption.

For an output ``grown.pt`` with files beside it, ``.grown.pt.lock`` is locked while a run is alive;
``.grown.pt.0.partial`` is the new checkpoint, ``.grown.pt.1.partial`` the first file beside it, and
``.grown.pt.0.old`` what ``--force`` is about to replace.  The state on disk alone tells how far a run came, so
one function, :func:`settle`, ends a good run, undoes a failed one and cleans up after a killed one.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from filecmp import cmp
from pathlib import Path

from ..diagnostics import Diagnostic, FptError


@dataclass(frozen=True)
class Staged:
    """One output and its hidden siblings."""

    final: Path
    partial: Path
    old: Path

    @property
    def copy(self) -> Path:
        """Used in place of a hard link where there are none."""
        return self.partial.with_suffix(".copy")


def staged(outputs: Sequence[Path]) -> list[Staged]:
    """The siblings of each output; they are named after the first, beside their own output."""
    main = outputs[0].name
    return [
        Staged(final, final.parent / f".{main}.{number}.partial", final.parent / f".{main}.{number}.old")
        for number, final in enumerate(outputs)
    ]


def is_published(file: Staged, main: Staged) -> bool:
    """Whether what lies at the name of an output beside ``main`` is the new file."""
    if not os.path.lexists(file.final) or not file.partial.exists():
        return False
    if os.path.samefile(file.final, file.partial):
        return True
    # Where there are no hard links, a file beside the checkpoint is published as a copy.  One that was
    # there before may have the same content: the file is ours only when that was moved aside, or when
    # there was no checkpoint that it belonged to.
    ours = os.path.lexists(file.old) or not (os.path.lexists(main.old) or os.path.lexists(main.final))
    return ours and file.final.lstat().st_nlink == 1 and cmp(file.final, file.partial, shallow=False)


def settle(files: Sequence[Staged]) -> None:
    """Bring the folder to the old state or the new one, and remove the hidden siblings.

    The new state holds once the first file (the checkpoint) is at its name: its partial is gone then, or
    is the same inode.  Otherwise the others are put back before the checkpoint is.  Killed at any point,
    it does the rest when called again.
    """
    main = files[0]
    committed = not main.partial.exists() or (main.final.exists() and os.path.samefile(main.final, main.partial))
    if not committed:
        for file in files[1:]:
            if is_published(file, main):
                file.final.unlink()
            if os.path.lexists(file.old):
                os.replace(file.old, file.final)
        if os.path.lexists(main.old) and not os.path.lexists(main.final):
            os.replace(main.old, main.final)
        sync_folders(files)
    for file in files:
        file.old.unlink(missing_ok=True)
    for file in files:
        file.copy.unlink(missing_ok=True)
        file.partial.unlink(missing_ok=True)


def sync_folders(files: Sequence[Staged]) -> None:
    """Make renames durable, and in this order."""
    for folder in {file.final.parent for file in files}:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Lock:
    """``.NAME.lock`` beside an output: held by one live run; the kernel lets go of it when that dies."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self.path = output.parent / f".{output.name}.lock"
        self.descriptor = -1

    def acquire(self) -> None:
        """Take the lock; ``FptError`` F607 when another live run has it."""
        while True:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self.descriptor = os.open(self.path, flags, 0o600)
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(self.descriptor)
                if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                    raise
                message = f"another run is writing `{self.output}`"
                hint = "wait for it, or choose another name with -o"
                raise FptError(Diagnostic("F607", message, hint=hint, path=str(self.output))) from error
            # The run before may have removed the file between opening and locking it.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(self.descriptor), os.stat(self.path)):
                    return
            os.close(self.descriptor)

    def release(self) -> None:
        """Remove the lock file, then let go of it."""
        self.path.unlink(missing_ok=True)
        os.close(self.descriptor)
