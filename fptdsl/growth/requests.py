"""Directives as requests: each with its place in the text, its options, and what it matched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..architecture.graph import Graph
from ..diagnostics import Diagnostics, FptError, Span, did_you_mean
from ..language import syntax
from ..language.directives import Method, method_for
from .paths import is_whole_model, match


@dataclass(frozen=True)
class Request:
    """One directive with the options of its section.

    ``targets`` are names of the network before growth, in their order; ``""`` is the whole model.
    ``method`` is the one that the directive or its section asks for, None for the automatic choice.
    """

    directive: syntax.Directive
    targets: tuple[str, ...]
    method: Method | None

    @property
    def text(self) -> str:
        return " ".join(self.directive.span.text.split()) if self.directive.span else str(self.directive)

    @property
    def span(self) -> Span | None:
        return self.directive.span


@dataclass
class Requests:
    """All requests of a run, by kind, in a canonical order that does not depend on that of the text."""

    enlarge: list[Request] = field(default_factory=list)
    branch: list[Request] = field(default_factory=list)
    deepen: list[Request] = field(default_factory=list)
    widen: list[Request] = field(default_factory=list)
    require: list[syntax.Require] = field(default_factory=list)


def collect(grows: Sequence[syntax.Grow], graph: Graph, diagnostics: Diagnostics) -> Requests:
    """Match every directive's paths against the network; faults go to ``diagnostics``."""
    found = Requests()
    lists: dict[type, list[Request]] = {
        syntax.Enlarge: found.enlarge,
        syntax.Branch: found.branch,
        syntax.Deepen: found.deepen,
        syntax.Widen: found.widen,
    }
    for grow in grows:
        for directive in grow.directives:
            if isinstance(directive, syntax.Require):
                found.require.append(directive)
                continue
            paths = directive.paths if isinstance(directive, syntax.Deepen) else (directive.path,)
            targets = [name for path in paths for name in _resolve(path, graph, diagnostics)]
            try:
                method = method_for(directive, grow)
            except FptError as fault:
                diagnostics.items.extend(d for d in fault.diagnostics if d not in diagnostics.items)
                continue
            _once(lists[type(directive)], Request(directive, tuple(dict.fromkeys(targets)), method))
    for requests in lists.values():
        requests.sort(key=lambda request: (request.targets, request.text))
    return found


def _once(requests: list[Request], request: Request) -> None:
    """A repeated directive counts once."""
    if all(other.directive != request.directive or other.method != request.method for other in requests):
        requests.append(request)


def _resolve(path: syntax.Path, graph: Graph, diagnostics: Diagnostics) -> list[str]:
    if is_whole_model(path):
        return [""]
    names = match(path, graph.regions)
    if not names:
        hint = did_you_mean(str(path), graph.regions, limit=2) or _same_ending(str(path), graph)
        diagnostics.add("F301", f"`{path}` matches nothing in the network", path.span, hint=hint)
    return names


def _same_ending(path: str, graph: Graph) -> str | None:
    """Names that end like the path, where none is near as a whole."""
    last = path.rpartition(".")[2]
    endings = {name.rpartition(".")[2]: name for name in reversed(graph.regions)}
    if last in endings:
        return f"`{endings[last]}` ends so; `**.{last}` matches every name that does"
    near = did_you_mean(last, endings)
    first = next(iter(graph.regions), None)
    return near or (f"the network begins with `{first}`; `fptdsl show` lists all names" if first else None)
