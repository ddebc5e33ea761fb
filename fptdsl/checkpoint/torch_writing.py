"""Writing a torch file, in the container it was read from.

The object that was loaded is pickled again with the state dict's entries exchanged, so outer dictionaries,
other entries, ``nn.Parameter`` wrappers, strides and shared storages come back as they were.  Grown tensors are
placeholders while the object is pickled (memory that is never touched); their bytes are streamed.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from ..diagnostics import Diagnostic, FptError
from .checkpoint import Checkpoint
from .layout import NewTensor, Slot, donor
from .metadata import module_metadata
from .storage import storage_chunks
from .stored_zip import StoredZip
from .torch_file import TorchFile

PROTOCOL = 2
"""The pickle protocol of torch.save."""


def write_zip(file: BinaryIO, source: Checkpoint, slots: Sequence[Slot]) -> None:
    """Write the zip container of ``torch.save``, one storage after the other."""
    loaded = _loaded(source)
    assert loaded.archive is not None
    values, fresh = _values(source, slots)
    with _exchanged(source, slots, values):
        structure, storages = _pickled(loaded.root)
    root = loaded.archive.root + "/" if loaded.archive.root else ""
    archive = StoredZip(file)
    archive.add(root + "data.pkl", len(structure), [structure])
    archive.add(root + "byteorder", 6, [b"little"])
    for number, storage in enumerate(storages):
        name = f"{root}data/{number}"
        tensor = fresh.get(storage._cdata)
        if tensor is not None:
            archive.add(name, tensor.nbytes, (chunk.data for chunk in tensor.stream()))
            continue
        old = loaded.storage(storage)
        crc = archive.add(name, old.nbytes, (chunk.data for chunk in storage_chunks(old)))
        if old.crc is not None and crc != old.crc:
            message = f"a tensor of `{source.path}` does not match its checksum"
            raise FptError(Diagnostic("F410", message, hint="copy or download it again", path=str(source.path)))
    archive.add(root + "version", 2, [b"3\n"])
    archive.finish()


def write_legacy(file: BinaryIO, source: Checkpoint, slots: Sequence[Slot]) -> None:
    """Write torch's older container; it cannot be streamed, so all tensors are in memory."""
    import torch

    values, fresh = _values(source, slots)
    for value in values.values():
        storage = value.untyped_storage()
        tensor = fresh.pop(storage._cdata, None)
        if tensor is None:
            continue
        memory = torch.empty(0, dtype=torch.uint8).set_(storage).numpy()
        at = 0
        for chunk in tensor.stream():
            memory[at : at + chunk.nbytes] = chunk
            at += chunk.nbytes
    plain: Any = _Plain(file)
    with _exchanged(source, slots, values):
        torch.save(_loaded(source).root, plain, _use_new_zipfile_serialization=False)


class _Plain:
    """A file without a descriptor, so that torch writes through Python and a full disk is an ``OSError``."""

    def __init__(self, file: BinaryIO) -> None:
        self.write = file.write
        self.flush = file.flush


def _loaded(source: Checkpoint) -> TorchFile:
    assert source.loaded is not None
    return source.loaded


def _values(source: Checkpoint, slots: Sequence[Slot]) -> tuple[dict[str, Any], dict[int, NewTensor]]:
    """The torch object of every described slot, and the new tensors by their placeholder's storage."""
    import torch

    old = source.state.tensors
    values: dict[str, Any] = {}
    fresh: dict[int, NewTensor] = {}
    used: set[str] = set()
    for slot in slots:
        if slot.tensor is None or slot.same_as is not None:
            continue
        tensor = slot.tensor
        if tensor.chunks is None:
            assert slot.old is not None
            if slot.old not in used:
                used.add(slot.old)
                values[slot.raw] = old[slot.old]
                continue
            assert tensor.source is not None
            entry = source.entries[tensor.source]
            tensor = NewTensor(tensor.name, tensor.source, entry.shape, entry.dtype, entry.chunks)
        blank = torch.empty(tensor.shape, dtype=getattr(torch, tensor.dtype))
        fresh[blank.untyped_storage()._cdata] = tensor
        values[slot.raw] = _wrapped(blank, old[slot.old] if slot.old is not None else _like(source, tensor.name))
    old_of = {slot.raw: slot.old for slot in slots}
    for slot in slots:
        if slot.same_as is not None:
            mine = old[slot.old] if slot.old is not None else None
            theirs = old_of[slot.same_as]
            one = mine is None or (theirs is not None and mine is old[theirs])
            values[slot.raw] = values[slot.same_as] if one else _sharing(values[slot.same_as], mine)
    return values, fresh


def _like(source: Checkpoint, name: str) -> Any:
    like = donor(source, name)
    return source.raw(like) if like is not None else None


def _wrapped(tensor: Any, like: Any) -> Any:
    """``tensor`` as a parameter, or with a gradient, where ``like`` is."""
    import torch

    if like is None or not tensor.is_floating_point():
        return tensor
    if isinstance(like, torch.nn.Parameter):
        return torch.nn.Parameter(tensor, requires_grad=like.requires_grad)
    return tensor.requires_grad_(like.requires_grad)


def _sharing(owner: Any, old: Any) -> Any:
    """An object of its own over the storage of ``owner``, for a key under which ``old`` stood."""
    if old.untyped_storage()._cdata == owner.untyped_storage()._cdata:
        return old
    return _wrapped(owner.detach(), old)


@contextmanager
def _exchanged(source: Checkpoint, slots: Sequence[Slot], values: dict[str, Any]) -> Iterator[None]:
    """The loaded state dict holds the new entries inside the ``with``, and the old ones again after it.

    Exchanged in place, so that whatever else refers to the same dictionary refers to the new one.
    """
    table: Any = source.state.tensors
    before = list(table.items())
    metadata = getattr(table, "_metadata", None)
    carried = dict(before)
    after = [(slot.raw, carried[slot.raw] if slot.tensor is None else values[slot.raw]) for slot in slots]
    try:
        table.clear()
        table.update(after)
        if metadata is not None:
            table._metadata = module_metadata(source, metadata, slots)
        yield
    finally:
        table.clear()
        table.update(before)
        if metadata is not None:
            table._metadata = metadata


def _pickled(root: Any) -> tuple[bytes, list[Any]]:
    """The object structure as ``torch.save`` pickles it, and its storages in the order of their numbers."""
    import torch

    numbers: dict[int, int] = {}
    storages: list[Any] = []

    class Pickler(pickle.Pickler):
        def persistent_id(self, item: Any) -> Any:
            if isinstance(item, torch.storage.TypedStorage):
                typed: Any = item
                storage, count = typed._untyped_storage, typed._size()
                kind = getattr(torch, typed._pickle_storage_type())
            elif isinstance(item, torch.UntypedStorage):
                storage, kind, count = item, torch.UntypedStorage, item.nbytes()
            else:
                return None
            number = numbers.setdefault(storage._cdata, len(numbers))
            if number == len(storages):
                storages.append(storage)
            return ("storage", kind, str(number), "cpu", count)

    buffer = io.BytesIO()
    Pickler(buffer, protocol=PROTOCOL).dump(root)
    return buffer.getvalue(), storages
