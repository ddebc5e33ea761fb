"""The plan in the terminal: what grows, how, why, and by how much."""

from __future__ import annotations

from typing import Any

from . import words
from .configuration import configuration
from .grouping import by_prefix
from .page import Page, Piece
from .symbols import CLASSES, PRESERVING

SIZES = ("params_before", "params_after", "macs_before", "macs_after")


def plan(document: dict[str, Any], page: Page) -> None:
    """``fptdsl plan``"""
    if not document["steps"]:
        no_changes(document, page)
        return
    _head(document, page)
    _steps(document["steps"], page)
    notes(document, page)
    modules(document, page)
    configuration(document.get("config"), page)
    totals(document["totals"], page)
    advice(document["steps"], page)


def no_changes(document: dict[str, Any], page: Page) -> None:
    """Nothing to do is a result of its own, and looks like one."""
    page.line(("No changes.", "bold"), f" No directive changes {document['model']}.")
    for skipped in document["skipped"]:
        page.line(f"skipped {skipped['path']}: {skipped['reason']}", indent=2)


def _head(document: dict[str, Any], page: Page) -> None:
    style, meaning = CLASSES[document["exactness"]]
    page.line(("Plan", "bold"), f" for {document['model']}, seed {document['seed']}")
    claim = "Function-preserving" if document["exactness"] in PRESERVING else "Not function-preserving"
    page.line(f"{claim}, class ", (document["exactness"], style), f": {meaning}.")


def _steps(steps: list[dict[str, Any]], page: Page) -> None:
    """Directive, then result and method, the reason, and what is tied; short where there are many."""
    page.section("steps")
    if len(steps) > 5 and not page.full:
        for number, step in enumerate(steps, 1):
            ties = f" · ties {words.plural(len(step['ties']), 'group')}" if step["ties"] else ""
            page.line((f"{number}. {step['directive']}", "bold"), " · ", *_result(step), ties, hang=4)
        return
    for number, step in enumerate(steps, 1):
        page.line((f"{number}. {step['directive']}", "bold"), hang=4)
        more = f" · {words.plural(step['parameters'], 'parameter')} more" if step["parameters"] else ""
        named = step["target"] in step["directive"].split()
        page.more("" if named else f"{step['target']}: ", *_result(step), more, indent=3)
        page.more(("why: ", "dim"), step["why"], indent=3)
        _ties(step["ties"], None if page.full else max(2, 10 // len(steps)), page)


def _result(step: dict[str, Any]) -> list[Piece]:
    return [f"{arrows(step['summary'])} · {step['method']} · ", (step["exactness"], CLASSES[step["exactness"]][0])]


def arrows(text: str) -> str:
    """``32 -> 64`` of the documents, which are ASCII where they can be, as ``32 → 64``."""
    return text.replace(" -> ", " → ")


def _ties(ties: list[dict[str, Any]], shown: int | None, page: Page) -> None:
    listed = ties if shown is None or len(ties) <= shown + 1 else ties[:shown]
    for tie in listed:
        page.more(
            ("tied: ", "dim"),
            f"{tie['path']} {tie['old']} → {tie['new']}",
            (f"  {tie['cause'].removeprefix('tied ')}", "dim"),
            indent=3,
        )
    if len(listed) < len(ties):
        page.more((f"tied: {len(ties) - len(listed)} more groups (--full shows all)", "dim"), indent=3)


def notes(document: dict[str, Any], page: Page) -> None:
    """What was passed over."""
    if document["skipped"]:
        page.section("groups passed over")
    for skipped in document["skipped"]:
        page.line(("skipped ", "yellow"), f"{skipped['path']}: {skipped['reason']}")


def modules(document: dict[str, Any], page: Page) -> None:
    """Parameters and multiply-accumulates per part of the model; those that do not change in one line."""
    entries = document["modules"] if page.full else by_prefix(document["modules"], 1, SIZES)
    changed = [e for e in entries if any(e[f"{k}_before"] != e[f"{k}_after"] for k in ("params", "macs"))]
    same = [e for e in entries if e not in changed]
    rows: list[list[Piece]] = [
        [("module", "dim"), ("parameters", "dim"), ("", ""), ("after", "dim"), ("", ""), ("MACs after", "dim")]
    ]
    for e in changed:
        before, after = e["params_before"], e["params_after"]
        rows.append(
            [
                e["name"] or "(model)",
                words.count(before),
                "→",
                words.count(after),
                (words.ratio(before, after) or ("new" if not before and after else ""), "bold"),
                words.work(e["macs_after"]),
            ]
        )
    page.section("modules")
    page.table(rows, right=(1, 3, 4, 5))
    if same:
        total = sum(e["params_after"] for e in same)
        page.line(
            (f"= {words.plural(len(same), 'module')} unchanged ({words.plural(total, 'parameter')})", "dim"), indent=2
        )


def totals(total: dict[str, Any], page: Page) -> None:
    """Parameters, bytes and multiply-accumulates of the whole model."""
    page.section("totals")
    assumed = f"{total['dtype']} assumed" if total["dtype_assumed"] else total["dtype"]
    rows: list[list[Piece]] = []
    for label, key, spell in (
        ("parameters", "params", words.count),
        (f"bytes ({assumed})", "bytes", words.size),
        ("multiply-accumulates", "macs", words.work),
    ):
        before, after = total[f"{key}_before"], total[f"{key}_after"]
        rows.append([label, spell(before), "→", (spell(after), "bold"), words.ratio(before, after)])
    page.table(rows, right=(1, 3, 4), indent=0)


def advice(steps: list[dict[str, Any]], page: Page) -> None:
    """Training advice of the papers, each once."""
    lines = list(dict.fromkeys(line for step in steps for line in step["advice"]))
    if lines:
        page.section("lines", ("Training on", "bold"))
    for line in lines:
        page.line(line, indent=2)
