"""Writing a ``.safetensors`` file: the header, then every tensor streamed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from .checkpoint import Checkpoint
from .copying import copy_storage
from .dtypes import item_size
from .layout import NewTensor, Slot
from .safetensors_header import header_bytes
from .storage import Entry


def write_safetensors(file: BinaryIO, source: Checkpoint, slots: Sequence[Slot]) -> None:
    """Write the tensors of ``slots``; the header keeps their order and ``__metadata__``.

    The bytes lie with the widest types first (as the reference implementation writes them), so that
    every tensor is aligned.  The format cannot share storages: aliased tensors are written twice.
    """
    by_raw = {slot.raw: slot for slot in slots}
    contents: list[tuple[str, Entry | NewTensor]] = []
    for slot in slots:
        owner = by_raw[slot.same_as] if slot.same_as is not None else slot
        contents.append((slot.raw, _content(source, owner)))
    offsets: dict[str, int] = {}
    order = sorted(contents, key=lambda item: -item_size(item[1].dtype))
    at = 0
    for raw, content in order:
        offsets[raw] = at
        at += content.nbytes
    header = [(raw, content.dtype, content.shape, offsets[raw]) for raw, content in contents]
    file.write(header_bytes(header, dict(source.metadata) if source.metadata is not None else None))
    for _, content in order:
        if isinstance(content, Entry):
            copy_storage(file, content.storage)
        else:
            for chunk in content.stream():
                file.write(chunk.data)


def _content(source: Checkpoint, slot: Slot) -> Entry | NewTensor:
    if slot.tensor is not None and slot.tensor.chunks is not None:
        return slot.tensor
    assert slot.old is not None
    entry: Entry = source.state.tensors[slot.old]
    return entry
