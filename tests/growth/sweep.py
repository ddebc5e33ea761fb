"""Every Space and every deepening place of every shipped spec, with each method.

``python tests/growth/sweep.py`` (from the checkout) runs all of it and writes ``docs/results/sweep.md``.
A cell is the largest relative error in float64 of the unrounded recipe, or the code of the refusal.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from growth.support import (
    graph_of,
    grown_state,
    random_inputs,
    random_state,
    relative_error,
    run,
    unrounded_state,
)

from fptdsl.architecture.graph import Graph
from fptdsl.architecture.terms import Cat, Space, spaces
from fptdsl.diagnostics import FptError
from fptdsl.growth import make_plan
from fptdsl.growth.widths import groups
from fptdsl.language import load

SHORT: dict[str, object] = {"blocks1": 2, "blocks2": 1, "blocks3": 1, "blocks4": 1}

NETWORKS: dict[str, tuple[str, dict[str, object]]] = {
    "mlp": ("mlp", {"inputs": 20, "hidden": 12, "depth": 3}),
    "lenet": ("lenet", {}),
    "vgg_bn 13": ("vgg_bn", {"layers": 13, "width": 4, "hidden": 16, "num_classes": 7, "size": 32, "pool": 1}),
    "resnet_cifar A": ("resnet_cifar", {"n": 2}),
    "resnet_cifar B": ("resnet_cifar", {"n": 2, "option": "B"}),
    "resnet 18": ("resnet", {"layers": 18, "size": 32, "num_classes": 7}),
    "resnet 50": ("resnet", {"layers": 50, "size": 32, "num_classes": 7}),
    "resnext": ("resnet", {"layers": 50, "groups": 2, "width_per_group": 2, "size": 32, "num_classes": 5, **SHORT}),
    "preact_resnet": ("preact_resnet", {"n": 2, "width": 4, "num_classes": 5}),
    "senet": ("senet", {"layers": 18, "width": 4, "size": 32, "num_classes": 5, **SHORT}),
    "senet bottleneck": ("senet", {"width": 4, "size": 32, "num_classes": 5, **SHORT}),
    "regnet_y": ("regnet_y", {"group_width": 2, "size": 32, "num_classes": 5, **SHORT}),
    "squeezenet": ("squeezenet", {"width": 2, "size": 48, "num_classes": 5}),
    "densenet": ("densenet", {"growth": 4, "width": 8, "size": 64, "num_classes": 5, "squeeze": 2, "blocks1": 2,
                              "blocks2": 2, "blocks3": 1, "blocks4": 1}),
    "googlenet": ("googlenet", {"width": 2, "size": 32, "num_classes": 5}),
    "inception_v3": ("inception_v3", {"width": 1, "size": 80, "num_classes": 5}),
    "mobilenet_v2": ("mobilenet_v2", {"width": 1, "size": 32, "num_classes": 5}),
    "mobilenet_v3": ("mobilenet_v3", {"width": 1, "size": 32, "num_classes": 5}),
    "efficientnet_b0": ("efficientnet_b0", {"width": 1, "size": 32, "num_classes": 5}),
    "unet": ("unet", {"width": 2, "size": 16, "num_classes": 3}),
    "convnext": ("convnext", {"width": 4, "size": 32, "num_classes": 5, **SHORT}),
    "mlp_mixer": ("mlp_mixer", {"width": 6, "depth": 2, "tokens": 5, "channels": 7, "patch": 4, "size": 16,
                                "num_classes": 5}),
    "maxout_mlp": ("maxout_mlp", {"inputs": 12, "units": 6, "pieces": 3, "num_classes": 4}),
    "lstm_text": ("lstm_text", {"vocabulary": 20, "width": 5, "hidden": 6, "num_classes": 3}),
    "gru_text": ("gru_text", {"vocabulary": 20, "width": 5, "hidden": 6, "num_classes": 3}),
}
"""Names, and the spec with the parameters that make it small."""

WIDENING = (
    "", "netmorph(zero=out)", "netmorph(zero=in)", "net2net", "net2net(split=scalar)", "net2net(split=equal)", "r2r",
)
DEEPENING = ("", "net2net", "zero")


@dataclass(frozen=True)
class Cell:
    network: str
    directive: str
    exactness: str
    error: float
    stored: float
    refusal: str = ""
    reason: str = ""


def widening_places(graph: Graph) -> Iterator[tuple[str, str]]:
    """One layer of every group of units that some layer writes, and by how much: 3 where any number is legal."""
    means = {space for event in graph.events if event.kind in ("mean", "groups") for space in spaces(event.term)}
    for group in groups(graph.nodes).values():
        free = isinstance(group.term, (Space, Cat)) and means.isdisjoint(spaces(group.term))
        yield group.name, "3" if free else "2x"


def directives(graph: Graph) -> Iterator[str]:
    for place, amount in widening_places(graph):
        for using in WIDENING:
            yield f"widen {place} by {amount}" + (f" using {using}" if using else "")
    for place in graph.regions:
        for using in DEEPENING:
            yield f"deepen {place} by 1" + (f" using {using}" if using else "")


def sweep(name: str) -> Iterator[Cell]:
    """All cells of one network."""
    spec, settings = NETWORKS[name]
    graph, _ = graph_of(spec, settings=settings)
    state = random_state(graph)
    inputs = random_inputs(graph, 2)
    old = run(graph, state, inputs)
    for directive in directives(graph):
        grows = load(spec, grow=[directive]).grows
        try:
            plan = make_plan(graph.network, graph, grows)
        except FptError as refused:
            first = refused.diagnostics[0]
            yield Cell(name, directive, "", 0.0, 0.0, first.code, first.message)
            continue
        error = relative_error(run(plan.new, unrounded_state(plan, state), inputs), old)
        stored = relative_error(run(plan.new, grown_state(plan, state), inputs), old)
        yield Cell(name, directive, plan.exactness, error, stored)


def table(cells: list[Cell]) -> str:
    """A row for each network and method: how many cells were kept or refused, and the worst errors."""
    rows: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        verb, _, rest = cell.directive.partition(" ")
        using = rest.partition(" using ")[2] or "automatic"
        rows.setdefault((cell.network, f"{verb}, {using}"), []).append(cell)
    lines = [
        "| network | transform | kept | largest error, unrounded | as stored (float32) | refused |",
        "|---|---|---|---|---|---|",
    ]
    for (network, transform), found in rows.items():
        kept = [cell for cell in found if not cell.refusal]
        refused = Counter(cell.refusal for cell in found if cell.refusal)
        words = ", ".join(f"{count} × {code}" for code, count in sorted(refused.items())) or "-"
        errors = (
            f"{max(c.error for c in kept):.1e} | {max(c.stored for c in kept):.1e}" if kept else "- | -"
        )
        lines.append(f"| {network} | {transform} | {len(kept)} | {errors} | {words} |")
    return "\n".join(lines)


def main() -> None:
    torch.set_num_threads(2)
    cells = [cell for name in NETWORKS for cell in sweep(name)]
    wrong = [cell for cell in cells if not cell.refusal and cell.error > 1e-12]
    reasons = Counter((cell.refusal, cell.reason.partition(":")[2].strip() or cell.reason) for cell in cells if cell.refusal)
    text = [
        "# Every Space and every place of the shipped specs, with each method", "",
        "Made by `python tests/growth/sweep.py`. Random weights, nothing zero or one by accident; errors are the",
        "largest relative error over all outputs in float64. The refusals' codes are in `docs/diagnostics.md`.", "",
        f"{len(cells)} cells: {sum(not c.refusal for c in cells)} kept, {sum(bool(c.refusal) for c in cells)} refused, "
        f"{len(wrong)} wrong.", "", table(cells), "", "Reasons of the refusals that occur most:", "",
        *(f"- {count} × {code}: {reason}" for (code, reason), count in reasons.most_common(12)), "",
    ]
    target = Path("docs/results/sweep.md")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(text))
    print("\n".join(text[5:7]))
    for cell in wrong:
        print(cell)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
