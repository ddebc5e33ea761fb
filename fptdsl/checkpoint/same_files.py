"""Whether open files are equal byte by byte, each pair compared once."""

from __future__ import annotations

import os
from concurrent.futures import Future
from threading import Event, Lock

from .storage import CHUNK


class Stopped(Exception):
    """Work in another thread was given up, for its result is not wanted any more."""


class Comparisons:
    """The pairs of open files that were compared; the thread that asks first compares, others wait for it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[tuple[int, int], Future[bool]] = {}

    def same(self, left: int, right: int, stop: Event | None = None) -> bool:
        """As :func:`same_bytes`."""
        with self._lock:
            known = self._known.get((left, right))
            found = self._known.setdefault((left, right), Future())
        if known is None:
            try:
                found.set_result(same_bytes(left, right, stop))
            except BaseException as error:
                found.set_exception(error)
                raise
        return found.result()


def same_bytes(left: int, right: int, stop: Event | None = None) -> bool:
    """Whether two open files are equal; raises :class:`Stopped` soon after ``stop`` is set."""
    size = os.fstat(left).st_size
    if os.fstat(right).st_size != size:
        return False
    # Pieces are read into the same memory again and again: fresh memory costs as much as reading.
    one, other = bytearray(CHUNK), bytearray(CHUNK)
    at = 0
    while at < size:
        if stop is not None and stop.is_set():
            raise Stopped
        got = _fill(one, left, at)
        if got == 0 or got != _fill(other, right, at):
            return False
        if one != other:  # Beyond ``got`` both hold what was equal before.
            return False
        at += got
    return True


def _fill(memory: bytearray, descriptor: int, at: int) -> int:
    """Read until the memory or the file ends; the number of bytes."""
    view, done = memoryview(memory), 0
    while done < len(view) and (got := os.preadv(descriptor, [view[done:]], at + done)):
        done += got
    return done
