"""Writing a checkpoint folder in the layout of the one that it grew from."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import prod
from pathlib import Path
from threading import Event

from .copying import copy_open
from .folder import FolderCheckpoint
from .layout import NewTensor, lay_out
from .shard_index import SHARD
from .shards import LIMIT, NewFile, content, new_files, size_of
from .writing import write_slots


def write_folder(
    target: Path,
    source: FolderCheckpoint,
    tensors: Sequence[NewTensor],
    finished: Callable[[Path], None] = lambda path: None,
    limit: int = LIMIT,
) -> None:
    """Write the weights files and their index into the folder ``target``, which exists.

    A file of which nothing changes is copied as it is, beside the others.  ``finished`` is called with the
    path of every other file; ``limit`` is the size in bytes from which a file is split.  Raises what
    :func:`~.writing.write_checkpoint` raises.
    """
    files = new_files(source, lay_out(source, tensors), limit)
    copies = [file for file in files if file.unchanged(source)]

    def copy(file: NewFile) -> None:
        contents = source.files[file.old]
        if not stop.is_set():
            copy_open(contents.descriptor, str(contents.path), target / file.name, stop)

    stop = Event()
    with ThreadPoolExecutor(1) as beside:  # The kernel copies while others are computed.
        try:
            copying = [beside.submit(copy, file) for file in copies]
            for file in files:
                if file not in copies:
                    write_slots(target / file.name, source.part(file.old), file.slots)
                    finished(target / file.name)
            for one in copying:
                one.result()
        except BaseException:
            stop.set()
            raise
    index = source.layout.index
    if index is None and len(files) > 1:
        index = _index_name(files[0].name)
    if index is not None:
        (target / index).write_text(_index(source, files), encoding="utf-8", newline="\n")


def _index_name(shard: str) -> str:
    """The index of shards that are called so: ``model.safetensors.index.json``."""
    match = SHARD.fullmatch(shard)
    return f"{match['stem']}{match['extension']}.index.json" if match is not None else f"{shard}.index.json"


def _index(source: FolderCheckpoint, files: Sequence[NewFile]) -> str:
    """The index with the new files and sizes; its other entries and its order are those of the old one."""
    where: dict[str, str] = {}
    size = count = 0
    for file in files:
        for slot in file.slots:
            stored = content(source, slot)
            if stored is not None:
                where[slot.raw] = file.name
                size += size_of(source, slot)
                count += prod(stored.shape)
    old = source.layout.where or {}
    rest = dict(source.layout.rest or {})
    known = rest.pop("metadata", None)
    metadata = {**(known if isinstance(known, dict) else {}), "total_size": size}
    if "total_parameters" in metadata:
        metadata["total_parameters"] = count
    ordered = sorted(where) if list(old) == sorted(old) else list(where)
    document = {"metadata": metadata, **rest, "weight_map": {raw: where[raw] for raw in ordered}}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
