"""Settings of the C library's allocator for commands that stream large tensors through short-lived arrays.

By default glibc hands large arrays back to the system one by one, and gives every thread an arena of its own
that fragments.  For arrays of a few megabytes, made and dropped thousands of times, that costs about half of all
the system time (every page is faulted in again) and more than a hundred megabytes of peak memory.
"""

from __future__ import annotations

import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""Names and numbers of ``malloc.h``."""
LARGE = 32 << 20
"""Arrays from this many bytes on go back to the system at once (glibc's own upper bound)."""


def keep_freed_memory() -> None:
    """Use freed memory again within this process; does nothing where the C library is not glibc."""
    if sys.platform != "linux":
        return
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, LARGE)
        mallopt(M_TRIM_THRESHOLD, 2 * LARGE)
