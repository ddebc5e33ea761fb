"""The architecture as a tree, and the groups of units that widen together."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from . import words
from .grouping import spell
from .page import Page, Piece


def show(document: dict[str, Any], page: Page) -> None:
    """``fptdsl show``"""
    total = document["totals"]
    given = ", ".join(f"{name} = {value}" for name, value in document["parameters"].items())
    page.line((document["model"], "bold"), f"({given})" if given else "")
    for value in document["inputs"]:
        sizes = ", ".join(map(str, value["shape"]))
        page.line(f"input {value['name']}: {value['dtype']}[{sizes}]", indent=2)
    page.section("lines of the tree")
    page.table(_rows(document["tree"], page.full), right=(1, 2))
    page.section("groups", ("Units that widen together", "bold"))
    page.table(_groups(document["groups"], page.full))
    page.section("totals")
    page.line(
        f"{words.plural(total['params'], 'parameter')}, {words.size(total['bytes'])} in float32, "
        f"{words.work(total['macs'])} multiply-accumulates per sample"
    )


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
    for entry in groups:
        members = entry["writers"] if full else entry["writers"][:4]
        others = len(entry["writers"]) - len(members)
        text = ", ".join(members) + (f", … {others} more" if others else "")
        if entry["frozen"]:
            note: Piece = (f"frozen: {entry['frozen']}", "yellow")
        else:
            note = (f"written by {text}" if text not in ("", entry["name"]) else "", "dim")
        rows.append([entry["name"], words.count(entry["size"]), note])
    return rows
