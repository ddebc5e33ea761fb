"""A progress bar on standard error, for work that takes longer than a second."""

from __future__ import annotations

import sys
from threading import Lock, Timer
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PATIENCE = 1.0
"""Seconds before the bar appears."""
WORKING = "working"
"""What stands there while no phase has told its total."""


class Bar:
    """Called with a phase's name, the work done and its total.  Silent unless on a terminal."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.progress: Progress | None = None
        self.tasks: dict[str, TaskID] = {}
        self.timer = Timer(PATIENCE, self._appear) if sys.stderr.isatty() else None

    def __enter__(self) -> Bar:
        if self.timer is not None:
            self.timer.daemon = True
            self.timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self.lock:
            if self.timer is not None:
                self.timer.cancel()
                self.timer = None
            if self.progress is not None:
                self.progress.stop()

    def __call__(self, phase: str, done: int, total: int) -> None:
        with self.lock:
            if self.progress is None:
                return
            if phase not in self.tasks:
                if WORKING in self.tasks:
                    self.progress.remove_task(self.tasks.pop(WORKING))
                self.tasks[phase] = self.progress.add_task(phase, total=total)
            self.progress.update(self.tasks[phase], completed=done, total=total)

    def _appear(self) -> None:
        """After ``PATIENCE``, in the timer's thread."""
        with self.lock:
            if self.timer is None:  # the work is done
                return
            self.progress = _progress()
            self.tasks[WORKING] = self.progress.add_task(WORKING, total=None)
            self.progress.start()


def _progress() -> Progress:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from ..views import console_for

    return Progress(
        TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(),
        console=console_for(sys.stderr), transient=True, redirect_stdout=False, redirect_stderr=False,
    )  # fmt: skip
