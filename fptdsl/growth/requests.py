"""Directives as requests: each with its place in the text, its options, and what it matched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..architecture.graph import Graph
from ..diagnostics import Diagnostics, Span, did_you_mean
from ..language import syntax
from ..language.directives import section_method
from .paths import is_whole_model, match


@dataclass(frozen=True)
class Request:
    """One directive with the options of its section.

    ``targets`` are names of the network before growth, in their order; ``""`` is the whole model.
    ``using`` is the directive's own method or the section's.
    """

    directive: syntax.Directive
    targets: tuple[str, ...]
    using: syntax.Using | None

    @property
    def text(self) -> str:
        return " ".join(self.directive.span.text.split()) if self.directive.span else str(self.directive)

    @property
    def span(self) -> Span | None:
        return self.directive.span


@dataclass
class Requests:
    """All requests of a run, by kind, in a canonical order that does not depend on that of the text."""

    widen: list[Request] = field(default_factory=list)
    deepen: list[Request] = field(default_factory=list)
    require: list[syntax.Require] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not (self.widen or self.deepen)


def collect(grows: Sequence[syntax.Grow], graph: Graph, diagnostics: Diagnostics) -> Requests:
    """Match every directive's paths against the network; faults go to ``diagnostics``."""
    found = Requests()
    for grow in grows:
        section = section_method(grow)
        for directive in grow.directives:
            if isinstance(directive, syntax.Require):
                found.require.append(directive)
                continue
            using = directive.using or section
            paths = directive.paths if isinstance(directive, syntax.Deepen) else (directive.path,)
            targets = [name for path in paths for name in _resolve(path, graph, diagnostics)]
            request = Request(directive, tuple(dict.fromkeys(targets)), using)
            if isinstance(directive, syntax.Widen):
                _once(found.widen, request)
            elif isinstance(directive, syntax.Deepen):
                _once(found.deepen, request)
            else:
                word = "enlarge" if isinstance(directive, syntax.Enlarge) else "branch"
                diagnostics.add(
                    "F302",
                    f"`{word}` is not available in this version",
                    directive.span,
                    hint="`widen` and `deepen` are; see the changelog for what is planned",
                )
    found.widen.sort(key=_canonical)
    found.deepen.sort(key=_canonical)
    return found


def _once(requests: list[Request], request: Request) -> None:
    """A repeated directive counts once."""
    if all(other.directive != request.directive or other.using != request.using for other in requests):
        requests.append(request)


def _canonical(request: Request) -> tuple[object, ...]:
    return request.targets, request.text


def _resolve(path: syntax.Path, graph: Graph, diagnostics: Diagnostics) -> list[str]:
    if is_whole_model(path):
        return [""]
    names = match(path, graph.regions)
    if not names:
        near = did_you_mean(str(path), graph.regions, limit=2)
        first = next(iter(graph.regions), None)
        hint = near or (f"the network begins with `{first}`; `fptdsl show` lists all names" if first else None)
        diagnostics.add("F301", f"`{path}` matches nothing in the network", path.span, hint=hint)
    return names
