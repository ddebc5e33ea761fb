"""An open checkpoint: its tensors by the keys of the spec, read in pieces."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..diagnostics import Diagnostic, FptError
from .contents import Container
from .dtypes import RAW
from .keys import KeyName
from .known_files import KnownFiles
from .scanning import Scan, spans
from .scanning_ahead import scan_path
from .state import State
from .storage import Array, Entry, unreadable

if TYPE_CHECKING:
    import torch

    from .torch_file import TorchFile


@dataclass(eq=False)
class Checkpoint:
    """A checkpoint file that is open for reading; close it, or use it in a ``with`` statement.

    All names are keys of the spec (the rules of the ``checkpoint`` section are applied).  Entries that
    a rule ignores are not among them; they are carried over when the checkpoint is written.
    """

    path: Path
    container: Container
    found: str
    """One sentence: what was found, and what was done to the keys."""
    descriptor: int = field(repr=False)
    state: State = field(repr=False)
    """The state dict in the file: raw key -> torch tensor, or Entry for safetensors."""
    names: Mapping[str, KeyName] = field(repr=False)
    """Spec key -> how it is spelt in the file."""
    entries: Mapping[str, Entry] = field(repr=False)
    """Spec key -> tensor."""
    links: Mapping[str, str] = field(repr=False)
    """Aliased spec key -> the key that holds the same tensor (``alias`` rules)."""
    alias_rules: tuple[tuple[str, str], ...] = field(repr=False)
    """The ``alias`` rules: second name, first name."""
    ignored: Mapping[str, str] = field(repr=False)
    """Ignored key, as the spec would spell it -> the pattern that hits it."""
    warnings: tuple[Diagnostic, ...] = ()
    metadata: Mapping[str, str] | None = field(default=None, repr=False)
    """``__metadata__`` of a safetensors file."""
    loaded: TorchFile | None = field(default=None, repr=False)
    """The object that a torch file holds."""
    known: KnownFiles = field(default_factory=KnownFiles, repr=False)
    """What has been worked out of its files, and of those of a checkpoint that was given the same."""
    sound: set[str] = field(default_factory=set, init=False, repr=False)
    """Tensors that a digest has seen to be finite, and to match their checksums; of others it says nothing."""

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; reading is over."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __del__(self) -> None:
        self.close()

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def keys(self) -> list[str]:
        """Spec keys in the order of the file."""
        return list(self.entries)

    def shape(self, name: str) -> tuple[int, ...]:
        return self.entries[name].shape

    def dtype(self, name: str) -> str:
        """Torch's name of the element type: ``float32``, ``bfloat16``, ``int64`` ..."""
        return self.entries[name].dtype

    def rows(self, name: str, start: int, stop: int) -> Array:
        """Rows ``start`` to ``stop`` of the first axis as raw elements (bfloat16 as its uint16 bits).

        A tensor without axes counts as one row; its array has the shape ``()``.
        """
        return self.entries[name].rows(start, stop)

    def chunks(self, name: str) -> Iterator[Array]:
        """All rows of a tensor in order, about a megabyte at a time."""
        return self.entries[name].chunks()

    def tensor(self, name: str) -> torch.Tensor:
        """The whole tensor as a contiguous copy of its own (plain, without ``requires_grad``)."""
        import torch

        entry = self.entries[name]
        raw = entry.rows(0, entry.shape[0] if entry.shape else 1)
        if not raw.flags.writeable or not raw.flags.owndata:
            raw = raw.copy()
        flat = torch.from_numpy(np.atleast_1d(raw).reshape(-1).view(np.uint8))
        return flat.view(getattr(torch, entry.dtype)).reshape(entry.shape)

    @cached_property
    def aliases(self) -> tuple[tuple[str, ...], ...]:
        """Groups of spec keys that are one tensor: the same view of the same bytes, or aliased by a rule."""
        regions = {name: entry.region for name, entry in self.entries.items() if entry.problem is None and entry.count}
        joined: dict[object, object] = {}

        def root(region: object) -> object:
            while region in joined:
                region = joined[region]
            return region

        for name, target in self.links.items():
            if name in regions and target in regions and root(regions[name]) != root(regions[target]):
                joined[root(regions[name])] = root(regions[target])
        groups: dict[object, list[str]] = {}
        for name, region in regions.items():
            groups.setdefault(root(region), []).append(name)
        return tuple(tuple(group) for group in groups.values() if len(group) > 1)

    def digest(self, stop: Event | None = None, like: Checkpoint | None = None) -> str:
        """BLAKE3 of the file, in hexadecimal (computed once); :class:`Stopped` soon after ``stop`` is set.

        On the way the tensors are looked at: see :attr:`sound`.  ``like``: a checkpoint with which files may be shared.
        """
        (scan,) = self.scans(stop, like)
        return scan().digest

    def scans(self, stop: Event | None = None, like: Checkpoint | None = None) -> list[Callable[[], Scan]]:
        """The passes over its files that a digest is made of; each may be had before it, in a thread of its own."""
        inside = {self.names[spec].raw: entry for spec, entry in self.entries.items()}  # not what is ignored
        return [partial(self._scan, self.path, self.descriptor, inside, self.names, stop)]

    def check_unwritten(self) -> None:
        """Raise ``FptError`` F405 where a file was written since its digest was taken: it is not what was hashed."""
        for path, descriptor in self._files():
            if not self.known.unwritten(descriptor):
                message = f"`{path}` was written while it was read"
                hint = "start again when nothing writes it any more"
                raise FptError(Diagnostic("F405", message, hint=hint, path=str(path)))

    def scan_written(self, path: Path, stop: Event | None = None) -> None:
        """Learn of a file that was written in this one's place what its digest will ask; only of safetensors."""
        if self.container == "safetensors":
            scan_path(path, self.known, stop, self._twin(path.name, self))

    def _twin(self, name: str, other: Checkpoint | None) -> int | None:
        """The open file of a folder that is called so."""
        return None

    def _files(self) -> Iterable[tuple[Path, int]]:
        """The files that are open, by path."""
        return [(self.path, self.descriptor)]

    def _scan(
        self,
        path: Path,
        descriptor: int,
        entries: Mapping[Any, Entry],
        names: Iterable[str],
        stop: Event | None,
        twin: int | None = None,
    ) -> Scan:
        """Of one file with these entries, by raw keys; ``names`` are the spec's for what may lie in it."""
        try:
            scan = self.known.scan(descriptor, spans(entries), stop, twin)
        except OSError as error:
            raise unreadable(str(path), error) from error
        self.sound.update(spec for spec in names if self.names[spec].raw in scan.sound)
        return scan

    @property
    def known_dtypes(self) -> dict[str, str]:
        """Spec key -> type, for the tensors that can be read as plain arrays."""
        return {name: e.dtype for name, e in self.entries.items() if e.problem is None and e.dtype in RAW}

    def raw(self, name: str) -> Any:
        """The value in the file's state dict (a torch tensor with its wrapper, or an Entry)."""
        return self.state.tensors[self.names[name].raw]
