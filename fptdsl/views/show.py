"""The architecture as a tree, and the groups of units that widen together."""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any

from . import words
from .grouping import group, spell
from .page import Page, Piece

LIMIT = 120
"""Lines of a tree that is not asked to be complete: alike elements are one, so there are few."""


def show(document: dict[str, Any], page: Page) -> None:
    """``fptdsl show``"""
    page.limit = LIMIT
    total = document["totals"]
    given = ", ".join(f"{name} = {_literal(value)}" for name, value in document["parameters"].items())
    page.line((document["model"], "bold"), f"({given})" if given else "")
    for value in document["inputs"]:
        sizes = ", ".join(map(str, value["shape"]))
        page.line(f"input {value['name']}: {value['dtype']}[{sizes}]", indent=2)
    page.section("lines of the tree")
    page.table(_rows(document["tree"], page.full), right=(1, 2))
    page.section("groups", ("Units that widen together", "bold"))
    page.table(_groups(document["groups"], page.full), right=(1,), flow=True)
    page.section("totals")
    page.line(
        f"{words.plural(total['params'], 'parameter')}, {words.size(total['bytes'])} in float32, "
        f"{words.work(total['macs'])} multiply-accumulates per sample"
    )


def _literal(value: Any) -> str:
    """A value as a spec writes it."""
    return "none" if value is None else json.dumps(value, ensure_ascii=False)


def _rows(tree: list[dict[str, Any]], full: bool) -> list[list[Piece]]:
    rows: list[list[Piece]] = [[("layer", "dim"), ("output", "dim"), ("parameters", "dim")]]

    def visit(children: list[dict[str, Any]], indent: str) -> None:
        for run in runs(children, full):
            node = run[0]
            label = spell([str(n["key"]) for n in run]) if node["key"] is not None else ""
            count = f" ×{len(run)}" if len(run) > 1 else ""
            text = f"{indent}{label}{': ' if label and node['what'] else ''}{node['what']}{count}"
            params = sum(n["params"] for n in run)
            rows.append([text, words.shape(node["output"]), words.count(params) if params else ""])
            visit(node["children"], indent + "  ")

    visit(tree, "")
    return rows


def runs(children: list[dict[str, Any]], full: bool) -> list[list[dict[str, Any]]]:
    """Neighbours that are alike but for their number, together."""
    found: list[list[dict[str, Any]]] = []
    for child in children:
        numbered = child["key"] is not None and str(child["key"]).isdecimal()
        if found and numbered and not full and _alike(found[-1][0]) == _alike(child):
            found[-1].append(child)
        else:
            found.append([child])
    return found


def _alike(node: dict[str, Any]) -> Hashable:
    def form(child: dict[str, Any], key: object) -> Hashable:
        below = tuple(form(c, c["key"]) for c in child["children"])
        return key, child["what"], tuple(child["output"] or ()), child["params"], below

    return form(node, str(node["key"]).isdecimal())


def _groups(groups: list[dict[str, Any]], full: bool) -> list[list[Piece]]:
    rows: list[list[Piece]] = [[("group", "dim"), ("units", "dim"), ("", "")]]
    sets = (
        [[entry] for entry in groups]
        if full
        else group(groups, name=lambda g: g["name"], alike=lambda g: (g["size"], g["frozen"], len(g["writers"])))
    )
    for members in sets:
        name = spell([entry["name"] for entry in members])
        count = f" ×{len(members)}" if len(members) > 1 else ""
        rows.append([name + count, words.count(members[0]["size"]), _note(members, full)])
    return rows


def _note(members: list[dict[str, Any]], full: bool) -> Piece:
    """Why the group cannot grow, or which layers write it besides the one that it is named after."""
    first = members[0]
    if first["frozen"]:
        return f"frozen: {first['frozen']}", "yellow"
    if len(members) > 1 or first["writers"] in ([], [first["name"]]):
        return ""
    writers = first["writers"] if full else [spell(w) for w in group(first["writers"], name=str, alike=lambda _: 0)]
    return f"written by {', '.join(writers)}", "dim"
