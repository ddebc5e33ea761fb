"""Changing a definition's text where its syntax changed, and nowhere else: comments and layout stay.

Every function gives the edits that turn the text of an old node into that of a new one.  They are a
proposal: the caller parses the result and prints the new tree where it reads otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from ...diagnostics import Span
from ...language import syntax, unparse
from ...language.edit import whole_lines
from .lines import (
    WIDTH,
    Anew,
    Edit,
    TooLong,
    at,
    indent,
    level,
    line_length,
    line_start,
    put_after,
    put_before,
    require,
)


def retouch(old: syntax.Node, new: syntax.Node) -> list[Edit]:
    """Edits of the text of ``old``; raises :class:`Anew` where its place is unknown."""
    if old == new:
        return []
    if old.span is None:
        raise Anew
    try:
        return _inside(old, new)
    except TooLong:
        if old.span.start != line_start(old.span) + len(indent(old.span)):
            raise  # the statement on whose line this one stands is printed anew, over several lines
        return [(old.span, unparse(new, level(old.span)))]
    except Anew:
        return [(old.span, unparse(new, level(old.span)))]


def _inside(old: syntax.Node, new: syntax.Node) -> list[Edit]:
    if type(old) is not type(new):
        raise Anew
    if isinstance(old, (syntax.Block, syntax.Model)) and isinstance(new, (syntax.Block, syntax.Model)):
        require(old.name == new.name and _of_config(old) == _of_config(new))
        return [*_params(old, new), *_bodies(old.body, new.body)]
    if isinstance(old, syntax.Statement) and isinstance(new, syntax.Statement):
        require(old.key == new.key and old.let == new.let)
        return _statement(old, new)
    raise Anew


def _of_config(definition: syntax.Block | syntax.Model) -> bool:
    return isinstance(definition, syntax.Model) and definition.from_config


def _statement(old: syntax.Statement, new: syntax.Statement) -> list[Edit]:
    if isinstance(old, syntax.Apply) and isinstance(new, syntax.Apply):
        return _apply(old, new)
    if isinstance(old, syntax.Repeat) and isinstance(new, syntax.Repeat):
        return [*_count(old, new), *retouch(old.body, new.body)]
    if isinstance(old, syntax.If) and isinstance(new, syntax.If):
        require((old.otherwise is None) == (new.otherwise is None))
        otherwise = _bodies(old.otherwise or (), new.otherwise or ())
        return [*retouch(old.test, new.test), *_bodies(old.then, new.then), *otherwise]
    if isinstance(old, syntax.Residual) and isinstance(new, syntax.Residual):
        body = _bodies(old.body, new.body)
        if old.shortcut is None and new.shortcut is not None:
            return [*body, _with_shortcut(old, new)]
        require((old.shortcut is None) == (new.shortcut is None))
        return [*body, *_bodies(old.shortcut or (), new.shortcut or ())]
    if isinstance(old, syntax.Parallel) and isinstance(new, syntax.Parallel):
        require(old.mode == new.mode)
        return _bodies(old.branches, new.branches)
    if isinstance(old, (syntax.Group, syntax.Sequential)) and isinstance(new, (syntax.Group, syntax.Sequential)):
        return _bodies(old.body, new.body)
    if isinstance(old, syntax.Input) and isinstance(new, syntax.Input):
        require(replace(old, dims=()) == replace(new, dims=()) and len(old.dims) == len(new.dims))
        return [edit for a, b in zip(old.dims, new.dims) for edit in retouch(a, b)]
    raise Anew


def _with_shortcut(old: syntax.Residual, new: syntax.Residual) -> Edit:
    """The new shortcut behind the braces of the old body."""
    if old.span is None:
        raise Anew
    text = unparse(syntax.Residual((), new.shortcut), level(old.span))
    return at(old.span, old.span.end), f" {text[text.index('shortcut') :]}"


# --- heads ---------------------------------------------------------------------------------------


def _params(old: syntax.Block | syntax.Model, new: syntax.Block | syntax.Model) -> list[Edit]:
    """Changed defaults, and parameters added at the end."""
    edits: list[Edit] = []
    for before, after in zip(old.params, new.params):
        require(before.name == after.name)
        if before == after:
            continue
        if before.span is None:
            raise Anew
        if before.default is not None and after.default is not None:
            edits.extend(retouch(before.default, after.default))
        else:
            edits.append((before.span, unparse(after)))
    added = [unparse(param) for param in new.params[len(old.params) :]]
    require(len(new.params) >= len(old.params))
    if not added:
        return edits
    last = old.params[-1].span if old.params else None
    if last is not None:
        return [*edits, (at(last, last.end), "".join(f", {text}" for text in added))]
    if old.span is None:
        raise Anew
    head = re.match(r"(?:block|model)\s+\w+\s*(\(\s*\))?", old.span.text)
    if head is None:
        raise Anew
    start, end = head.span(1) if head.group(1) else (head.end(), head.end())
    text = f"({', '.join(added)})"
    if not head.group(1):
        start = end = len(head.group(0).rstrip())
    return [*edits, (Span(old.span.source, old.span.start + start, old.span.start + end), text)]


def _count(old: syntax.Repeat, new: syntax.Repeat) -> list[Edit]:
    """The count of a ``repeat``, and an index where it has none yet."""
    if old.count.span is None:
        raise Anew
    if old.index == new.index:
        return retouch(old.count, new.count)
    require(old.index is None)
    index = f" as {new.index}"
    # Blanks that align the braces of neighbouring lines make room for the index.
    text, start = old.count.span.source.text, old.count.span.end
    blanks = len(text) - start - len(text[start:].lstrip(" ")) - 1
    end = start + max(0, min(blanks, len(index)))
    return [*retouch(old.count, new.count), (Span(old.count.span.source, start, end), index)]


def _apply(old: syntax.Apply, new: syntax.Apply) -> list[Edit]:
    """Changed arguments in place, new ones at the end; anything else is printed anew."""
    require(old.op == new.op and old.sources == new.sources)
    require(len(old.args) <= len(new.args) and bool(old.args))
    edits: list[Edit] = []
    for before, after in zip(old.args, new.args):
        require(before.name == after.name)
        if before.value != after.value:
            if before.span is None:
                raise Anew
            edits.append((before.span, unparse(after)))
    added = new.args[len(old.args) :]
    last = old.args[-1].span
    if last is None:
        raise Anew
    if added:
        edits.append((at(last, last.end), "".join(f", {unparse(argument)}" for argument in added)))
    if line_length(last) + sum(len(text) - (span.end - span.start) for span, text in edits) > WIDTH:
        raise TooLong
    return edits


# --- bodies --------------------------------------------------------------------------------------


def _bodies(old: Sequence[syntax.Stmt], new: Sequence[syntax.Stmt]) -> list[Edit]:
    """Edits of the statements between two braces."""
    if tuple(old) == tuple(new):
        return []
    require(bool(old) and bool(new) and all(statement.span is not None for statement in old))
    edits: list[Edit] = []
    kept = _matched(old, new)
    require(bool(kept))
    for position, statement in enumerate(old):
        if position not in kept.values() and statement.span is not None:
            edits.append((whole_lines(statement.span.source.text, statement.span), ""))
    before: syntax.Stmt | None = None
    for known, run in groupby(range(len(new)), lambda number: number in kept):
        numbers = list(run)
        if not known:
            added = [new[number] for number in numbers]
            edits.append(put_after(before, added) if before is not None else put_before(old[kept[min(kept)]], added))
            continue
        for number in numbers:
            before = old[kept[number]]
            edits.extend(retouch(before, new[number]))
    return edits


def _matched(old: Sequence[syntax.Stmt], new: Sequence[syntax.Stmt]) -> dict[int, int]:
    """Which new statement (by number) is a change of which old one, in order."""
    matched: dict[int, int] = {}
    start = 0
    for number, statement in enumerate(new):
        for position in range(start, len(old)):
            same_place = statement.span is not None and statement.span is old[position].span
            if same_place and statement.key == old[position].key:
                matched[number] = position
                start = position + 1
                break
    return matched
