"""SHA-256 of checkpoints for the receipt, worked out beside the phases that read and write them."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint


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

    def start(self, checkpoint: Checkpoint, like: Checkpoint | None = None) -> Future[str]:
        """Its digest, some time; the checkpoint has to stay open until then.

        ``like``: another one that is being hashed already, and may hold some of the same files.
        """
        return self._pool.submit(self._digest, checkpoint, like)

    def _digest(self, checkpoint: Checkpoint, like: Checkpoint | None) -> str:
        return checkpoint.digest(self._stop, like)
