"""The figures of a verification, with both gates."""

from __future__ import annotations

from typing import Any

from . import words
from .certificate import certificate
from .gradients import gradients
from .page import Page, Piece


def verify(document: dict[str, Any], page: Page) -> None:
    """``fptdsl verify``"""
    certificate(document.get("certificate"), page)
    if document.get("verification") is not None:
        verification(document["verification"], page)
    gradients(document.get("gradients"), page)


def verification(found: dict[str, Any], page: Page) -> None:
    """Verdict, the figures of both gates, what rounding did, and what the verdict is relative to."""
    style = "bold yellow" if found["inconclusive"] else "bold green" if found["passed"] else "bold red"
    page.section("figures", (found["verdict"], style))
    rows: list[list[Piece]] = []
    for gate in found["gates"]:
        mark: Piece = ("passed", "green") if gate["passed"] else ("failed", "red")
        rows.append([gate["name"], words.figure(gate["error"]), f"limit {words.figure(gate['limit'])}", mark])
    single = found["float32"]
    if found["storage_drift"] is not None:
        rows.append([f"storage drift in {found['dtype']}", words.figure(found["storage_drift"])])
    if single["drift"] is not None:
        rows.append(["float32 drift", words.figure(single["drift"])])
    if single["old"] is not None:
        rows.append(["float32 rounding of the old network", words.figure(single["old"])])
    half = found.get("half")
    if half is not None and half["skipped"] is None:
        rows.append([f"{half['dtype']} drift", words.figure(half["drift"])])
        rows.append([f"{half['dtype']} rounding of the old network", words.figure(half["old"])])
    if found.get("train_mode") is not None and all(gate["name"] != "train mode" for gate in found["gates"]):
        rows.append(["train mode (no limit)", words.figure(found["train_mode"])])
    page.table(rows, right=(1,))
    known = found["reproduction"]
    if known is not None:
        result = "gives" if known["passed"] else "does not give"
        page.line(
            f"the old network {result} the expected outputs: error {words.figure(known['error'])}, "
            f"tolerance {words.figure(known['tolerance'])} ({known['dtype']})",
            indent=2,
        )
    if half is not None and half["skipped"] is not None:
        page.line(f"no drift in {half['dtype']}: {half['skipped']}", indent=2)
    if (blocks := found.get("blocks")) is not None:
        left = blocks["total"] - len(blocks["evaluated"])
        page.line(
            f"a large network: one block of every kind was evaluated; for the other {left} the certificate vouches "
            "(--verify full evaluates all)",
            indent=2,
        )
    for line in found["notes"]:
        page.line(line, indent=2)
