"""What a command works on: a spec with everything that it uses brought in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..diagnostics import Source
from . import syntax


@dataclass(frozen=True)
class Document:
    """A loaded spec.

    ``path`` is the spec's file (for a spec that ships with the package the file inside it).  ``blocks``
    holds the blocks of the spec and of what it uses, by name.  ``model`` is the spec's own model, or the
    one that it uses, or that of ``--model``; None when there is none.  ``model_args`` are the arguments of
    ``use ... as M(args)``.  ``grows`` are the growth sections of the spec itself, then those of
    ``--grow``.  ``sources`` are all the texts that spans may point into, the spec's first.
    """

    path: Path | None
    file: syntax.File
    blocks: dict[str, syntax.Block]
    model: syntax.Model | None
    model_args: tuple[syntax.Argument, ...]
    checkpoint: syntax.Checkpoint | None
    grows: tuple[syntax.Grow, ...]
    sources: tuple[Source, ...]
