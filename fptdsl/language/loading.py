"""Loading a spec: its file, the files that it uses, and the growth given on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..diagnostics import Diagnostics
from . import syntax
from .document import Document
from .parser import parse

def load(
    spec: str | Path,
    *,
    model: str | Path | None = None,
    grow: Sequence[str] = (),
    diagnostics: Diagnostics | None = None,
) -> Document:
    path = Path(spec)
    file = parse(path.read_text(), str(path))
    blocks = {i.name: i for i in file.items if isinstance(i, syntax.Block)}
    models = [i for i in file.items if isinstance(i, syntax.Model)]
    checks = [i for i in file.items if isinstance(i, syntax.Checkpoint)]
    grows = [i for i in file.items if isinstance(i, syntax.Grow)]
    args = ()
    if model is not None:
        other = load(model)
        blocks, models, checks = {**other.blocks, **blocks}, models or [other.model], checks or [other.checkpoint]
        args = other.model_args
    for text in grow:
        grows += [i for i in parse(text, "--grow").items if isinstance(i, syntax.Grow)]
    source = file.span.source
    return Document(path, file, blocks, models[0] if models else None, args, checks[0] if checks else None, tuple(grows), (source,))
