"""Digests (BLAKE3) of checkpoints for the receipt, worked out beside the phases that read and write them.

The pass over the bytes looks at the values too, so that a checkpoint that is larger than memory is not read twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import TYPE_CHECKING

from ..cores import cores

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint
    from ..checkpoint.known_files import KnownFiles


MOST = 4
"""Files that are read at once: more do not read faster from one disk."""


class Hashing:
    """Threads that hash the files of checkpoints in the order asked for; they end before the ``with`` block does.

    What they have not worked out when the block is left, they give up.  ``spare``: the cores that are left to others.
    """

    def __init__(self, spare: int = 1) -> None:
        self._pool = ThreadPoolExecutor(max(1, min(MOST, cores() - spare)))
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
        from ..checkpoint.scanning_ahead import files_ahead

        known = KnownFiles()
        for file in files_ahead(path):
            self._pool.submit(self._scan_ahead, file, known)
        return known

    def start(self, checkpoint: Checkpoint, names: Iterable[str], like: Checkpoint | None = None) -> Future[str]:
        """Its digest, some time; the checkpoint has to stay open until then.

        The values of the tensors ``names`` are checked (:func:`~fptdsl.checkpoint.check_values`), and the faults
        raised in the digest's stead.  ``like``: another one that may hold some of the same files.
        """
        first = [] if like is None else like.scans(self._stop)  # What is known of them need not be read again.
        for scan in [*first, *checkpoint.scans(self._stop, like)]:
            self._pool.submit(scan)  # What goes wrong here will do so again in the digest.
        return self._pool.submit(self._digest, checkpoint, list(names), like)

    def written(self, path: Path, source: Checkpoint) -> None:
        """A file is complete: its digest can be had sooner, by a checkpoint that knows what ``source`` knows."""
        self._pool.submit(self._scan, path, source)

    def _scan_ahead(self, path: Path, known: KnownFiles) -> None:
        from ..checkpoint.scanning_ahead import scan_path

        scan_path(path, known, self._stop)  # What goes wrong here is left to whoever opens the file.

    def _digest(self, checkpoint: Checkpoint, names: list[str], like: Checkpoint | None) -> str:
        from ..checkpoint import check_values

        digest = checkpoint.digest(self._stop, like)
        check_values(checkpoint, names)
        return digest

    def _scan(self, path: Path, source: Checkpoint) -> None:
        source.scan_written(path, self._stop)  # What goes wrong here will do so again when the file is opened.


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
