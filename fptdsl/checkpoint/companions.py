"""The other files of a checkpoint folder: copied as they are, but for weights that would no longer fit."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from .copying import copy_file, not_copied

STALE = re.compile(
    r"(model|pytorch_model|tf_model|flax_model|rust_model)\b.*\.(safetensors|bin|h5|msgpack|ot)(\.index\.json)?"
)
"""Names of other files with the same weights; beside grown weights they would be those of another model."""

STALE_ANYWHERE = re.compile(r"consolidated\b.*\.(pth|safetensors)|.*\.(gguf|onnx|onnx_data|tflite|mlmodel)")
"""The same, also in folders of the folder."""

UNFIT = re.compile(r"(optimizer|adapter_model)\.(pt|bin|safetensors)")
"""Names of files of tensors that go with the old weights and are not those."""

LEFT_OUT = frozenset({".git", ".cache", ".ipynb_checkpoints", "__pycache__"})
"""Folders that belong to the tools that made the folder, not to the model."""


@dataclass(frozen=True)
class Companions:
    """``files`` are copied, ``stale`` and ``odd`` stay behind; all relative to the folder."""

    files: tuple[Path, ...]
    stale: tuple[Path, ...]
    odd: tuple[Path, ...]
    """Neither a file nor a folder, or a link that leads nowhere or to a folder."""

    def warnings(self) -> tuple[str, ...]:
        """What the user should know, as sentences."""
        found = [f"`{path}` holds the weights of the old model and is not copied" for path in self.stale]
        found += [f"`{path}` is neither a file nor a folder and is not copied" for path in self.odd]
        unfit = [path for path in self.files if UNFIT.fullmatch(str(path))]
        found += [f"`{path}` is copied as it is and does not fit the grown weights" for path in unfit]
        return tuple(found)


def find_companions(folder: Path, taken: Collection[str]) -> Companions:
    """What lies in ``folder`` besides the names in ``taken`` (at the top), in the order of names.

    Raises ``FptError`` F435 where a folder in it cannot be read.
    """
    files: list[Path] = []
    stale: list[Path] = []
    odd: list[Path] = []
    for path in _below(folder):
        name = path.relative_to(folder)
        if str(name) in taken:
            continue
        if not path.is_file():
            odd.append(name)
        elif STALE.fullmatch(str(name)) or STALE_ANYWHERE.fullmatch(path.name):
            stale.append(name)
        else:
            files.append(name)
    return Companions(tuple(files), tuple(stale), tuple(odd))


def _below(folder: Path) -> Iterator[Path]:
    """Every path that is not a folder itself; links to folders are not followed."""

    def unreadable(error: OSError) -> None:
        raise not_copied(error.filename, error) from error

    for place, folders, names in os.walk(folder, onerror=unreadable):
        links = [name for name in folders if Path(place, name).is_symlink()]
        folders[:] = sorted(set(folders) - set(links) - LEFT_OUT)
        yield from (Path(place, name) for name in sorted([*names, *links]))


def copy_companions(folder: Path, companions: Companions, target: Path) -> None:
    """Copy the files into the folder ``target``, those in folders into folders of the same name."""
    for name in companions.files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        copy_file(folder / name, target / name)
