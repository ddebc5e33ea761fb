"""Scanning weights files by their paths, before a checkpoint that holds them is open."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Event

from ..diagnostics import FptError
from .contents import read_contents
from .known_files import KnownFiles
from .scanning import spans
from .shard_index import find_layout


def files_ahead(path: Path) -> list[Path]:
    """The safetensors files of a file or a folder; none where it cannot be read."""
    try:
        names = find_layout(path).files if os.path.isdir(path) else [""]
    except (FptError, OSError):
        return []
    return [file for file in (path / name for name in names) if file.suffix == ".safetensors"]


def scan_path(path: Path, known: KnownFiles, stop: Event | None = None, twin: int | None = None) -> None:
    """Scan one file, as :meth:`~.known_files.KnownFiles.scan`; raises ``FptError`` where it cannot be read."""
    contents = read_contents(path, None)
    try:
        known.scan(contents.descriptor, spans(contents.entries), stop, twin)
    finally:
        contents.close()
