"""``use``: files that bring in blocks, a model and a checkpoint section, never growth."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from ..diagnostics import Diagnostics, Note, Source, Span, did_you_mean
from ..resources import shipped_spec
from . import syntax
from .parser import parse
from .reading import exists, read_source

MAX_DEPTH = 16
"""How many files may use one another in a row."""


@dataclass(frozen=True)
class Bundle:
    """One file with everything that it uses brought in."""

    source: Source
    file: syntax.File
    blocks: dict[str, syntax.Block]
    model: syntax.Model | None
    args: tuple[syntax.Argument, ...]
    checkpoint: syntax.Checkpoint | None

    @staticmethod
    def empty(source: Source) -> Bundle:
        file = syntax.File((), span=Span(source, 0, len(source.text)))
        return Bundle(source, file, {}, None, (), None)

    @staticmethod
    def head(item: syntax.Block | syntax.Model) -> Span | None:
        """The place of a definition's first line."""
        if item.span is None:
            return None
        return Span(item.span.source, item.span.start, item.span.start + len(item.span.text.split("{")[0].rstrip()))


@dataclass
class Reader:
    """Reads files once each; reports cycles."""

    faults: Diagnostics
    done: dict[Path, Bundle | None] = field(default_factory=dict)
    stack: list[Path] = field(default_factory=list)

    def read(self, path: Path, name: str, span: Span | None = None) -> Bundle | None:
        """The bundle of a file; None after reporting why there is none.  ``span``: the ``use`` that asks."""
        try:
            key = path.resolve()
        except (OSError, RuntimeError, ValueError):
            # A loop of links, say: reading it gives the reason.
            key = path
        if key in self.stack:
            chain = " -> ".join(f"`{p.name}`" for p in (*self.stack[self.stack.index(key) :], key))
            self.faults.add(
                "F124", f"files use one another in a circle: {chain}", span, hint="move what both need to a third file"
            )
            return None
        if key in self.done:
            return self.done[key]
        if len(self.stack) >= MAX_DEPTH:
            self.faults.add("F125", f"more than {MAX_DEPTH} files use one another in a row", span)
            return None
        source = read_source(path, self.faults, span, name)
        if source is None:
            self.done[key] = None
            return None
        self.stack.append(key)
        self.done[key] = self._bundle(source, path)
        self.stack.pop()
        return self.done[key]

    def others(self, first: Source) -> list[Source]:
        """The sources of all files read but the first."""
        return [bundle.source for bundle in self.done.values() if bundle is not None and bundle.source is not first]

    def _bundle(self, source: Source, path: Path) -> Bundle:
        file = parse(source.text, source.name, self.faults)
        if file.span is not None:
            source = file.span.source
        blocks = {item.name: item for item in reversed(file.items) if isinstance(item, syntax.Block)}
        model = next((item for item in file.items if isinstance(item, syntax.Model)), None)
        checkpoint = next((item for item in file.items if isinstance(item, syntax.Checkpoint)), None)
        used: list[tuple[syntax.Use, Bundle]] = []
        for use in file.items:
            if isinstance(use, syntax.Use):
                bundle = self._use(use, path)
                if bundle is not None:
                    blocks = combine_blocks(blocks, bundle.blocks, self.faults)
                    self._check_name(use, bundle)
                    used.append((use, bundle))
        supplier = self._supplier(model, used)
        args: tuple[syntax.Argument, ...] = ()
        if supplier is not None:
            use, bundle = supplier
            model, args = bundle.model, merge_args(bundle, use.args)
        if checkpoint is None:
            candidates = [supplier[1]] if supplier else [bundle for _, bundle in used]
            checkpoint = next((bundle.checkpoint for bundle in candidates if bundle.checkpoint), None)
        return Bundle(source, file, blocks, model, args, checkpoint)

    def _use(self, use: syntax.Use, user: Path) -> Bundle | None:
        if not use.path:
            self.faults.add("F140", "`use` names no file", use.span)
            return None
        path = user.parent / use.path
        if not path.suffix and not exists(path):
            path = path.with_suffix(".fpt")
        if not exists(path):
            path = shipped_spec(use.path) or user.parent / use.path
        return self.read(path, name=str(path), span=use.span)

    def _check_name(self, use: syntax.Use, bundle: Bundle) -> None:
        if use.model is None:
            return
        if bundle.model is None:
            self.faults.add(
                "F126", f"`{use.path}` holds no model", use.span, hint="leave `as ...` out to use its blocks"
            )
        elif bundle.model.name != use.model:
            hint = did_you_mean(use.model, [bundle.model.name]) or f"its model is `{bundle.model.name}`"
            self.faults.add("F126", f"the model of `{use.path}` is not called `{use.model}`", use.span, hint=hint)

    def _supplier(
        self, own: syntax.Model | None, used: list[tuple[syntax.Use, Bundle]]
    ) -> tuple[syntax.Use, Bundle] | None:
        """The use whose model the file takes."""
        named = [pair for pair in used if pair[0].model is not None]
        if own is not None:
            for use, _ in named:
                note = Note("defined here", Bundle.head(own))
                message = f"the file has a model of its own, `{own.name}`, so `as {use.model}` has no effect"
                self.faults.add(
                    "F127", message, use.span, hint="leave `as ...` out to use the blocks only", notes=(note,)
                )
            return None
        candidates = [pair for pair in named or used if pair[1].model is not None]
        for use, bundle in candidates[1:]:
            if bundle.model is not candidates[0][1].model:
                note = Note("the first is brought in here", candidates[0][0].span)
                message = f"`{use.path}` brings in a second model"
                hint = 'say which one is meant: `use "..." as NAME`'
                self.faults.add("F127", message, use.span, hint=hint, notes=(note,))
        return candidates[0] if candidates else None


def combine_blocks(
    first: dict[str, syntax.Block], second: dict[str, syntax.Block], faults: Diagnostics
) -> dict[str, syntax.Block]:
    """The blocks of two files.  Two different ones of the same name are a fault."""
    for name, block in second.items():
        if name in first and first[name] is not block:
            note = Note("and here", Bundle.head(block))
            message = f"there are two blocks called `{name}`"
            faults.add("F111", message, Bundle.head(first[name]), hint="rename one of them", notes=(note,))
    return {**second, **first}


def merge_args(used: Bundle, given: tuple[syntax.Argument, ...]) -> tuple[syntax.Argument, ...]:
    """The arguments of the model: those of the file that uses it win over those of files in between."""
    if not used.args or used.model is None:
        return given
    names = [parameter.name for parameter in used.model.params]

    def by_name(arguments: tuple[syntax.Argument, ...]) -> dict[str | int, syntax.Argument]:
        """Positional arguments get the names of the parameters; one too many keeps its place, for a fault."""
        named: dict[str | int, syntax.Argument] = {}
        for place, argument in enumerate(arguments):
            if argument.name is None and place < len(names):
                argument = replace(argument, name=names[place])
            named[place if argument.name is None else argument.name] = argument
        return named

    merged = {**by_name(used.args), **by_name(given)}
    return tuple(sorted(merged.values(), key=lambda argument: argument.name is not None))
