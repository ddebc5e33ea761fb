"""Scanning weights files by their paths, before a checkpoint that holds them is open."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from threading import Event

from ..diagnostics import FptError
from .contents import read_contents
from .known_files import KnownFiles
from .scanning import spans
from .shard_index import find_layout


def scan_ahead(path: Path, known: KnownFiles, stop: Event | None = None) -> None:
    """Scan the safetensors files of a file or a folder; what cannot be read is left to whoever opens it."""
    with suppress(FptError, OSError):
        names = find_layout(path).files if os.path.isdir(path) else [""]
        for file in (path / name for name in names):
            if file.suffix == ".safetensors":
                scan_path(file, known, stop)


def scan_path(path: Path, known: KnownFiles, stop: Event | None = None, twin: int | None = None) -> None:
    """Scan one file, as :meth:`~.known_files.KnownFiles.scan`; raises ``FptError`` where it cannot be read."""
    contents = read_contents(path, None)
    try:
        known.scan(contents.descriptor, spans(contents.entries), stop, twin)
    finally:
        contents.close()
