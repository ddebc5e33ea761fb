"""Running programs and saying what they took: wall time, user CPU, peak memory.

The peak memory of a child counts what its parent held when it was forked, so nothing large is imported here.  The
package is compiled first, as ``pip`` compiles what it installs: a start-up does not compile sources.
"""

from __future__ import annotations

import compileall
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from threading import Event, Thread

compileall.compile_dir(Path(__file__).parents[1] / "fptdsl", quiet=2)

INTERVAL = 0.005
"""Seconds between two looks at a process's memory."""


@dataclass(frozen=True)
class Usage:
    """Of one finished process: seconds on the wall, seconds of user CPU, peak resident memory in MiB.

    ``private``: the peak of what no file backs (``RssAnon``, sampled), in MiB; 0 where the system does not tell.
    """

    wall: float
    user: float
    peak: float
    private: float = 0.0


class Watch(Thread):
    """Samples the private memory of a process until it ends."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self.path, self.peak, self.over = Path(f"/proc/{process}/status"), 0, Event()

    def run(self) -> None:
        while not self.over.wait(INTERVAL):
            try:
                found = re.search(r"RssAnon:\s+(\d+)", self.path.read_text())
            except OSError:  # it has ended, or the system has no such file
                return
            self.peak = max(self.peak, int(found[1]) if found else 0)


def run(command: Sequence[str | Path], *, log: Path | None = None) -> Usage:
    """Run a program to its end; RuntimeError with what it said when it fails."""
    words = [str(word) for word in command]
    start = time.perf_counter()
    with open(log or os.devnull, "wb") as out:
        child = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT)
        watch = Watch(child.pid)
        watch.start()
        _, status, usage = os.wait4(child.pid, 0)
        watch.over.set()
        child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if child.returncode != 0:
        said = log.read_text(errors="replace")[-2000:] if log else ""
        raise RuntimeError(f"{' '.join(words)}: status {child.returncode}\n{said}")
    kib = usage.ru_maxrss / 1024 if sys.platform == "darwin" else usage.ru_maxrss
    return Usage(wall, usage.ru_utime, kib / 1024, watch.peak / 1024)


def alternate(commands: dict[str, Sequence[str | Path]], rounds: int, **options: Path) -> dict[str, list[Usage]]:
    """Run every command once in each round, so that slow moments of the machine hit all alike."""
    usages: dict[str, list[Usage]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            usages[name].append(run(command, **options))
    return usages


def paired_ratio(over: list[Usage], under: list[Usage], field: str = "wall") -> float:
    """The median, over the rounds, of one program's figure divided by the other's in the same round."""
    return median(getattr(a, field) / getattr(b, field) for a, b in zip(over, under, strict=True))


def middle(usages: list[Usage], field: str) -> float:
    return median(getattr(usage, field) for usage in usages)


def machine() -> str:
    """What the figures were measured on, in one line."""
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"torch {version('torch')}"
    )


def write_page(out: Path | None, text: str) -> None:
    print(text)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text + "\n", encoding="utf-8")
