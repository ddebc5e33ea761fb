"""Free memory filled with page cache, as on a machine that has been in use for a while.

A virtual machine's host takes back memory that is free, and the first touch afterwards costs ten times what copying
costs.  Which program of a benchmark pays for that would depend on the seconds since the last one ended.
"""

from __future__ import annotations

import re
from pathlib import Path

PIECE = 1 << 20
STEP = 512
"""Pieces that are read between two looks at what is free."""


class Filler:
    """A sparse file, of which new pages are read as long as there is free memory; only on Linux."""

    def __init__(self, path: Path) -> None:
        self.path, self.at = path, 0
        with open(path, "wb") as file:
            file.truncate(1 << 42)

    def fill(self) -> None:
        """Read until that takes no free memory any more: then the system takes other pages of the cache for it."""
        memory, before = bytearray(PIECE), free()
        with open(self.path, "rb", buffering=0) as file:
            file.seek(self.at)
            while True:
                for _ in range(STEP):
                    self.at += file.readinto(memory) or 0
                after = free()
                if before - after < STEP / 4:
                    return
                before = after


def free() -> float:
    """MiB of free memory, 0 where the system does not tell."""
    try:
        found = re.search(r"MemFree:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0
