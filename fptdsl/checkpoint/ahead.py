"""The next chunk of a tensor is computed while the last one is written."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from .storage import Bytes

LARGE = 1 << 23
"""Bytes of a tensor from which on a thread of its own pays."""


def ahead(chunks: Iterator[Bytes], nbytes: int) -> Iterator[Bytes]:
    """The same chunks in the same order, of a tensor of ``nbytes``; at most one is waiting to be used.

    numpy, checksums and the disk do not hold the interpreter's lock.  What a chunk raises is raised here.
    """
    if nbytes < LARGE:
        yield from chunks
        return
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, chunks, None)
        while (chunk := coming.result()) is not None:
            coming = pool.submit(next, chunks, None)
            yield chunk
