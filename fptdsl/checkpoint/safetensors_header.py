"""The header of a ``.safetensors`` file: reading it with every bound checked, and writing one.

A file is eight bytes of little-endian length, a JSON header of that length, and the tensors' bytes.  The
header maps each name to its type, shape and the two offsets of its bytes behind the header.  The
tensors must cover what follows the header without overlap and without holes.  Nothing here imports
torch, and no tensor byte is read.
"""

from __future__ import annotations

import json
import os
from math import prod
from typing import Any, NoReturn

from ..diagnostics import Diagnostic, FptError, did_you_mean
from .dtypes import SAFETENSORS, item_size
from .storage import Entry, FileStorage, row_major

MAX_HEADER = 100_000_000
"""Bytes; the limit of the reference implementation."""


def read_header(path: str, descriptor: int) -> tuple[dict[str, Entry], dict[str, str] | None]:
    """The tensors in the order of the header, and ``__metadata__`` (None without one).

    Raises ``FptError`` (F405 when the file is cut short, F407 for anything wrong in the header).
    """
    size = os.fstat(descriptor).st_size
    head = os.pread(descriptor, 8, 0)
    if len(head) < 8:
        _damaged(path, f"it has {size} bytes, less than the eight of a header length")
    length = int.from_bytes(head, "little")
    if length > MAX_HEADER:
        _invalid(path, f"it says to be {length} bytes long; the limit is {MAX_HEADER}")
    if 8 + length > size:
        _damaged(path, f"its header is {length} bytes long, the whole file {size}")
    header = _parse(path, os.pread(descriptor, length, 8))
    metadata = header.pop("__metadata__", None)
    if metadata is not None and not (
        isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values())
    ):
        _invalid(path, "`__metadata__` is not a table of texts")
    start = 8 + length
    entries = {name: _entry(path, descriptor, start, name, item) for name, item in header.items()}
    _check_cover(path, entries, start, size)
    return entries, metadata


def _parse(path: str, text: bytes) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in table if names.count(name) > 1)
            _invalid(path, f"`{twice}` is there twice")
        return table

    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        _invalid(path, f"it is not JSON ({type(error).__name__})")
    if not isinstance(header, dict):
        _invalid(path, "it is not a JSON table")
    if any("\ud800" <= char <= "\udfff" for name in header for char in name):
        _invalid(path, "a name is not Unicode text")
    return header


def _entry(path: str, descriptor: int, start: int, name: str, item: object) -> Entry:
    if not isinstance(item, dict) or set(item) != {"dtype", "shape", "data_offsets"}:
        _invalid(path, f"`{name}` needs exactly `dtype`, `shape` and `data_offsets`")
    code, shape, offsets = item["dtype"], item["shape"], item["data_offsets"]
    if not isinstance(code, str) or code not in SAFETENSORS:
        hint = did_you_mean(str(code), SAFETENSORS)
        _invalid(path, f"`{name}` has the type `{code}`, which is not known here", hint)
    if not _naturals(shape) or not _naturals(offsets) or len(offsets) != 2:
        _invalid(path, f"shape and offsets of `{name}` must be lists of natural numbers, two offsets")
    dtype = SAFETENSORS[code]
    nbytes = prod(shape) * item_size(dtype)
    if offsets[1] - offsets[0] != nbytes:
        _invalid(path, f"`{name}` needs {nbytes} bytes, but its offsets span {offsets[1] - offsets[0]}")
    storage = FileStorage(descriptor, path, start + offsets[0], nbytes)
    return Entry(name, dtype, tuple(shape), storage, strides=row_major(tuple(shape)))


def _naturals(items: object) -> bool:
    return isinstance(items, list) and all(
        isinstance(n, int) and not isinstance(n, bool) and 0 <= n < 1 << 63 for n in items
    )


def _check_cover(path: str, entries: dict[str, Entry], start: int, size: int) -> None:
    """The tensors lie one behind the other, from the header's end to the file's end."""
    at, before = start, None
    for entry in sorted(entries.values(), key=lambda e: (e.storage.offset, e.nbytes)):  # type: ignore[attr-defined]
        offset: int = entry.storage.offset  # type: ignore[attr-defined]
        if offset < at:
            _invalid(path, f"the bytes of `{entry.key}` overlap those of `{before}`")
        if offset > at:
            _invalid(path, f"there are {offset - at} bytes before `{entry.key}` that belong to no tensor")
        at, before = offset + entry.nbytes, entry.key
    if at > size:
        _damaged(path, f"its header describes {at} bytes, but the file has {size}")
    if at < size:
        _invalid(path, f"{size - at} bytes at the end of the file belong to no tensor")


def _invalid(path: str, reason: str, hint: str | None = None) -> NoReturn:
    message = f"the safetensors header of `{path}` is not valid: {reason}"
    raise FptError(Diagnostic("F407", message, hint=hint or "write the file again from its source", path=path))


def _damaged(path: str, reason: str) -> NoReturn:
    message = f"`{path}` is cut short: {reason}"
    raise FptError(Diagnostic("F405", message, hint="copy or download it again", path=path))


def header_bytes(tensors: list[tuple[str, str, tuple[int, ...], int]], metadata: dict[str, str] | None) -> bytes:
    """Length and header for ``(name, dtype, shape, offset)`` of each tensor, padded to eight bytes."""
    codes = {name: code for code, name in SAFETENSORS.items()}
    table: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    for name, dtype, shape, offset in tensors:
        end = offset + prod(shape) * item_size(dtype)
        table[name] = {"dtype": codes[dtype], "shape": list(shape), "data_offsets": [offset, end]}
    text = json.dumps(table, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
