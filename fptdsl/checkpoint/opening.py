"""Opening a checkpoint: a file or a folder, and what its tensors are called in the spec."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from ..language import syntax
from .checkpoint import Checkpoint
from .contents import Container, read_contents
from .named import name_entries


def open_checkpoint(
    path: str | Path,
    rules: syntax.Checkpoint | None = None,
    *,
    described: Collection[str] = (),
    family: bool = False,
) -> Checkpoint:
    """Open a checkpoint for reading: a file, or a folder in the Hugging Face layout.

    ``rules`` is the spec's ``checkpoint`` section; without it the state dict and the wrapper prefixes are
    found by themselves.  ``described`` are the spec's keys, where known: a prefix that the spec has itself
    is not dropped.  ``family`` says that the rules are written for all checkpoints of a family, so that one
    that hits nothing here is no fault; they are so for a folder.  torch is imported only for files that torch
    wrote.

    Raises ``FptError`` with F400 to F439 diagnostics.
    """
    path = Path(path)
    if os.path.isdir(path):
        from .folder import open_folder

        return open_folder(path, rules, described)
    contents = read_contents(path, rules)
    try:
        named = name_entries(contents.entries, rules, frozenset(described), str(path), family=family)
    except BaseException:  # the Checkpoint is made last, so nothing else closes it
        contents.close()
        raise
    return Checkpoint(
        path=path,
        container=contents.container,
        found=_sentence(contents.container, contents.state.place, len(contents.entries)) + named.sentence,
        descriptor=contents.descriptor,
        state=contents.state,
        names=named.names,
        entries=named.entries,
        links=named.links,
        alias_rules=named.alias_rules,
        ignored=named.ignored,
        warnings=named.warnings,
        metadata=contents.metadata,
        loaded=contents.loaded,
    )


def _sentence(container: Container, place: tuple[str, ...], count: int) -> str:
    kind = {"zip": "torch file", "legacy": "torch file (older container)", "safetensors": "safetensors file"}
    where = f" under `{'.'.join(place)}`" if place else ""
    return f"{kind[container]} with {count} tensor{'s' * (count != 1)}{where}"
