"""Standard output and standard error that nobody reads, or that cannot be written."""

from __future__ import annotations

import os
import sys

from . import status


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
