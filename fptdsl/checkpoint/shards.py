"""Which file of a folder each tensor is written to, and what the files are called.

An old tensor stays in its file, a new one comes to the file of its neighbour.  A file that becomes too large is
split; then all are numbered anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .folder import FolderCheckpoint
from .layout import NewTensor, Slot
from .shard_index import SHARD
from .storage import Entry

LIMIT = 5 * 10**9
"""Bytes of tensors in a shard, as the Hugging Face libraries have it; larger where an old shard is larger."""


@dataclass(frozen=True, eq=False)
class NewFile:
    """One weights file to write: its name, the old file that it continues, its entries in order."""

    name: str
    old: str
    slots: tuple[Slot, ...]

    def unchanged(self, source: FolderCheckpoint) -> bool:
        """Whether it holds what the old file holds, byte for byte."""
        same = [slot.raw for slot in self.slots if slot.raw == slot.old and _kept(slot)]
        return len(same) == len(self.slots) and set(same) == set(source.files[self.old].state.tensors)


def _kept(slot: Slot) -> bool:
    return slot.tensor is None or (slot.tensor.chunks is None and slot.same_as is None)


def new_files(source: FolderCheckpoint, slots: Sequence[Slot], limit: int = LIMIT) -> list[NewFile]:
    """The files to write, in the order of the old ones' names."""
    groups: dict[str, list[Slot]] = {name: [] for name in sorted(source.files)}
    at = next((source.home[slot.old] for slot in slots if slot.old is not None), next(iter(groups)))
    for slot in slots:
        at = source.home[slot.old] if slot.old is not None else at
        groups[at].append(slot)
    largest = max(sum(entry.nbytes for entry in contents.entries.values()) for contents in source.files.values())
    parts = [(old, part) for old, mine in groups.items() for part in _split(source, mine, max(limit, largest)) if part]
    names = _names([old for old, _ in parts])
    by_raw = {slot.raw: slot for slot in slots}
    return [
        NewFile(name, old, tuple(_detached(source, slot, part, by_raw) for slot in part))
        for name, (old, part) in zip(names, parts)
    ]


def _split(source: FolderCheckpoint, slots: Sequence[Slot], limit: int) -> list[list[Slot]]:
    """Consecutive runs of at most ``limit`` bytes; a larger tensor is alone."""
    runs: list[list[Slot]] = [[]]
    size = 0
    for slot in slots:
        more = size_of(source, slot)
        if runs[-1] and size + more > limit:
            runs.append([])
            size = 0
        runs[-1].append(slot)
        size += more
    return runs


def content(source: FolderCheckpoint, slot: Slot) -> NewTensor | Entry | None:
    """The tensor that an entry stores; None for an entry that is carried over and is no tensor."""
    if slot.tensor is not None and (slot.tensor.chunks is not None or slot.old is None):
        return slot.tensor
    return source.files[source.home[slot.old]].entries.get(str(slot.old))


def size_of(source: FolderCheckpoint, slot: Slot) -> int:
    """Bytes that an entry adds to its file (torch files share those of aliased tensors)."""
    stored = content(source, slot)
    shared = slot.same_as is not None and source.container != "safetensors"
    return 0 if stored is None or shared else stored.nbytes


def _names(old: Sequence[str]) -> list[str]:
    """The name of each part, from the name of the file that it comes from."""
    if len(set(old)) == len(old):
        return list(old)
    matches = [SHARD.fullmatch(name) for name in old]
    stems = {(match["stem"], match["extension"]) for match in matches if match is not None}
    if len(set(old)) == 1 and not stems:
        stem, dot, extension = old[0].rpartition(".")
        stems, matches = {(stem, dot + extension)}, []
    if len(stems) == 1 and None not in matches:
        stem, extension = stems.pop()
        return [f"{stem}-{number:05d}-of-{len(old):05d}{extension}" for number in range(1, len(old) + 1)]
    names: list[str] = []
    for position, name in enumerate(old):
        number = old[:position].count(name)
        stem, dot, extension = name.rpartition(".")
        names.append(f"{stem}-part{number + 1}{dot}{extension}" if number else name)
    return names


def _detached(source: FolderCheckpoint, slot: Slot, part: Sequence[Slot], by_raw: dict[str, Slot]) -> Slot:
    """The slot with values of its own where the one that it shares them with is in another file."""
    if slot.same_as is None or any(other.raw == slot.same_as for other in part):
        return slot
    owner = by_raw[slot.same_as]
    assert owner.tensor is not None
    assert slot.tensor is not None
    values = owner.tensor
    if values.chunks is None:
        assert values.source is not None
        entry = source.entries[values.source]
        values = NewTensor(values.name, values.source, entry.shape, entry.dtype, entry.chunks)
    return replace(slot, same_as=None, tensor=replace(slot.tensor, chunks=values.chunks, alias_of=None))
