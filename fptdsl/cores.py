"""How many processors there are to share the work among."""

from __future__ import annotations

import os


def cores() -> int:
    """Those that this process may use, which a batch system may have cut down."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
