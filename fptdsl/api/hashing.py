"""SHA-256 of checkpoints for the receipt, worked out beside the phases that read and write them.

The pass over the bytes looks at the values too, so that a checkpoint that is larger than memory is not read twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import TYPE_CHECKING

from ..diagnostics import FptError

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint
    from ..checkpoint.known_files import KnownFiles


class Hashing:
    """A thread that hashes one checkpoint after the other; it ends before the ``with`` block does.

    What it has not worked out when the block is left, it gives up.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._stop = Event()

    def __enter__(self) -> Hashing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)

    def ahead(self, path: Path) -> KnownFiles:
        """What will be asked of a checkpoint that is about to be opened is worked out from here on."""
        from ..checkpoint.known_files import KnownFiles

        known = KnownFiles()
        self._pool.submit(self._scan_ahead, path, known)
        return known

    def start(self, checkpoint: Checkpoint, names: Iterable[str], like: Checkpoint | None = None) -> Future[str]:
        """Its digest, some time; the checkpoint has to stay open until then.

        The values of the tensors ``names`` are checked (:func:`~fptdsl.checkpoint.check_values`), and the faults
        raised in the digest's stead.  ``like``: another one that may hold some of the same files.
        """
        return self._pool.submit(self._digest, checkpoint, list(names), like)

    def written(self, path: Path, source: Checkpoint) -> None:
        """A file is complete: its digest can be had sooner, by a checkpoint that knows what ``source`` knows."""
        self._pool.submit(self._scan, path, source)

    def _scan_ahead(self, path: Path, known: KnownFiles) -> None:
        from ..checkpoint.scanning_ahead import scan_ahead

        scan_ahead(path, known, self._stop)

    def _digest(self, checkpoint: Checkpoint, names: list[str], like: Checkpoint | None) -> str:
        from ..checkpoint import check_values

        digest = checkpoint.digest(self._stop, like)
        check_values(checkpoint, names)
        return digest

    def _scan(self, path: Path, source: Checkpoint) -> None:
        # What goes wrong here will do so again when the file is opened.
        with suppress(FptError, OSError):
            source.scan_written(path, self._stop)


Report = Callable[[int, int], None]


def watched(report: Report | None, digest: Future[str]) -> Report:
    """The same report of progress, which ends the work as soon as the values are known to be bad."""

    def reported(done: int, total: int) -> None:
        if digest.done():
            digest.result()
        if report is not None:
            report(done, total)

    return reported


@contextmanager
def sound(digest: Future[str]) -> Iterator[None]:
    """What cannot be computed of NaN and infinity is told as that: the values' fault comes before its consequence."""
    try:
        yield
    except (ArithmeticError, ValueError):
        digest.result()
        raise
