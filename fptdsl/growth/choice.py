"""Which method widens which Space: the one asked for, or the first that is legal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..architecture.graph import Graph
from ..architecture.terms import Space
from ..diagnostics import Diagnostics
from ..language import syntax
from .demands import Widths
from .facts import Facts, gather
from .forms import Form
from .methods import AUTOMATIC, WIDENING, Illegal, Method
from .plan import Exactness
from .random import Stream
from .recipe import Table
from .requests import Request


@dataclass(frozen=True)
class Choice:
    """The table of one Space with what the plan says of it."""

    table: Table
    request: Request | None
    """None for Spaces of inserted layers, which follow the layers that they are modelled on."""
    exactness: Exactness
    why: str
    advice: tuple[str, ...]
    refused: str = ""
    """Why another method than the first of the automatic choice."""


def choose(
    graph: Graph, widths: Widths, forms: Mapping[Space, Form], seed: int, diagnostics: Diagnostics
) -> dict[Space, Choice]:
    """A table for every Space that grows; faults where the method asked for is not legal.

    ``forms`` are Spaces whose table the insertion of their layers decides.
    """
    facts = gather(graph)
    names = space_names((*widths.sizes.new, *(space for space in forms if space not in widths.sizes.new)))
    chosen: dict[Space, Choice] = {}
    for space, form in forms.items():
        table = form(names[space], widths.sizes.size(space), Stream(seed, "table", names[space]))
        chosen[space] = Choice(table, None, "exact", "", ())
    for space, new in sorted(widths.sizes.new.items(), key=lambda item: item[0].order):
        if space in forms:
            continue
        request = widths.asked.get(space)
        fact = facts.get(space) or Facts(space)
        fact.sizes = widths.sizes
        method, options, refused = _method(fact, new, request, widths.causes.get(space), diagnostics)
        if method is None:
            continue
        stream = Stream(seed, "table", names[space])
        table = method.table(fact, names[space], new, options, stream)
        why, advice = method.why(fact, options), method.advice(fact, options)
        chosen[space] = Choice(table, request, method.exactness(fact, options), why, advice, refused)
    return chosen


def space_names(grown: Iterable[Space]) -> dict[Space, str]:
    """A readable unique name for every Space that grows: where its units come from."""
    names: dict[Space, str] = {}
    used: dict[str, int] = {}
    for space in sorted(grown, key=lambda s: (s.order, s.number)):
        used[space.home] = used.get(space.home, 0) + 1
        names[space] = space.home if used[space.home] == 1 else f"{space.home}#{used[space.home]}"
    return names


def _method(
    fact: Facts, new: int, request: Request | None, cause: str | None, diagnostics: Diagnostics
) -> tuple[Method | None, Mapping[str, Any], str]:
    """The method, its options, and why an earlier one of the automatic choice was passed over.

    ``cause``: the field of a configuration by which the units grow, so that the method asked for is taken where it
    is legal, and the automatic choice elsewhere.
    """
    why = f" (they would be {new}, by {cause})" if cause is not None else ""
    asked = request.method if request is not None and request.method is not None else None
    if cause is not None and asked is not None and asked.kind == "widen":
        like = WIDENING.get(asked.name)
        if like is not None and like.illegal(fact, new, asked.mapping) is not None:
            asked = None
    if asked is not None and asked.kind != "widen":
        # A width that came with an insertion: the method of the same name, where there is one.
        like = WIDENING.get(asked.name)
        if like is not None and like.illegal(fact, new, {}) is None:
            return like, {}, ""
        asked = None
    if asked is not None:
        method = WIDENING.get(asked.name)
        if method is None:
            hint = f"methods of widening: {', '.join(WIDENING)}"
            diagnostics.add(
                "F311", f"`{asked.name}` is not available for widening in this version", asked.span, hint=hint
            )
            return None, {}, ""
        reason = method.illegal(fact, new, asked.mapping)
        if reason is None:
            return method, asked.mapping, ""
        if reason.hint is None:
            reason = replace(reason, hint=_instead(fact, new))
        _refuse(fact, why, method.name, reason, request, diagnostics)
        return None, {}, ""
    passed: list[tuple[str, Illegal]] = []
    for method in map(WIDENING.__getitem__, AUTOMATIC):
        for options in method.tried:
            reason = method.illegal(fact, new, options)
            if reason is None:
                told = f"`{passed[0][0]}` is not legal: {passed[0][1].reason}" if passed else ""
                return method, options, told
            passed.append((method.name, reason))
    _refuse(fact, why, *_telling(fact, passed), request, diagnostics)
    return None, {}, ""


def _instead(fact: Facts, new: int) -> str | None:
    """What to do where the method asked for is not legal: what the automatic choice would take."""
    for method in map(WIDENING.__getitem__, AUTOMATIC):
        if any(method.illegal(fact, new, options) is None for options in method.tried):
            return f"`{method.name}` is legal here, and taken without `using`"
    return None


def _telling(fact: Facts, passed: list[tuple[str, Illegal]]) -> tuple[str, Illegal]:
    """What is said when no method is legal: of copies, and under norms of rescaling too."""
    if fact.first("actdot") is not None:
        return passed[0]  # The others know nothing of two sides.
    copies = next(each for each in passed if each[0] == "net2net")
    if fact.first("mean") is None:
        return copies
    rescaling = passed[-1][1]
    reason = f"{copies[1].reason}; `rescale`: {rescaling.reason}"
    return copies[0], Illegal(reason, rescaling.hint or copies[1].hint)


def _refuse(
    fact: Facts, why: str, method: str, reason: Illegal, request: Request | None, diagnostics: Diagnostics
) -> None:
    place = fact.space.home or "these units"
    span = request.span if request is not None else None
    if request is not None and request.method is not None and request.method.span is not None:
        span = request.method.span
    diagnostics.add(
        "F310",
        f"the units of `{place}`{why} cannot be widened with `{method}`: {reason.reason}",
        span,
        hint=_without(place, request, reason.hint),
    )


def _without(place: str, request: Request | None, hint: str | None) -> str | None:
    """The way out, and for units that are one of many that a directive means, to name the others."""
    if request is None or not isinstance(request.directive, syntax.Widen) or request.directive.size:
        return hint
    if not any(_holds(target, place) for target in request.targets):
        return hint
    others = "widen the parts beside it by their own names"
    return f"{hint}; or {others}" if hint else others


def _holds(target: str, place: str) -> bool:
    """Whether the place lies inside the target; ``""`` is the whole model."""
    return target != place and (not target or place.startswith(f"{target}."))
