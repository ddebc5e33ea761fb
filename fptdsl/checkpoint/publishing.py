"""What publishing a file and publishing a folder have in common: one lock, one way in, one way out."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from .left_overs import Lock
from .targets import disk_fault

Self = TypeVar("Self", bound="Publishing")


class Publishing(ABC):
    """A ``with`` statement around writing some outputs, of which ``outputs[0]`` is the one that is locked.

    Inside, write to ``partial(output)``, read it back, then call ``commit``; leaving without it, by an exception
    or not, leaves everything as it was.  ``OSError`` of the disk comes out as ``FptError`` F604 or F605.
    """

    def __init__(self, outputs: Sequence[str | Path], *, inputs: Iterable[Path] = (), force: bool = False) -> None:
        self.outputs = [Path(os.path.abspath(output)) for output in outputs]
        self.inputs = [Path(path) for path in inputs]
        self.force = force
        self.lock = Lock(self.outputs[0])

    @abstractmethod
    def partial(self, output: str | Path) -> Path:
        """The hidden place to write ``output`` to."""

    @abstractmethod
    def commit(self) -> None:
        """Sync what was written and put it at its name."""

    @abstractmethod
    def _check(self, *, force: bool) -> None:
        """Raise ``FptError`` where an output must not be written."""

    @abstractmethod
    def _prepare(self) -> None:
        """Make the hidden places."""

    @abstractmethod
    def _settle(self) -> None:
        """Bring the disk to the old state or the new one, and remove the hidden places."""

    @abstractmethod
    def _concerns(self, error: OSError) -> bool:
        """Whether an error is about the outputs: it names one, or no file at all (a write that failed)."""

    def __enter__(self: Self) -> Self:
        try:
            # Before left-overs are looked at, for an input must not be touched even then.
            self._check(force=True)
            self.lock.acquire()
        except OSError as error:
            raise disk_fault(error, self.outputs[0]) from error
        try:
            self._settle()
            self._check(force=self.force)
            self._prepare()
        except BaseException as error:
            self._end(error)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        try:
            try:
                self._settle()
            finally:
                self.lock.release()
        except OSError as fault:
            raise disk_fault(fault, self.outputs[0]) from fault
        if isinstance(error, OSError) and self._concerns(error):
            raise disk_fault(error, self.outputs[0]) from error


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
