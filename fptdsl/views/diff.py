"""The changes of a checkpoint: per tensor, like ones together, and where each part comes from."""

from __future__ import annotations

from typing import Any

from . import words
from .grouping import group, spell
from .page import Page, Piece
from .plan import modules, notes, totals
from .symbols import legend, sign

HOW = {
    "old": "as it was",
    "copy": "copies of old units",
    "fresh": "new, random",
    "zero": "zero",
    "identity": "identity",
    "scaled": "old, shared among copies",
    "changed": "has other values",
}
"""Words for the origin of a part; others are printed as they are."""


def diff(document: dict[str, Any], page: Page) -> None:
    """``fptdsl diff``, of a plan or of two checkpoints."""
    changed = [t for t in document["tensors"] if t["action"] != "keep"]
    if not changed:
        page.line(("No changes.", "bold"), f" {words.plural(len(document['tensors']), 'tensor')} are the same.")
        return
    page.line(("Changes", "bold"), f" of {document['model']}: ", _counts(document["tensors"]))
    _tensors(document["tensors"] if page.full else changed, page)
    notes(document, page)
    modules(document, page)
    totals(document["totals"], page)
    page.section("lines")
    page.line(*legend(t["action"] for t in (document["tensors"] if page.full else changed)))


def _counts(tensors: list[dict[str, Any]]) -> str:
    done = {"grow": "grown", "add": "new", "rename": "renamed", "change": "changed", "remove": "removed"}
    counts = [f"{n} {word}" for action, word in done.items() if (n := _number(tensors, action))]
    return ", ".join([*counts, f"{words.plural(_number(tensors, 'keep'), 'tensor')} unchanged"])


def _number(tensors: list[dict[str, Any]], action: str) -> int:
    return sum(t["action"] == action for t in tensors)


def _tensors(tensors: list[dict[str, Any]], page: Page) -> None:
    page.section("groups of tensors")
    groups = (
        [[t] for t in tensors]
        if page.full
        else group(
            tensors,
            name=lambda t: t["name"],
            alike=lambda t: (t["action"], _tuple(t["old_shape"]), _tuple(t["new_shape"]), origin(t)),
        )
    )
    rows: list[list[Piece]] = []
    for members in groups:
        first = members[0]
        mark, style = sign(first["action"])
        rows.append(
            [
                (f"{mark} {spell([t['name'] for t in members])}", style),
                shapes(first),
                (f"×{len(members)}" if len(members) > 1 else "", "dim"),
            ]
        )
    start = len(page.sections[-1].items)
    page.table(rows, right=(2,), indent=0)
    items = page.sections[-1].items[start:]
    for members, item in zip(groups, items):
        text = origin(members[0]) or _moved(members[0])
        if text and (page.full or len(groups) <= 10):
            item.extend(page.wrapped((text, "dim"), indent=4))


def _tuple(shape: list[int] | None) -> tuple[int, ...] | None:
    return None if shape is None else tuple(shape)


def shapes(tensor: dict[str, Any]) -> str:
    """``32×32×3×3 → 64×64×3×3``, or the one shape there is."""
    old, new = tensor["old_shape"], tensor["new_shape"]
    if old is None or new is None or old == new:
        return words.shape(new if new is not None else old)
    return f"{words.shape(old)} → {words.shape(new)}"


def origin(tensor: dict[str, Any]) -> str:
    """``axis 0: 0–31 as it was, 32–63 new, random; axis 1: ...``; units are numbered from 0."""
    axes: dict[int, list[str]] = {}
    whole: list[str] = []
    for part in tensor["parts"]:
        how = HOW.get(part["how"], part["how"])
        last = part["stop"] - 1
        if part["axis"] < 0:
            whole.append(how)
            continue
        span = f"{part['start']}–{last}" if last > part["start"] else f"{part['start']}"
        axes.setdefault(part["axis"], []).append(f"{span} {how}")
    return "; ".join([*whole, *(f"axis {axis}: {', '.join(spans)}" for axis, spans in axes.items())])


def _moved(tensor: dict[str, Any]) -> str:
    return f"was {tensor['source']}" if tensor["source"] not in (None, tensor["name"]) else ""
