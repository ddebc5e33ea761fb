"""Exit statuses of the command line (``docs/language.md``)."""

from __future__ import annotations

FINE = 0
FAULT = 1
"""The spec, the directives, the checkpoint, the plan or a path is at fault."""
STALE = 4
"""The saved plan no longer fits."""
DIFFERENT = 5
"""Verification failed, nothing published; or ``verify`` found a difference."""
USAGE = 64
"""Wrong command line (``EX_USAGE``)."""
INTERNAL = 70
"""A fault of fptdsl itself (``EX_SOFTWARE``)."""
INTERRUPTED = 130
BROKEN_PIPE = 141
"""Nobody reads the output any more (128 + SIGPIPE)."""
