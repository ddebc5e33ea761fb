"""Standard output and standard error that nobody reads, or that cannot be written."""

from __future__ import annotations

import errno
import os
import sys

from . import status

NO_SPACE = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


def have_streams() -> bool:
    """Whether there is a standard output; without a standard error, messages go nowhere.

    A closed standard output is refused before any work: a checkpoint would get its descriptor.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        print("fptdsl: cannot write to standard output: it is closed", file=sys.stderr)
        return False
    return True


def is_of_stream(error: OSError) -> bool:
    """Whether an error comes from a standard stream: it names no file, and those of outputs are told apart before."""
    return error.filename is None and error.errno in (*NO_SPACE, errno.EIO, errno.EBADF)


def quiet() -> int:
    """The reader of a pipe had enough: write nothing more, not even at exit; returns the exit status."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            os.dup2(null, stream.fileno())
        except (OSError, ValueError):  # a stream without a file, as in a notebook
            continue
    return status.BROKEN_PIPE


def cannot_write(error: OSError) -> int:
    """Standard output is a full disk, say; returns the exit status."""
    print(f"fptdsl: cannot write to standard output: {error.strerror}", file=sys.stderr)
    quiet()
    return status.FAULT
