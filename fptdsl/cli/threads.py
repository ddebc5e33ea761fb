"""Settings of the interpreter for commands that hash files in threads beside other work."""

from __future__ import annotations

import sys

INTERVAL = 5e-4
"""Seconds that a thread waits for the interpreter's lock before it asks for it."""


def share_the_interpreter() -> None:
    """Let threads that need the interpreter's lock only now and then have it soon.

    Hashing a piece of a file takes less than 2 ms without the lock, and the lock is wanted thrice for it.  By Python's
    default of 5 ms it would all but stand still while the main thread plans.
    """
    sys.setswitchinterval(INTERVAL)
