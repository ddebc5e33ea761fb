"""Copying bytes unchanged, inside the kernel where it can."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import BinaryIO

from ..diagnostics import Diagnostic, FptError
from .open_files import raise_limit
from .storage import CHUNK, FileStorage, Storage

AT_ONCE = 1 << 26
"""Bytes that the kernel is asked to copy in one call, between which an interruption is seen."""


def copy_storage(file: BinaryIO, storage: Storage, stop: Event | None = None) -> None:
    """Append the bytes of a storage to an open file; ends early, with what is there, soon after ``stop`` is set."""
    done = _copied_by_kernel(file, storage, stop) if isinstance(storage, FileStorage) else 0
    while done < storage.nbytes and not (stop is not None and stop.is_set()):
        end = min(done + CHUNK, storage.nbytes)
        file.write(storage.read(done, end).data)
        done = end


def copy_open(descriptor: int, path: str, target: Path, stop: Event | None = None) -> None:
    """Write a file with the content of an open one; ``path`` is its name in messages, ``stop`` ends it early."""
    with open(target, "wb") as file:
        copy_storage(file, FileStorage(descriptor, path, 0, os.fstat(descriptor).st_size), stop)


def not_copied(path: str | Path, error: OSError) -> FptError:
    """The fault of an entry of a folder that cannot be read (F435)."""
    message = f"`{path}` cannot be copied: {error.strerror}"
    return FptError(Diagnostic("F435", message, hint=raise_limit(error) or "check its permissions", path=str(path)))


def copy_file(source: Path, target: Path) -> None:
    """Write a file with the content of another (of the file that a link leads to).

    Raises ``FptError`` F435 where the other cannot be read.
    """
    try:
        descriptor = os.open(source, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise not_copied(source, error) from error
    try:
        copy_open(descriptor, str(source), target)
    finally:
        os.close(descriptor)


def _copied_by_kernel(file: BinaryIO, storage: FileStorage, stop: Event | None) -> int:
    """How many of the first bytes the kernel copied; 0 for small ones and where it cannot."""
    done = 0
    if storage.nbytes < CHUNK or not hasattr(os, "copy_file_range"):
        return done
    file.flush()
    # Refused between file systems and by some; the caller copies the rest, or meets the same full disk.
    with suppress(OSError):
        while done < storage.nbytes and not (stop is not None and stop.is_set()):
            left = min(storage.nbytes - done, AT_ONCE)
            got = os.copy_file_range(storage.descriptor, file.fileno(), left, storage.offset + done)
            if got == 0:
                break
            done += got
    file.seek(0, os.SEEK_END)
    return done
