"""Which files of a folder hold its weights, in the layouts of the Hugging Face libraries.

One file (``model.safetensors``, ``pytorch_model.bin``), or shards and an index that says which tensor is in which
shard.  Of several the first in the order of ``from_pretrained`` counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ..diagnostics import Diagnostic, Diagnostics, FptError, did_you_mean
from .open_files import raise_limit

LAYOUTS = ("model.safetensors", "pytorch_model.bin")
"""The single file of each layout; its index is ``NAME.index.json``."""

MAX_INDEX = 1 << 28
"""Bytes of an index; the largest published ones have some ten megabytes."""

SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<extension>\.\w+)")
"""The names that the libraries give to shards."""


@dataclass(frozen=True)
class Layout:
    """The weights files of a folder, in the order of their first tensor in the index.

    ``index`` is the name of the index and ``where`` what it says (raw key -> file); without an index both are
    None and there is one file.  ``rest`` are the other entries of the index (``metadata``), ``text`` is the index
    as it is written.
    """

    files: tuple[str, ...]
    index: str | None = None
    where: Mapping[str, str] | None = None
    rest: Mapping[str, Any] | None = None
    text: str = ""


def find_layout(folder: Path) -> Layout:
    """The weights of a folder; raises ``FptError`` F402, F430 to F432."""
    names = sorted(entry.name for entry in _entries(folder))
    for single in LAYOUTS:
        if single in names:
            return Layout((single,))
        index = f"{single}.index.json"
        if index in names:
            return _indexed(folder, index)
    raise _no_weights(folder, names)


def _entries(folder: Path) -> Iterable[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        hint = raise_limit(error) or "check its permissions"
        _fail("F402", str(folder), f"`{folder}` cannot be read: {error.strerror}", hint)


def _no_weights(folder: Path, names: list[str]) -> FptError:
    """The folder has neither a weights file nor an index: say what is there instead."""
    shards = {name: match["stem"] + match["extension"] for name in names if (match := SHARD.fullmatch(name))}
    first = next((name for name, single in shards.items() if single in LAYOUTS), None)
    if first is not None:
        message = f"`{folder}` has shards (`{first}`, ...) and no index `{shards[first]}.index.json`"
        hint = "download the index too; it says which tensor is in which shard"
        return FptError(Diagnostic("F430", message, hint=hint, path=str(folder)))
    weights = [name for name in names if name.endswith((".safetensors", ".bin", ".pt", ".pth", ".th", ".ckpt"))]
    hint = f"a folder in the Hugging Face layout holds one of {', '.join(f'`{name}`' for name in LAYOUTS)}, or shards"
    if weights:
        hint = f"give the file itself: `{folder / weights[0]}`"
    message = f"the folder `{folder}` holds no weights under the usual names"
    return FptError(Diagnostic("F430", message, hint=hint, path=str(folder)))


def _indexed(folder: Path, index: str) -> Layout:
    path = folder / index
    text = _text(path)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        _invalid(path, f"it is not JSON ({error})" if isinstance(error, ValueError) else "it is nested too deep")
    where = document.get("weight_map") if isinstance(document, dict) else None
    if not isinstance(where, dict) or not where:
        _invalid(path, "it has no table `weight_map` from tensors to files")
    for key, file in where.items():
        if not isinstance(file, str) or not file or Path(file).name != file or file in (".", ".."):
            said = json.dumps(file)[:80]
            _invalid(path, f"`{key}` is said to be in {said}, which is not the name of a file beside it")
    files = tuple(dict.fromkeys(where.values()))
    found = Diagnostics()
    for file in files:
        if not (folder / file).exists():
            count = sum(other == file for other in where.values())
            message = f"the shard `{file}`, which holds {count} tensors, is not in `{folder}`"
            found.add("F432", message, hint=_near(folder, file, files), path=str(path))
    found.check()
    rest = {key: value for key, value in document.items() if key != "weight_map"}
    return Layout(files, index, where, rest, text)


def _near(folder: Path, file: str, files: tuple[str, ...]) -> str:
    extra = [entry.name for entry in _entries(folder) if entry.suffix == Path(file).suffix and entry.name not in files]
    return did_you_mean(file, extra) or "copy or download it too"


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_INDEX:
            _invalid(path, f"it has more than {MAX_INDEX} bytes")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        hint = raise_limit(error) or "check its permissions"
        _fail("F402", str(path), f"`{path}` cannot be read: {error.strerror}", hint)
    except UnicodeDecodeError:
        _invalid(path, "it is not text")


def _invalid(path: Path, reason: str) -> NoReturn:
    _fail("F431", str(path), f"the index `{path}` is not valid: {reason}", "copy or download it again")


def _fail(code: str, path: str, message: str, hint: str) -> NoReturn:
    raise FptError(Diagnostic(code, message, hint=hint, path=path))
