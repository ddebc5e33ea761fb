"""One pass over a file: its digest, and which of its tensors are finite and match their checksums."""

from __future__ import annotations

import os
import zlib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from typing import TypeVar

import numpy as np
from blake3 import blake3

from .dtypes import all_finite, item_size, raw_dtype
from .storage import Entry, FileStorage

K = TypeVar("K", bound=Hashable)


PIECE = 1 << 21
"""Bytes that are hashed at a time: between two pieces the thread waits for the interpreter's lock."""


class Stopped(Exception):
    """Work in another thread was given up, for its result is not wanted any more."""


@dataclass(frozen=True)
class Span:
    """Where the bytes of a tensor lie in a file; ``key`` is its raw key, ``crc`` what the container states."""

    key: Hashable
    dtype: str
    start: int
    stop: int
    crc: int | None


@dataclass(frozen=True)
class Scan:
    """Of one file: BLAKE3 in hexadecimal, and the keys of the tensors that were seen to be sound.

    Of others nothing is said: they may hold NaN, or lie so that they are not looked at in passing.
    """

    digest: str
    sound: frozenset[Hashable]


def spans(entries: Mapping[K, Entry]) -> list[Span]:
    """The tensors that can be looked at while the file goes by: each a run of bytes of its own."""
    found = []
    for key, entry in entries.items():
        storage = entry.storage
        if entry.problem is None and isinstance(storage, FileStorage) and entry.contiguous:
            start = storage.offset + entry.offset * item_size(entry.dtype)
            whole = entry.nbytes == storage.nbytes
            if start % item_size(entry.dtype) == 0 and (whole or storage.crc is None):
                found.append(Span(key, entry.dtype, start, start + entry.nbytes, storage.crc))
    return found


def scan_file(descriptor: int, spans: Sequence[Span], stop: Event | None = None) -> Scan:
    """Read an open file from its start; raises :class:`Stopped` soon after ``stop`` is set."""
    total = blake3()
    coming = sorted(spans, key=lambda span: span.start, reverse=True)
    watches: list[_Watch] = []
    sound: set[Hashable] = set()
    for at, piece in _pieces(descriptor, stop):
        total.update(piece.data)
        end = at + len(piece)
        while coming and coming[-1].start < end:
            watches.append(_Watch(coming.pop()))
        for watch in watches:
            watch.look(at, piece)
        sound.update(watch.span.key for watch in watches if watch.span.stop <= end and watch.sound)
        watches = [watch for watch in watches if watch.span.stop > end and watch.finite]
    sound.update(span.key for span in coming if span.start == span.stop)
    return Scan(total.hexdigest(), frozenset(sound))


class _Watch:
    """A tensor that is going by."""

    def __init__(self, span: Span) -> None:
        self.span, self.finite, self.crc = span, True, 0

    def look(self, at: int, piece: np.ndarray) -> None:
        part = piece[max(self.span.start - at, 0) : max(self.span.stop - at, 0)]
        if self.span.crc is not None:
            self.crc = zlib.crc32(part.data, self.crc)
        part = part[: len(part) - len(part) % item_size(self.span.dtype)]  # the file may have been cut off meanwhile
        self.finite = self.finite and all_finite(part.view(raw_dtype(self.span.dtype)), self.span.dtype)

    @property
    def sound(self) -> bool:
        return self.finite and self.span.crc in (None, self.crc)


def _pieces(descriptor: int, stop: Event | None) -> Iterator[tuple[int, np.ndarray]]:
    """The bytes of an open file, each piece in the memory of the one before it: fresh memory costs as much as reading.

    All but the last are of :data:`PIECE` bytes, which is a multiple of every element's size.
    """
    memory, at = np.empty(PIECE, np.uint8), 0
    while count := fill(memory.data, descriptor, at):
        yield at, memory[:count]
        at += count
        if stop is not None and stop.is_set():
            raise Stopped


def fill(memory: bytearray | memoryview, descriptor: int, at: int) -> int:
    """Read until the memory or the file ends; the number of bytes."""
    view, done = memoryview(memory), 0
    while done < len(view) and (got := os.preadv(descriptor, [view[done:]], at + done)):
        done += got
    return done
