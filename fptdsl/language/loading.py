"""Loading a spec: its file, the files that it uses, and the growth given on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..diagnostics import Diagnostics, Source
from . import syntax
from .document import Document
from .parser import parse
from .reading import find_spec
from .using import Bundle, Reader, combine_blocks

COMMAND_LINE = "--grow"
"""The name of the source of growth given on the command line."""


def load(
    spec: str | Path,
    *,
    model: str | Path | None = None,
    grow: Sequence[str] = (),
    diagnostics: Diagnostics | None = None,
) -> Document:
    """The spec (a file, or a spec that ships with the package) with everything that it uses.

    ``model`` supplies the model, blocks and checkpoint section of a spec that holds only growth;
    ``grow`` are texts of directives.  Raises FptError with the faults of all the files; given
    ``diagnostics`` they are collected there and the Document is that of what could be read.
    """
    faults = Diagnostics() if diagnostics is None else diagnostics
    path = find_spec(spec)
    reader = Reader(faults)
    own = reader.read(path, name=str(spec) if path == Path(spec) else str(path))
    bundle = own or Bundle.empty(Source(str(spec), ""))
    if model is not None and own is not None:
        bundle = _with_model(bundle, reader.read(find_spec(model), name=str(model)), model, faults)
    grows = [item for item in bundle.file.items if isinstance(item, syntax.Grow)]
    sources = [bundle.source, *reader.others(bundle.source)]
    for text in grow:
        file = parse(text, COMMAND_LINE, faults)
        grows.extend(_only_growth(file, faults))
        if file.span is not None:
            sources.append(file.span.source)
    _check_grows(grows, faults)
    if diagnostics is None:
        faults.check()
    return Document(
        path=path if own is not None else None,
        file=bundle.file,
        blocks=bundle.blocks,
        model=bundle.model,
        model_args=bundle.args,
        checkpoint=bundle.checkpoint,
        grows=tuple(grows),
        sources=tuple(sources),
    )


def _check_grows(grows: Sequence[syntax.Grow], faults: Diagnostics) -> None:
    """Imports the models of the methods only where there is growth."""
    if grows:
        from .directives import check_grows

        check_grows(grows, faults)


def _with_model(own: Bundle, other: Bundle | None, name: str | Path, faults: Diagnostics) -> Bundle:
    """The spec with what ``--model`` supplies."""
    if other is None:
        return own
    if own.model is not None:
        hint = "leave `--model` out, or give a file that holds only growth as the spec"
        message = f"the spec has the model `{own.model.name}` already, so `--model {name}` cannot supply another"
        faults.add("F127", message, own.model.span and own.head(own.model), hint=hint)
        return own
    if other.model is None:
        faults.add("F126", f"`{name}`, given with `--model`, holds no model", path=str(name))
    blocks = combine_blocks(own.blocks, other.blocks, faults)
    return Bundle(own.source, own.file, blocks, other.model, other.args, own.checkpoint or other.checkpoint)


def _only_growth(file: syntax.File, faults: Diagnostics) -> list[syntax.Grow]:
    grows = []
    for item in file.items:
        if isinstance(item, syntax.Grow):
            grows.append(item)
        else:
            hint = "write the rest in a file"
            faults.add("F128", "`--grow` takes directives and `grow` sections only", item.span, hint=hint)
    return grows
