"""The matrix as a document: counts, largest errors and reasons from the cells."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from growth.sweep_places import CONTROL

if TYPE_CHECKING:
    from growth.sweep import Bounds, Cell

INTRODUCTION = """\
# Every transform at every Space and place of the shipped specs

Made by `python tests/growth/sweep.py`. Each network is a shipped spec in small, with random weights (nothing zero
or one by accident) and random inputs. A cell is one directive at one place: it is kept, with the largest relative
error over all outputs in float64 and evaluation mode, or refused with a reason. Errors are those of the unrounded
recipe and of the values as a float32 file stores them.

**Places.** `widen`: one layer of every group of units that some layer writes, by 5, and to twice as many where the
units are in groups or a mean is taken over them. `deepen`: every named layer, group and block; a layer with a kernel
also with a wider layer inserted; a layer without one, with no method. `enlarge`: every convolution, by 2 and by 4.
`branch`: every layer with a kernel and every identity skip, into 2 and into 3.

{alike}

**Wrong** is a cell whose unrounded error is above 1e-12 and above ten times the network's own answer to relative
noise of 1e-15 on its weights, or whose stored error is above ten times its answer to noise of float32's `eps` (rows
`approximate` are not judged; there are {approximate}).

**Control**: the same widening or deepening with `random_pad`, which keeps nothing: its smallest error says that what
is new matters to the output, so that no cell is kept in vain.
"""

ALIKE = """\
Places that are structurally identical are tried once: those whose layers, and all within one step of them, have the
same operations, arguments and roles of tensors, and the same relations between numbers of units (fewer, as many, more;
one or several; grouped, depthwise), though not the same numbers. The column `places` counts them all."""


def report(cells: Mapping[str, list[Cell]], bounds: Mapping[str, Bounds], every: bool) -> tuple[str, list[Cell]]:
    """The document, and the cells that are wrong."""
    tried = {name: [c for c in found if not _is_control(c)] for name, found in cells.items()}
    everything = [cell for found in tried.values() for cell in found]
    wrong = [cell for name, found in tried.items() for cell in found if bounds[name].wrong(cell)]
    approximate = sum(cell.exactness == "approximate" for cell in everything)
    alike = "Each place is tried by itself." if every else ALIKE
    lines = [
        INTRODUCTION.format(alike=alike, approximate=approximate),
        f"**{len(everything)} cells, which stand for {sum(c.places for c in everything)}: "
        f"{sum(not c.refusal for c in everything)} kept, {sum(bool(c.refusal) for c in everything)} refused, "
        f"{len(wrong)} wrong.**",
        "",
        "## By transform",
        "",
        *_table("transform", _by(everything, lambda cell: cell.transform), bounds),
        "",
        "## By network",
        "",
        *_networks(cells, tried, bounds),
        "",
        "## Reasons of refusals",
        "",
        "Codes are explained in [diagnostics](../diagnostics.md); `...` stands for names and numbers.",
        "",
        *_reasons(everything),
    ]
    for name, found in tried.items():
        lines += ["", f"## {name}", "", *_table("transform", _by(found, lambda cell: cell.transform), bounds)]
    return "\n".join(lines) + "\n", wrong


def _is_control(cell: Cell) -> bool:
    return cell.transform.endswith(f", {CONTROL}")


def _by(cells: Iterable[Cell], key) -> dict[str, list[Cell]]:  # type: ignore[no-untyped-def]
    rows: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        rows[key(cell)].append(cell)
    return rows


def _table(title: str, rows: Mapping[str, list[Cell]], bounds: Mapping[str, Bounds]) -> Iterable[str]:
    yield f"| {title} | cells | places | kept | wrong | unrounded | stored | exactness | refused |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name, cells in rows.items():
        kept = [cell for cell in cells if not cell.refusal]
        judged = [cell for cell in kept if cell.judged]
        wrong = sum(bounds[cell.network].wrong(cell) for cell in cells)
        errors = f"{max(c.error for c in judged):.0e} | {max(c.stored for c in judged):.0e}" if judged else "- | -"
        yield (
            f"| {name} | {len(cells)} | {sum(c.places for c in cells)} | {len(kept)} | {wrong} | {errors} | "
            f"{_counts(c.exactness for c in kept)} | {_counts(c.refusal for c in cells if c.refusal)} |"
        )


def _networks(
    cells: Mapping[str, list[Cell]], tried: Mapping[str, list[Cell]], bounds: Mapping[str, Bounds]
) -> Iterable[str]:
    yield "| network | cells | places | kept | wrong | unrounded | bound | stored | bound | control |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for name, found in tried.items():
        kept = [cell for cell in found if not cell.refusal]
        judged, bound = [cell for cell in kept if cell.judged], bounds[name]
        controls = [cell.error for cell in cells[name] if _is_control(cell) and not cell.refusal]
        errors = max(c.error for c in judged), max(c.stored for c in judged)
        worst = errors[0], bound.unrounded, errors[1], bound.stored, min(controls)
        yield (
            f"| {name} | {len(found)} | {sum(c.places for c in found)} | {len(kept)} | "
            f"{sum(map(bound.wrong, found))} | {' | '.join(f'{size:.0e}' for size in worst)} |"
        )


def _counts(words: Iterable[str]) -> str:
    return ", ".join(f"{count} {word}" for word, count in sorted(Counter(words).items())) or "-"


def _reasons(cells: Iterable[Cell]) -> Iterable[str]:
    """Reasons without their names and numbers, most frequent first, with an example of each."""
    found: dict[tuple[str, str], list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell.refusal:
            found[cell.refusal, re.sub(r"\b\d+(x\d+)*\b", "...", re.sub(r"`[^`]*`", "...", cell.reason))].append(cell)
    yield "| cells | code | reason | transforms | for example |"
    yield "|---|---|---|---|---|"
    for (code, reason), same in sorted(found.items(), key=lambda item: -len(item[1])):
        kinds = Counter(cell.transform.partition(",")[0].partition(" ")[0] for cell in same)
        yield f"| {len(same)} | {code} | {reason} | {', '.join(kinds)} | {same[0].network}: `{same[0].directive}` |"
