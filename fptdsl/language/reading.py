"""From a path to the text of a spec, with every way in which that fails as a diagnostic."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..diagnostics import Diagnostic, Diagnostics, FptError, Source, Span, did_you_mean
from ..resources import shipped_spec, shipped_specs
from .limits import MAX_BYTES


def find_spec(spec: str | Path) -> Path:
    """The file that a SPEC on the command line means: itself, or a spec that ships under that name."""
    if not str(spec):
        hint = "give a .fpt file, or the name of a spec that ships with fptdsl"
        raise FptError(Diagnostic("F140", "the name of the spec is empty", hint=hint))
    path = Path(spec)
    if exists(path):
        return path
    return shipped_spec(str(spec)) or path


def read_source(path: Path, faults: Diagnostics, span: Span | None = None, name: str | None = None) -> Source | None:
    """The text of the file, or None after reporting why it cannot be had.

    ``span`` is the place that asks for the file (``use``); ``name`` what the file is called in messages.
    A byte-order mark is left out.
    """
    name = str(path) if name is None else name
    shown = None if span else name
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            faults.add("F141", f"`{name}` is a folder, not a spec", span, hint=_specs_inside(path), path=shown)
            return None
        if not stat.S_ISREG(mode):
            faults.add("F142", f"`{name}` is not an ordinary file", span, path=shown)
            return None
        with open(path, "rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        faults.add("F140", f"there is no spec `{name}`", span, hint=_near(path, name), path=shown)
        return None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        faults.add("F142", f"`{name}` cannot be read: {why}", span, path=shown)
        return None
    return _decode(raw, name, faults)


def _decode(raw: bytes, name: str, faults: Diagnostics) -> Source | None:
    if len(raw) > MAX_BYTES:
        message = f"`{name}` is larger than {MAX_BYTES:,} bytes (1 MiB)"
        faults.add("F108", message, hint="move blocks to another file and bring them in with `use`", path=name)
        return None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        source = Source(name, raw.decode("utf-8", "replace"))
        offset = len(raw[: error.start].decode("utf-8"))
        message = f"the byte 0x{raw[error.start]:02x} is not UTF-8 text"
        faults.add("F110", message, Span(source, offset, offset + 1), hint=_encoding_hint(raw))
        return None
    return Source(name, text.removeprefix("\ufeff"))


def _encoding_hint(raw: bytes) -> str:
    """What a file that is not UTF-8 is instead."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "this looks like UTF-16"
    # A zip archive, or a pickle of protocol 2 and later: what torch.save writes.
    if raw[:4] == b"PK\x03\x04" or (raw[:1] == b"\x80" and raw[1:2] in b"\x02\x03\x04\x05"):
        return "this looks like a checkpoint: the spec comes first, then the checkpoint"
    return "save the file as UTF-8"


def exists(path: Path) -> bool:
    """Whether there is something at the path; False for what can be no path."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _near(path: Path, name: str) -> str | None:
    """Files of nearly that name beside it, or specs that ship with the package."""
    try:
        beside = [entry.name for entry in os.scandir(path.parent) if entry.name.endswith(".fpt")]
    except (OSError, ValueError):
        beside = []
    for wanted in (path.name, path.with_suffix(".fpt").name if path.name else path.name):
        hint = did_you_mean(wanted, sorted(beside))
        if hint is not None:
            return hint
    return did_you_mean(name.removesuffix(".fpt"), shipped_specs()) or did_you_mean(path.stem, shipped_specs())


def _specs_inside(path: Path) -> str | None:
    try:
        inside = sorted(entry.name for entry in os.scandir(path) if entry.name.endswith(".fpt"))
    except OSError:
        return None
    if inside:
        return "it holds " + ", ".join(f"`{name}`" for name in inside[:5])
    return "a checkpoint comes behind its spec: `hf/llama FOLDER`" if exists(path / "config.json") else None
