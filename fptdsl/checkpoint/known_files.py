"""What is known of open files: their digests, which are equal, which tensors are sound; each worked out once."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from threading import Event, Lock
from typing import Any, TypeVar

from .scanning import Scan, Span, Stopped, fill, scan_file

PATIENCE = 0.05
"""Seconds after which a thread that waits for another looks whether its own work is still wanted."""
PIECE = 1 << 18
"""Bytes that are compared at a time, so that both pieces stay in the processor's cache."""

T = TypeVar("T")


class KnownFiles:
    """Results by file, and by pair of files; the thread that asks first works them out, others wait for it.

    A file that was written since is another one.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[tuple[object, ...], Future[Any]] = {}
        self._first: dict[tuple[int, ...], tuple[int, ...]] = {}

    def same(self, left: int, right: int, stop: Event | None = None) -> bool:
        """As :func:`same_bytes`."""
        return self._once((_identity(left), _identity(right)), lambda: same_bytes(left, right, stop), stop)

    def scan(self, descriptor: int, spans: Sequence[Span], stop: Event | None = None, twin: int | None = None) -> Scan:
        """As :func:`~.scanning.scan_file`.

        ``twin``: a file that may be the same; where its scan is known, comparing is five times faster.
        """
        if twin is not None and (known := self._known.get((_identity(twin),))) is not None:
            found: Scan = _result(known, stop)
            if self.same(descriptor, twin, stop):
                return found
        identity = _identity(descriptor)
        self._first.setdefault(identity[:INODE], identity)
        return self._once((identity,), lambda: scan_file(descriptor, spans, stop), stop)

    def unwritten(self, descriptor: int) -> bool:
        """Whether the file is as it was when it was first scanned, and that scan came to its end."""
        identity = _identity(descriptor)
        known = self._known.get((identity,))
        scanned = known is not None and known.done() and known.exception() is None
        return scanned and self._first[identity[:INODE]] == identity

    def _once(self, key: tuple[object, ...], work: Callable[[], T], stop: Event | None) -> T:
        with self._lock:
            known = self._known.get(key)
            found = self._known.setdefault(key, Future())
        if known is None:
            try:
                found.set_result(work())
            except BaseException as error:
                with self._lock:
                    del self._known[key]  # Whoever asks later may have more luck.
                found.set_exception(error)
                raise
        result: T = _result(found, stop)
        return result


def _result(found: Future[T], stop: Event | None) -> T:
    """What another thread works out; raises :class:`~.scanning.Stopped` soon after ``stop`` is set.

    That thread may go on for long, for it is stopped by somebody else.
    """
    while stop is not None and not found.done():
        if stop.is_set():
            raise Stopped
        wait([found], PATIENCE)
    return found.result()


INODE = 2
"""How many numbers of an identity stay when a file is written."""


def _identity(descriptor: int) -> tuple[int, ...]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def same_bytes(left: int, right: int, stop: Event | None = None) -> bool:
    """Whether two open files are equal; raises :class:`~.scanning.Stopped` soon after ``stop`` is set."""
    size = os.fstat(left).st_size
    if os.fstat(right).st_size != size:
        return False
    # Pieces are read into the same memory again and again: fresh memory costs as much as reading.
    one, other = bytearray(PIECE), bytearray(PIECE)
    at = 0
    while at < size:
        if stop is not None and stop.is_set():
            raise Stopped
        got = fill(one, left, at)
        if got == 0 or got != fill(other, right, at):
            return False
        if one != other:  # Beyond ``got`` both hold what was equal before.
            return False
        at += got
    return True
