"""A checkpoint folder: its weights files as one checkpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from blake3 import blake3

from ..diagnostics import Diagnostic, Diagnostics, FptError
from ..language import syntax
from .checkpoint import Checkpoint
from .contents import Contents, read_contents
from .named import name_entries
from .scanning import Scan
from .shard_index import Layout, find_layout
from .state import State
from .storage import Entry

LISTED = 10
"""Faults of one kind that are told one by one."""


@dataclass(eq=False)
class FolderCheckpoint(Checkpoint):
    """A folder in the Hugging Face layout that is open for reading; ``path`` is the folder."""

    layout: Layout = field(default_factory=lambda: Layout(()), repr=False)
    files: Mapping[str, Contents] = field(default_factory=dict, repr=False)
    """The weights files by name."""
    home: Mapping[Any, str] = field(default_factory=dict, repr=False)
    """Raw key -> name of the file that holds it."""

    def close(self) -> None:
        for contents in self.files.values():
            contents.close()

    def digest(self, stop: Event | None = None, like: Checkpoint | None = None) -> str:
        """BLAKE3 over the names and digests of the weights files, as ``b3sum`` lists them.

        A file that is, byte by byte, one of ``like`` need not be hashed again.
        """
        scans = zip(sorted(self.files), self.scans(stop, like), strict=True)
        return blake3("".join(f"{scan().digest}  {name}\n" for name, scan in scans).encode()).hexdigest()

    def scans(self, stop: Event | None = None, like: Checkpoint | None = None) -> list[Callable[[], Scan]]:
        """The passes over its weights files, by their names."""
        inside: dict[str, list[str]] = {name: [] for name in self.files}
        for spec, key in self.names.items():
            inside[self.home[key.raw]].append(spec)
        return [
            partial(
                self._scan, contents.path, contents.descriptor, contents.entries, inside[name], stop,
                self._twin(name, like),
            )
            for name, contents in sorted(self.files.items())
        ]  # fmt: skip

    def _files(self) -> Iterable[tuple[Path, int]]:
        return [(contents.path, contents.descriptor) for contents in self.files.values()]

    def _twin(self, name: str, other: Checkpoint | None) -> int | None:
        """The open file of another folder that is called the same."""
        twin = other.files.get(name) if isinstance(other, FolderCheckpoint) else None
        return None if twin is None else twin.descriptor

    def in_same_file(self, name: str, other: Checkpoint, source: str) -> bool:
        """Whether a tensor lies in a file that is that of ``other``, and is called there what ``source`` is called.

        Then both are equal bit by bit.  Raises nothing; False says only that they have to be compared.
        """
        if not isinstance(other, FolderCheckpoint) or name not in self.names or source not in other.names:
            return False
        key = self.names[name].raw
        file = self.home[key]
        twin = self._twin(file, other)
        same_name = key == other.names[source].raw
        return same_name and twin is not None and self.known.same(self.files[file].descriptor, twin)

    def part(self, file: str) -> Checkpoint:
        """What one weights file holds of the checkpoint; it is closed with the folder, not by itself."""
        contents = self.files[file]
        inside = {spec: entry for spec, entry in self.entries.items() if self.home[self.names[spec].raw] == file}
        return Checkpoint(
            path=contents.path,
            container=contents.container,
            found="",
            descriptor=-1,
            state=contents.state,
            names={spec: name for spec, name in self.names.items() if self.home[name.raw] == file},
            entries=inside,
            links=self.links,
            alias_rules=self.alias_rules,
            ignored=self.ignored,
            metadata=contents.metadata,
            loaded=contents.loaded,
        )


def open_folder(path: Path, rules: syntax.Checkpoint | None, described: Collection[str] = ()) -> FolderCheckpoint:
    """Open the weights of a folder; of safetensors only the headers are read.

    Raises ``FptError``: F430 to F434 for the folder and its index, and what a single file raises.
    """
    layout = find_layout(path)
    with ExitStack() as stack:
        files: dict[str, Contents] = {}
        for name in layout.files:
            files[name] = read_contents(path / name, rules)
            stack.callback(files[name].close)
        _check_containers(path, files)
        if layout.where is not None:
            _check_index(path, layout, files)
        home = {key: name for name, contents in files.items() for key in contents.state.tensors}
        entries = {key: entry for contents in files.values() for key, entry in contents.entries.items()}
        named = name_entries(entries, rules, frozenset(described), str(path), family=True)
        stack.pop_all()
    container = next(iter(files.values())).container
    return FolderCheckpoint(
        path=path,
        container=container,
        found=_sentence(files, entries) + named.sentence,
        descriptor=-1,
        state=State({key: value for c in files.values() for key, value in c.state.tensors.items()}, ()),
        names=named.names,
        entries=named.entries,
        links=named.links,
        alias_rules=named.alias_rules,
        ignored=named.ignored,
        warnings=named.warnings,
        layout=layout,
        files=files,
        home=home,
    )


def _sentence(files: Mapping[str, Contents], entries: Mapping[str, Entry]) -> str:
    name = next(iter(files))
    where = f"`{name}`" if len(files) == 1 else f"{len(files)} shards"
    return f"folder with {len(entries)} tensor{'s' * (len(entries) != 1)} in {where}"


def _check_containers(path: Path, files: Mapping[str, Contents]) -> None:
    """All shards are safetensors, or all are torch files of the same container."""
    kinds = {name: contents.container for name, contents in files.items()}
    counts = Counter(kinds.values())
    if len(counts) > 1:
        usual = counts.most_common(1)[0][0]
        odd = next(name for name, kind in kinds.items() if kind != usual)
        message = f"`{odd}` is in another container ({kinds[odd]}) than the other shards ({usual})"
        raise FptError(Diagnostic("F434", message, hint="save the model again with one of them", path=str(path / odd)))


def _check_index(path: Path, layout: Layout, files: Mapping[str, Contents]) -> None:
    """Each tensor is in the shard that the index names, and in no other."""
    assert layout.where is not None
    homes: dict[str, list[str]] = {}
    for name, contents in files.items():
        for key in contents.entries:
            homes.setdefault(key, []).append(name)
    missing, twice, elsewhere, unlisted = [], [], [], []
    for key, file in layout.where.items():
        found = homes.get(key, [])
        if not found:
            missing.append(f"the index has `{key}` in `{file}`, which does not hold it")
        elif len(found) == 1 and file not in found:
            elsewhere.append(f"the index has `{key}` in `{file}`, but it is in `{found[0]}`")
    for key, found in homes.items():
        if len(found) > 1:
            twice.append(f"`{key}` is in {' and in '.join(f'`{name}`' for name in found)}")
        elif key not in layout.where:
            unlisted.append(f"`{found[0]}` holds `{key}`, which the index does not list")
    faults = Diagnostics()
    for messages in (missing, elsewhere, twice, unlisted):
        _add(faults, messages, str(path / str(layout.index)))
    faults.check()


def _add(faults: Diagnostics, messages: list[str], path: str) -> None:
    hint = "index and shards are not of the same model: copy or download the folder again"
    for message in messages[:LISTED]:
        faults.add("F433", message, hint=hint, path=path)
    if len(messages) > LISTED:
        faults.add("F433", f"and {len(messages) - LISTED} more like it", path=path)
