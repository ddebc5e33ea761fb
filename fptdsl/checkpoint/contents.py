"""What one weights file holds, before any name is changed: container, state dict, tensors."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

from ..diagnostics import Diagnostic, FptError, did_you_mean
from ..language import syntax
from .keys import rules_of
from .open_files import raise_limit
from .state import State, find_state
from .storage import Entry

if TYPE_CHECKING:
    from .torch_file import TorchFile

Container = Literal["zip", "legacy", "safetensors"]
LFS_POINTER = b"version https://"
"""How the text begins that a clone without Git LFS has in a file's place."""


@dataclass(eq=False)
class Contents:
    """One open weights file."""

    path: Path
    container: Container
    descriptor: int = field(repr=False)
    state: State = field(repr=False)
    """The state dict in the file: raw key -> torch tensor, or Entry for safetensors."""
    entries: dict[str, Entry] = field(repr=False)
    """Raw key -> tensor, in the order of the file."""
    metadata: dict[str, str] | None = field(default=None, repr=False)
    """``__metadata__`` of a safetensors file."""
    loaded: TorchFile | None = field(default=None, repr=False)
    """The object that a torch file holds."""

    def close(self) -> None:
        """Close the file; reading is over."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def read_contents(path: Path, rules: syntax.Checkpoint | None) -> Contents:
    """Open a weights file and find its tensors; of safetensors only the header is read.

    Raises ``FptError`` with an F400 to F422 diagnostic.
    """
    descriptor = _open(path)
    try:
        return _read(path, descriptor, rules)
    except BaseException:  # the Contents are made last, so nothing else closes it
        os.close(descriptor)
        raise


def _open(path: Path) -> int:
    name = str(path)
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            _fail("F401", name, f"`{name}` is a folder", "give the checkpoint file itself")
        if not stat.S_ISREG(kind):
            _fail("F401", name, f"`{name}` is not a regular file", "give the checkpoint file itself")
        return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    except (FileNotFoundError, NotADirectoryError):
        near = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        near_hint = did_you_mean(path.name, near) if near else f"there is no folder `{path.parent}`"
        if not near and len(path.parts) == 2 and not path.is_absolute():
            near_hint = f"{near_hint}; a model of the Hugging Face hub is downloaded first, and its folder given"
        _fail("F400", name, f"there is no file `{name}`", near_hint or "check the path")
    except PermissionError:
        _fail("F402", name, f"`{name}` may not be read", "check its permissions")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        _fail("F402", name, f"`{name}` cannot be read: {reason}", raise_limit(error) or "check the path")


def container_of(path: Path, descriptor: int) -> Container:
    """The container by the first bytes; the file's name counts only where these say nothing."""
    head = os.pread(descriptor, 16, 0)
    name = str(path)
    if not head:
        _fail("F403", name, f"`{name}` is empty", "was the disk full when it was written?")
    if head == LFS_POINTER:
        hint = "run `git lfs pull` where it lies, or download it again"
        _fail("F404", name, f"`{name}` is a pointer of Git LFS, not the file that it stands for", hint)
    if head[:4] == b"PK\x03\x04":
        return "zip"
    if head[4:9] == b"\0\0\0\0{" or path.suffix == ".safetensors":
        return "safetensors"
    if head[:4] == b"PK\x05\x06":
        _fail("F404", name, f"`{name}` is an empty zip file", "give a file that torch.save wrote")
    if head[0] != 0x80:  # the first byte of every pickle since protocol 2
        message = f"`{name}` does not begin as a checkpoint does"
        _fail("F404", name, message, "give a file that torch.save or safetensors wrote (.pt, .pth, .th, .bin, ...)")
    return "legacy"


def _read(path: Path, descriptor: int, rules: syntax.Checkpoint | None) -> Contents:
    name = str(path)
    container = container_of(path, descriptor)
    if container == "safetensors":
        from .safetensors_header import read_header

        root, metadata = read_header(name, descriptor)
        if rules_of(rules, "select"):
            rule = rules_of(rules, "select")[0]
            message = f'`select "{rule.first}"`: a safetensors file has no dictionaries in it, only tensors'
            raise FptError(Diagnostic("F422", message, rule.span, hint="remove `select`", path=name))
        if not root:
            _fail("F420", name, f"`{name}` holds no tensors", "save `model.state_dict()` and give that file")
        return Contents(path, container, descriptor, State(root, ()), dict(root), metadata)
    import torch

    from .torch_file import load_torch

    loaded = load_torch(name, descriptor, zipped=container == "zip")
    state = find_state(loaded.root, rules_of(rules, "select"), lambda item: isinstance(item, torch.Tensor), name)
    entries = {
        key: loaded.entry(key, value)
        for key, value in state.tensors.items()
        if isinstance(key, str) and isinstance(value, torch.Tensor)
    }
    return Contents(path, container, descriptor, state, entries, loaded=loaded)


def _fail(code: str, path: str, message: str, hint: str) -> NoReturn:
    raise FptError(Diagnostic(code, message, hint=hint, path=path))
