"""Opening a checkpoint: what container it is (by its content), where its tensors are, what they are called."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from pathlib import Path
from typing import NoReturn

from ..diagnostics import Diagnostic, Diagnostics, FptError, did_you_mean
from ..language import syntax
from .checkpoint import Checkpoint, Container
from .keys import KeyName, alias_keys, automatic_prefix, ignored_keys, rename_keys, rules_of, strip_keys
from .state import State, find_state
from .storage import Entry

SUFFIXES = (".pt", ".pth", ".th", ".bin", ".ckpt", ".safetensors")


def open_checkpoint(
    path: str | Path, rules: syntax.Checkpoint | None = None, *, described: Collection[str] = ()
) -> Checkpoint:
    """Open a checkpoint for reading.

    ``rules`` is the spec's ``checkpoint`` section; without it the state dict and the wrapper prefixes are
    found by themselves.  ``described`` are the spec's keys, where known: a prefix that the spec has itself
    is not dropped.  torch is imported only for files that torch wrote.

    Raises ``FptError`` with F400 to F429 diagnostics.
    """
    path = Path(path)
    descriptor = _open(path)
    try:
        return _read(path, descriptor, rules, frozenset(described))
    except BaseException:  # the Checkpoint is made last, so nothing else closes it
        os.close(descriptor)
        raise


def _open(path: Path) -> int:
    name = str(path)
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            inside = sorted(p.name for p in path.iterdir() if p.suffix in SUFFIXES)
            hint = f"give a file in it: `{path / inside[0]}`" if inside else "give the checkpoint file itself"
            _fail("F401", name, f"`{name}` is a folder", hint)
        if not stat.S_ISREG(kind):
            _fail("F401", name, f"`{name}` is not a regular file", "give the checkpoint file itself")
        return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    except (FileNotFoundError, NotADirectoryError):
        near = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        near_hint = did_you_mean(path.name, near) if near else f"there is no folder `{path.parent}`"
        _fail("F400", name, f"there is no file `{name}`", near_hint or "check the path")
    except PermissionError:
        _fail("F402", name, f"`{name}` may not be read", "check its permissions")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        _fail("F402", name, f"`{name}` cannot be read: {reason}", "check the path")


def container_of(path: Path, descriptor: int) -> Container:
    """The container by the first bytes; the file's name counts only where these say nothing."""
    head = os.pread(descriptor, 16, 0)
    name = str(path)
    if not head:
        _fail("F403", name, f"`{name}` is empty", "was the disk full when it was written?")
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


def _read(path: Path, descriptor: int, rules: syntax.Checkpoint | None, described: frozenset[str]) -> Checkpoint:
    name = str(path)
    container = container_of(path, descriptor)
    metadata, loaded = None, None
    if container == "safetensors":
        from .safetensors_header import read_header

        root, metadata = read_header(name, descriptor)
        state = State(root, ())
        if rules_of(rules, "select"):
            rule = rules_of(rules, "select")[0]
            message = f'`select "{rule.first}"`: a safetensors file has no dictionaries in it, only tensors'
            raise FptError(Diagnostic("F422", message, rule.span, hint="remove `select`", path=name))
        if not root:
            _fail("F420", name, f"`{name}` holds no tensors", "save `model.state_dict()` and give that file")
        entries = dict(root)
    else:
        import torch

        from .torch_file import load_torch

        loaded = load_torch(name, descriptor, zipped=container == "zip")
        state = find_state(loaded.root, rules_of(rules, "select"), lambda item: isinstance(item, torch.Tensor), name)
        entries = {
            key: loaded.entry(key, value)
            for key, value in state.tensors.items()
            if isinstance(key, str) and isinstance(value, torch.Tensor)
        }
    found = Diagnostics()
    names, prefix = _names(list(entries), rules, described, found, name)
    keys = [key.spec for key in names]
    links = alias_keys(keys, rules_of(rules, "alias"), found, name)
    ignored = ignored_keys(keys, rules_of(rules, "ignore"), found, name)
    found.check()
    by_key = {key.spec: entries[key.raw] for key in names}
    _check_aliases(by_key, links, rules, name)
    return Checkpoint(
        path=path,
        container=container,
        found=_sentence(container, state.place, len(entries), prefix, len(ignored)),
        descriptor=descriptor,
        state=state,
        names={key.spec: key for key in names},
        entries={key: entry for key, entry in by_key.items() if key not in ignored},
        links={key: target for key, target in links.items() if key not in ignored},
        alias_rules=tuple((r.first.rstrip("."), (r.second or "").rstrip(".")) for r in rules_of(rules, "alias")),
        ignored=ignored,
        warnings=found.warnings,
        metadata=metadata,
        loaded=loaded,
    )


def _names(
    keys: list[str], rules: syntax.Checkpoint | None, described: frozenset[str], found: Diagnostics, path: str
) -> tuple[list[KeyName], str]:
    """The spec's name of every key, and the prefix that was dropped without a rule."""
    strip, rename = rules_of(rules, "strip"), rules_of(rules, "rename")
    automatic = "" if strip or rename else automatic_prefix(keys, described)
    dropped = dict.fromkeys(keys, automatic) if automatic else strip_keys(keys, strip, found, path)
    return rename_keys(dropped, rename, found, path), automatic


def _check_aliases(
    entries: dict[str, Entry], links: dict[str, str], rules: syntax.Checkpoint | None, path: str
) -> None:
    """Aliased tensors must be equal, bit for bit."""
    for first, second in links.items():
        left, right = entries[first], entries[second]
        if left.problem or right.problem or left.region == right.region:
            continue
        same = left.dtype == right.dtype and left.shape == right.shape
        if not same or any(a.tobytes() != b.tobytes() for a, b in zip(left.chunks(), right.chunks(), strict=True)):
            span = next((r.span for r in rules_of(rules, "alias") if first.startswith(r.first.rstrip("."))), None)
            message = f"`{first}` is declared an alias of `{second}`, but the two tensors differ"
            hint = "remove the alias, and describe both in the spec or ignore one"
            raise FptError(Diagnostic("F426", message, span, hint=hint, path=path))


def _sentence(container: Container, place: tuple[str, ...], count: int, prefix: str, ignored: int) -> str:
    kind = {"zip": "torch file", "legacy": "torch file (older container)", "safetensors": "safetensors file"}
    where = f" under `{'.'.join(place)}`" if place else ""
    text = f"{kind[container]} with {count} tensor{'s' * (count != 1)}{where}"
    if prefix:
        text += f", prefix `{prefix}` dropped"
    if ignored:
        text += f", {ignored} ignored"
    return text + "."


def _fail(code: str, path: str, message: str, hint: str) -> NoReturn:
    raise FptError(Diagnostic(code, message, hint=hint, path=path))
