"""Running out of open files: the shards of the old checkpoint and of the new one are open at once."""

from __future__ import annotations

import errno
import os
import resource

AMPLE = 4096
"""Open files that are enough for the folders that are published."""


def raise_limit(error: BaseException) -> str | None:
    """The way out where an error says that no more files may be open; None for any other."""
    told = os.strerror(errno.EMFILE)
    if getattr(error, "errno", None) != errno.EMFILE and told not in str(error):  # torch gives a text only
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(AMPLE, 4 * soft)
    reason = f"at most {soft} files may be open at once, and old and new shards are"
    if soft == hard:
        return f"{reason}: have the limit raised (`ulimit -Hn` shows it), or save the model in fewer shards"
    number = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    return f"{reason}: raise the limit with `ulimit -n {number}` and start again, or save the model in fewer shards"
