"""Bytes of a checkpoint and the tensors that lie in them.

A :class:`Storage` is a run of bytes, in a file or in memory; an :class:`Entry` is a tensor as a view of
one: type, shape, strides, offset.  Reading an entry reads the bytes of the rows asked for and no more, so
memory stays small whatever the size of the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..diagnostics import Diagnostic, FptError
from .dtypes import item_size, raw_dtype

Bytes = npt.NDArray[np.uint8]
Array = npt.NDArray[np.generic]

CHUNK = 1 << 20
"""Bytes that are read or written at a time; small enough to stay in the processor's cache."""


class Storage(Protocol):
    """A run of bytes."""

    @property
    def nbytes(self) -> int: ...

    @property
    def crc(self) -> int | None:
        """CRC-32 of the bytes as the container states it, or None."""

    def read(self, start: int, stop: int) -> Bytes:
        """The bytes ``start`` to ``stop`` as a one-dimensional array."""


@dataclass(frozen=True, eq=False)
class FileStorage:
    """Bytes of an open file, read by position (``pread``), so that threads do not disturb each other."""

    descriptor: int
    path: str
    offset: int
    nbytes: int
    crc: int | None = None

    def read(self, start: int, stop: int) -> Bytes:
        buffer = np.empty(stop - start, np.uint8)
        view = buffer.data
        done = 0
        while done < len(view):
            try:
                got = os.preadv(self.descriptor, [view[done:]], self.offset + start + done)
            except OSError as error:
                raise unreadable(self.path, error) from error
            if got == 0:
                message = f"`{self.path}` ended {len(view) - done} bytes early while it was read"
                raise FptError(Diagnostic("F405", message, hint="was it changed meanwhile?", path=self.path))
            done += got
        return buffer


def unreadable(path: str, error: OSError) -> FptError:
    """What the system says against reading an open file."""
    return FptError(Diagnostic("F402", f"`{path}` cannot be read: {error.strerror}", hint="check the disk", path=path))


@dataclass(frozen=True, eq=False)
class MemoryStorage:
    """Bytes that are in memory already (containers that cannot be read in pieces)."""

    bytes: Bytes
    crc: int | None = None

    @property
    def nbytes(self) -> int:
        return self.bytes.nbytes

    def read(self, start: int, stop: int) -> Bytes:
        return self.bytes[start:stop]


def storage_chunks(storage: Storage) -> Iterator[Bytes]:
    """All the bytes of a storage, about a megabyte at a time."""
    for start in range(0, storage.nbytes, CHUNK):
        yield storage.read(start, min(start + CHUNK, storage.nbytes))


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides, in elements, of a contiguous array."""
    strides = []
    step = 1
    for n in reversed(shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))


@dataclass(frozen=True, eq=False)
class Entry:
    """One tensor of a checkpoint.

    ``offset`` and ``strides`` count elements.  ``dtype`` is torch's name.  ``problem`` says in words why
    the values cannot be read as a plain array (sparse, quantised ...), or is None.
    """

    key: str
    dtype: str
    shape: tuple[int, ...]
    storage: Storage
    offset: int = 0
    strides: tuple[int, ...] = field(default=())
    problem: str | None = None

    @property
    def count(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.count * item_size(self.dtype)

    @property
    def contiguous(self) -> bool:
        wanted = row_major(self.shape)
        return self.count == 0 or all(
            n == 1 or stride == want for n, stride, want in zip(self.shape, self.strides, wanted, strict=True)
        )

    @property
    def region(self) -> tuple[object, ...]:
        """Equal for two entries that are the same view of the same bytes."""
        return (id(self.storage), self.dtype, self.offset, self.shape, self.strides)

    def rows(self, start: int, stop: int) -> Array:
        """Rows ``start`` to ``stop`` of the first axis, as raw elements, C-contiguous.

        A tensor without axes counts as one row: ``rows(0, 1)`` is an array of shape ``()``.  As with a
        slice, rows beyond the end are left out.
        """
        if not self.shape:
            return self._read(self.offset, ())
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        return self._read(self.offset + start * self.strides[0], (max(stop - start, 0), *self.shape[1:]))

    def _read(self, first: int, shape: tuple[int, ...]) -> Array:
        kind = raw_dtype(self.dtype)
        if 0 in shape:
            return np.empty(shape, kind)
        span = 1 + sum((n - 1) * stride for n, stride in zip(shape, self.strides, strict=True))
        raw = self.storage.read(first * kind.itemsize, (first + span) * kind.itemsize).view(kind)
        if self.contiguous:
            return raw.reshape(shape)
        steps = tuple(stride * kind.itemsize for stride in self.strides)
        return np.ascontiguousarray(np.lib.stride_tricks.as_strided(raw, shape, steps, writeable=False))

    def chunks(self) -> Iterator[Array]:
        """All rows in order, about :data:`CHUNK` bytes at a time (at least one row)."""
        if not self.shape:
            yield self.rows(0, 1)
            return
        row_bytes = max(self.nbytes // max(self.shape[0], 1), 1)
        step = max(CHUNK // row_bytes, 1)
        for start in range(0, self.shape[0], step):
            yield self.rows(start, min(start + step, self.shape[0]))
