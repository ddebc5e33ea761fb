"""Faults of later stages that are sure in spite of faults in the text, so that one run reports both.

What a fault in the text leaves out of the tree must not be reported a second time as missing.  So how far
a damaged spec is followed depends on where the damage is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..diagnostics import Diagnostic, Diagnostics, FptError

if TYPE_CHECKING:
    from ..language import Document, syntax

LOCAL = frozenset({"F211", "F212", "F214", "F215", "F216", "F217", "F218"})
"""Faults of one statement that no other statement of a body can cause: unknown operations, arguments."""


UNPLANNABLE = frozenset({"F107", "F130", "F133"})
"""Numbers out of all bounds: a plan with them could take all memory, or for ever."""


def add_later_faults(
    document: Document, settings: Mapping[str, Any], faults: Diagnostics, checkpoint: str | Path | None = None
) -> None:
    """Add what elaboration and planning find at fault in a document whose text has ``faults``.

    Directives with numbers that are out of bounds are not planned.
    """
    damage = {_damage(item, document) for item in faults.errors}
    if "elsewhere" in damage or document.model is None:
        return
    from ..architecture import elaborate, lower
    from .folders import fields_asked, find_config

    try:
        config = find_config(document, settings, checkpoint)
        network = elaborate(document, settings, config=fields_asked(document.model, config))
        if "body" in damage:
            return
        graph = lower(network)
        grows = _plannable(document, faults)
        if grows:
            from ..growth import make_plan

            make_plan(network, graph, grows)
    except FptError as error:
        sure = [item for item in error.diagnostics if "body" not in damage or item.code in LOCAL]
        known = tuple(faults.items)
        faults.items.extend(item for item in sure if not any(_same_place(item, other) for other in known))


def _plannable(document: Document, faults: Diagnostics) -> list[syntax.Grow]:
    """The growth without the directives whose numbers are out of bounds."""
    from ..diagnostics import Span

    def hit(span: Span | None) -> bool:
        return span is None or any(
            item.span is None or (item.span.source == span.source and span.start <= item.span.start < span.end)
            for item in faults.errors
            if item.code in UNPLANNABLE
        )

    grows = [replace(grow, directives=tuple(d for d in grow.directives if not hit(d.span))) for grow in document.grows]
    return [grow for grow in grows if grow.directives]


def _same_place(one: Diagnostic, other: Diagnostic) -> bool:
    """Whether the places overlap: what is wrong there is said already."""
    a, b = one.span, other.span
    if a is None or b is None:
        return one == other
    return a.source == b.source and a.start < max(b.end, b.start + 1) and b.start < max(a.end, a.start + 1)


def _damage(item: Diagnostic, document: Document) -> str:
    """Where a fault of the text is: in the ``growth``, in the ``body`` of a definition, or ``elsewhere``.

    Damage to a header or to a ``use`` is elsewhere: names that others need may be gone.
    """
    from ..language import syntax
    from ..language.statement_map import StatementMap

    span = item.span
    if span is None:
        return "elsewhere"
    if any(grow.span and grow.span.source.name == span.source.name == "--grow" for grow in document.grows):
        return "growth"
    definitions = [*document.blocks.values(), *([document.model] if document.model else [])]
    for definition in definitions:
        place = definition.span
        if place and place.source == span.source and place.start <= span.start < place.end:
            return "body" if span.start > place.start + place.text.index("{") else "elsewhere"
    for section in document.file.items:
        if isinstance(section, (syntax.Grow, syntax.Checkpoint)):
            place = section.span
            if place and place.source == span.source and place.start <= span.start < place.end:
                return "growth"
    statement = StatementMap(span.source.text).at(span.start)
    words = span.source.text[statement.start : statement.end].split()
    bare = statement.context == "top" and statement.right != "{" and words[:1] != ["use"]
    return "growth" if bare and span.source.name in (document.sources[0].name, "--grow") else "elsewhere"
