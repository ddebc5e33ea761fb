"""What a written checkpoint holds, in which order and under which keys.

Kept and renamed tensors stay at their place, new ones come right after the tensor that precedes them in
the network, everything that the spec does not describe is carried over, and the rules of the
``checkpoint`` section are undone.  Nothing here knows a container.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

from ..diagnostics import Diagnostic, FptError
from .ahead import ahead
from .checkpoint import Checkpoint
from .dtypes import dominant, item_size, raw_dtype
from .keys import KeyName, fitting
from .new_keys import Namer, common
from .storage import Array, Bytes


@dataclass(frozen=True, eq=False)
class NewTensor:
    """One tensor of the checkpoint to write, by its spec key.

    ``source`` is its spec key in the old checkpoint (None for what growth adds).  ``chunks`` gives its
    values as consecutive rows in the raw form of ``dtype``; None copies the source's bytes unchanged.
    ``alias_of`` names another tensor of the list that this one is the same as, bytes and storage.
    ``like`` is the old tensor that one which growth adds is modelled on: its key in the file ends as that one's.
    """

    name: str
    source: str | None
    shape: tuple[int, ...]
    dtype: str
    chunks: Callable[[], Iterator[Array]] | None = None
    alias_of: str | None = None
    like: str | None = None

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * item_size(self.dtype)

    def stream(self) -> Iterator[Bytes]:
        """The bytes of ``chunks``, checked for their type and their number, worked out one ahead."""
        return ahead(self._bytes(), self.nbytes)

    def _bytes(self) -> Iterator[Bytes]:
        assert self.chunks is not None
        done = 0
        for chunk in self.chunks():
            if chunk.dtype != raw_dtype(self.dtype):
                raise TypeError(f"{self.name}: chunks of {chunk.dtype} for a tensor of {self.dtype}")
            done += chunk.nbytes
            yield chunk.reshape(-1).view("u1")
        if done != self.nbytes:
            raise ValueError(f"{self.name}: {done} bytes for a tensor of {self.nbytes}")


@dataclass(frozen=True, eq=False)
class Slot:
    """One entry of the state dict to write.

    ``raw`` is its key in the file (torch files may hold other keys than texts).  ``tensor`` is None for an
    entry that is carried over; ``old`` is the raw key of the entry that it continues; ``same_as`` the raw
    key of the slot whose storage it shares.
    """

    raw: str
    tensor: NewTensor | None = None
    old: str | None = None
    same_as: str | None = None


def lay_out(source: Checkpoint, tensors: Sequence[NewTensor]) -> list[Slot]:
    """The entries to write, in order.

    Raises ``FptError`` F428 where a new key is taken by an entry that is carried over.
    """
    tensors = _owned(_share_equal(source, [*tensors, *_mirrored(source, tensors)]))
    placed = _places(tensors)
    namer = Namer(source.names)
    raws = {tensor.name: namer(tensor.name, tensor.source, tensor.like).raw for tensor in tensors}
    followers: dict[str | None, list[NewTensor]] = {}
    anchor = first = None
    for tensor in tensors:
        if tensor.name in placed.values():
            anchor = tensor.name
            first = first or anchor
        else:
            followers.setdefault(anchor, []).append(tensor)
    by_name = {tensor.name: tensor for tensor in tensors}
    slots: list[Slot] = []

    def emit(tensor: NewTensor) -> None:
        old = source.names[tensor.source].raw if tensor.source is not None else None
        same = raws[tensor.alias_of] if tensor.alias_of is not None else None
        slots.append(Slot(raws[tensor.name], tensor, old, same))

    spec_of = {name.raw: name.spec for name in source.names.values()}
    for key in source.state.tensors:
        spec = spec_of.get(key)
        if spec is None or spec not in source.entries:
            slots.append(Slot(key, old=key))
        elif spec in placed:
            name = placed[spec]
            before = followers.pop(None, []) if name == first else []
            for tensor in [*before, by_name[name], *followers.pop(name, [])]:
                emit(tensor)
    for tensor in followers.pop(None, []):
        emit(tensor)
    _check_distinct(source, slots)
    return slots


def written_names(source: Checkpoint, tensors: Sequence[NewTensor]) -> list[KeyName]:
    """How the entries of the file that is written are called there, and in the spec; ignored ones too."""
    namer = Namer(source.names)
    described = [namer(tensor.name, tensor.source, tensor.like) for tensor in (*tensors, *_mirrored(source, tensors))]
    return [*described, *(source.names[spec] for spec in source.ignored)]


def _places(tensors: Sequence[NewTensor]) -> dict[str, str]:
    """Old spec key -> the tensor that takes its place: the one of that name if it continues it."""
    placed: dict[str, str] = {}
    for tensor in tensors:
        if tensor.source is not None and (tensor.source not in placed or tensor.name == tensor.source):
            placed[tensor.source] = tensor.name
    return placed


def _mirrored(source: Checkpoint, tensors: Sequence[NewTensor]) -> list[NewTensor]:
    """The second keys of aliased tensors: those in the file already, and those of new neighbours.

    Not those that are ignored: whatever lies there stays as it is.
    """
    names = {tensor.name for tensor in tensors}
    mirrored: dict[str, NewTensor] = {}
    for one, other in source.alias_rules:
        for first, second in ((one, other), (other, one)):
            for tensor in tensors:
                name = _exchange(tensor.name, second, first)
                if name is not None and name not in names and name not in mirrored:
                    old = _exchange(tensor.source, second, first) if tensor.source is not None else None
                    old = old if old in source.entries else None
                    mirrored[name] = replace(tensor, name=name, source=old, alias_of=tensor.name)
    ignored = {key for pattern in set(source.ignored.values()) for key in fitting(mirrored, pattern)}
    return [tensor for name, tensor in mirrored.items() if name not in ignored]


def _exchange(name: str, old: str, new: str) -> str | None:
    """``name`` with its beginning ``old`` (whole segments) replaced, or None."""
    return new + name[len(old) :] if name == old or name.startswith(old + ".") else None


def _share_equal(source: Checkpoint, tensors: Sequence[NewTensor]) -> list[NewTensor]:
    """Tensors that shared their storage in the file go on sharing it where their new values are equal."""
    group_of = {name: group[0] for group in source.aliases for name in group}
    known: dict[tuple[object, ...], str] = {}
    result: list[NewTensor] = []
    for tensor in tensors:
        if tensor.source in group_of and tensor.alias_of is None:
            values = "kept"
            if tensor.chunks is not None:
                total = hashlib.sha256()
                for chunk in tensor.stream():
                    total.update(chunk.data)
                values = total.hexdigest()
            key = (group_of[tensor.source], tensor.shape, tensor.dtype, values)
            owner = known.setdefault(key, tensor.name)
            if owner != tensor.name:
                tensor = replace(tensor, alias_of=owner)
        result.append(tensor)
    return result


def _owned(tensors: Sequence[NewTensor]) -> list[NewTensor]:
    """Each ``alias_of`` followed to the tensor that is not an alias itself."""
    owner = {tensor.name: tensor.alias_of for tensor in tensors}

    def last(name: str) -> str:
        further = owner[name]
        return name if further is None else last(further)

    return [t if t.alias_of is None else replace(t, alias_of=last(t.alias_of)) for t in tensors]


def _check_distinct(source: Checkpoint, slots: Sequence[Slot]) -> None:
    seen: set[str] = set()
    for slot in slots:
        if slot.raw in seen:
            message = f"the grown network needs the key `{slot.raw}`, which another entry of the file has"
            hint = "rename that entry, or the layer (`as NAME` in the directive)"
            raise FptError(Diagnostic("F428", message, hint=hint, path=str(source.path)))
        seen.add(slot.raw)


def donor(source: Checkpoint, name: str) -> str | None:
    """The old tensor that a new one is most like: of the same last two segments, else the same last one."""
    parts = name.split(".")
    for count in (2, 1):
        alike = [key for key in source.known_dtypes if key.split(".")[-count:] == parts[-count:]]
        if alike:
            return max(alike, key=lambda key: common(key.split("."), parts))
    return None


def dtype_for(source: Checkpoint, name: str, *, buffer: bool = False, init: str = "kernel") -> str:
    """The type for a tensor that growth adds: that of its likes in the file.

    Counters (``init`` ``count``) are int64 unless the file's are of another integer type; everything else
    takes the type of the nearest tensor of the same name, or the float type that most tensors have.
    """
    like = donor(source, name)
    kind = source.dtype(like) if like is not None else None
    floating = kind is not None and kind.startswith(("float", "bfloat"))
    if init == "count":
        return "int64" if kind is None or floating else kind
    if kind is not None and floating:
        return kind
    return dominant(source.known_dtypes.values())
