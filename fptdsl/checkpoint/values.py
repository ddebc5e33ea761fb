"""One pass over the values of a tensor: finite, and as the container's checksum says."""

from __future__ import annotations

import zlib

import numpy as np

from ..diagnostics import Diagnostic
from .checkpoint import Checkpoint
from .dtypes import all_finite, raw_dtype
from .storage import storage_chunks


def bad_values(checkpoint: Checkpoint, name: str) -> Diagnostic | None:
    """F444 for NaN or infinity, F410 for a wrong checksum, or None; reads about a megabyte at a time."""
    entry = checkpoint.entries[name]
    path = str(checkpoint.path)
    kind = raw_dtype(entry.dtype)
    finite = True
    if entry.storage.crc is not None:
        whole = entry.contiguous and entry.nbytes == entry.storage.nbytes
        total = 0
        for chunk in storage_chunks(entry.storage):
            total = zlib.crc32(chunk.data, total)
            finite = finite and (not whole or all_finite(chunk.view(kind), entry.dtype))
        if total != entry.storage.crc:
            message = f"`{name}` does not match its checksum in the file"
            return Diagnostic("F410", message, hint="copy or download the checkpoint again", path=path)
        if not whole:
            finite = all(all_finite(rows, entry.dtype) for rows in entry.chunks())
    else:
        finite = all(all_finite(rows, entry.dtype) for rows in entry.chunks())
    if finite:
        return None
    hint = "training diverged before it was saved: take an earlier checkpoint"
    return Diagnostic("F444", f"`{name}` holds {_count(checkpoint, name)}", hint=hint, path=path)


def _count(checkpoint: Checkpoint, name: str) -> str:
    """``3 values that are NaN and 1 that are infinite, of 432``."""
    nan = infinite = 0
    for rows in checkpoint.chunks(name):
        if checkpoint.dtype(name) == "bfloat16":
            # The upper half of a float32 that has the same value.
            rows = (rows.astype(np.uint32) << 16).view(np.float32)
        nan += int(np.isnan(rows).sum())
        infinite += int(np.isinf(rows).sum())
    return f"{nan} NaN and {infinite} infinite values, of {checkpoint.entries[name].count}"
