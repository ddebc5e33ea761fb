"""The changes of a checkpoint: per tensor, like ones together, and where each part comes from."""

from __future__ import annotations

from typing import Any

from . import words
from .configuration import configuration
from .grouping import group, spell
from .page import Page, Piece
from .plan import modules, notes, totals
from .symbols import legend, sign

HOW = {
    "old": "as it was",
    "old, multiplied": "old units times a factor",
    "copy": "copies of old units",
    "copy, multiplied": "copies of old units times a factor",
    "fresh": "new, random",
    "pair": "new, in pairs that cancel",
    "copy of norm": "statistics of old units",
    "changed": "has other values",
}
"""Words for the origin of a part; others are printed as they are."""
DETAILED = 10
"""Most groups of tensors for which the origin of every part is shown, unless all is asked for."""


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
    configuration(document.get("config"), page)
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
    """Like tensors together, with the origin of their parts where there is room for it."""
    page.section("groups of tensors")
    groups = [[t] for t in tensors] if page.full else _groups(tensors, origins=True)
    detailed = page.full or len(groups) <= DETAILED
    if not detailed:
        groups = _groups(tensors, origins=False)
    rows: list[list[Piece]] = []
    for members in groups:
        first = members[0]
        mark, style = sign(first["action"])
        times = f"×{len(members)}" if len(members) > 1 else ""
        rows.append([(f"{mark} {_name([t['name'] for t in members])}", style), shapes(first), (times, "dim")])
    page.table(rows, right=(2,), indent=0)
    for members, item in zip(groups, page.sections[-1].items, strict=True):
        text = origin(members[0]) or _moved(members[0])
        if text and detailed:
            item.extend(page.wrapped((text, "dim"), indent=4))


def _groups(tensors: list[dict[str, Any]], *, origins: bool) -> list[list[dict[str, Any]]]:
    return group(
        tensors,
        name=lambda t: module(t["name"]),
        alike=lambda t: (t["action"], _tuple(t["old_shape"]), _tuple(t["new_shape"]), origins and origin(t)),
    )


def module(name: str) -> str:
    """What comes before the last dot."""
    return name.rpartition(".")[0]


def _name(names: list[str]) -> str:
    """``layer1.{0..2}.bn1.{weight,bias}``: modules that differ in numbers, and their tensors."""
    modules = list(dict.fromkeys(map(module, names)))
    kinds = list(dict.fromkeys(name.rpartition(".")[2] for name in names))
    if len(modules) * len(kinds) != len(names):
        return spell(modules) + ".*"
    leaf = kinds[0] if len(kinds) == 1 else "{" + ",".join(kinds) + "}"
    return f"{spell(modules)}.{leaf}" if modules != [""] else leaf


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
    rows = (tensor["new_shape"] or [1])[0]
    for part in tensor["parts"]:
        how = f"all {part['how']}" if part["how"][:1].isdigit() else HOW.get(part["how"], part["how"])
        last = part["stop"] - 1
        if tensor["action"] == "add" and (part["start"], part["stop"]) == (0, rows) and not part["axis"] and not whole:
            whole.append(how)
            continue
        span = f"{part['start']}–{last}" if last > part["start"] else f"{part['start']}"
        axes.setdefault(part["axis"], []).append(f"{span} {how}")
    return "; ".join([*whole, *(f"axis {axis}: {', '.join(spans)}" for axis, spans in axes.items())])


def _moved(tensor: dict[str, Any]) -> str:
    return f"was {tensor['source']}" if tensor["source"] not in (None, tensor["name"]) else ""
