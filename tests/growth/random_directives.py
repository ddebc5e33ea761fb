"""Random directives: every method of widening and deepening with its options, places, widths and names."""

from __future__ import annotations

from random import Random

from fptdsl.architecture.graph import Graph
from fptdsl.architecture.ops import OPERATIONS
from fptdsl.architecture.tree import Scope
from fptdsl.growth.groups import groups

WIDENING = (
    "", "", "netmorph(zero=out)", "netmorph(zero=in)", "net2net", "net2net(split=scalar)", "net2net(split=equal)",
    "net2net(split=projection)", "r2r", "r2r(scale=0.5)", "r2r(transfer=true)", "rescale",
)  # fmt: skip
DEEPENING = (
    "", "", "net2net", "net2net(bn=gauss)", "net2net(bn=unit)", "zero", "netmorph", "netmorph(activation=paired)",
    "netmorph(factor=true)", "netmorph(factor=true, kernel=3)", "r2r",
)  # fmt: skip

BLOCKS = ("", "zero", "zero", "r2r", "netmorph", "netmorph(activation=paired)", "net2net")


def random_growth(random: Random, graph: Graph) -> list[str]:
    """One to three directives at random places; each may be refused, and so may all together."""
    return [_directive(random, graph) for _ in range(random.choice((1, 1, 2, 3)))]


def _directive(random: Random, graph: Graph) -> str:
    kind = random.random()
    if kind < 0.35:
        return _widen(random, graph)
    if kind < 0.85:
        return _deepen(random, graph)
    maps = [node for node in graph.nodes if OPERATIONS[node.op].affine == "map" and node.name in graph.regions]
    kernels = [node for node in maps if hasattr(node.args, "kernel_size")]
    if kind < 0.93 or not kernels:
        return f"branch {random.choice(maps).name} into {random.choice((2, 3))}"
    chosen = random.choice(kernels)
    size = chosen.args.kernel_size  # type: ignore[attr-defined]
    new = f"({size[0] + 2}, {size[1] + 2})" if isinstance(size, tuple) else str(size + 2)
    return f"enlarge {chosen.name} kernel_size to {new}"


def _widen(random: Random, graph: Graph) -> str:
    using = random.choice(WIDENING)
    if random.random() < 0.2:
        return f"widen * by {random.choice(('1.5x', '2x'))}{_using(using)}"
    names = [group.name for group in groups(graph.nodes).values()]
    amount = random.choice(("by 1", "by 3", "by 2x", "by 1.5x", "to multiple of 4"))
    return f"widen {random.choice(names)} {amount}{_using(using)}"


def _deepen(random: Random, graph: Graph) -> str:
    """Half of the time a stage, where new elements have places; else a layer or group, with a width or name."""
    regions = [name for name, region in graph.regions.items() if region.last > region.first]
    stages = [name for name in regions if isinstance(tree := graph.regions[name].tree, Scope) and tree.numbered]
    if stages and random.random() < 0.5:
        place = random.choice(("", " at start", " at end", " interleaved", " after 0", " after 1"))
        return f"deepen {random.choice(stages)} by {random.choice((1, 2))}{place}{_using(random.choice(BLOCKS))}"
    maps = [n.name for n in graph.nodes if OPERATIONS[n.op].affine == "map" and n.name in graph.regions]
    chosen = random.choice(maps if random.random() < 0.7 else regions)
    if random.random() < 0.1:
        # Neighbours as one unit: the pairs of Inception.
        following = regions[min(regions.index(chosen) + 1, len(regions) - 1)]
        chosen = ", ".join(dict.fromkeys((chosen, following)))
    text = f"deepen {chosen} by {random.choice((1, 1, 2))}"
    if random.random() < 0.25:
        text += f" to {random.choice((6, 10, 12, 16))}"
    if random.random() < 0.15:
        text += f" as extra{random.randint(1, 99)}"
    return text + _using(random.choice(DEEPENING))


def _using(using: str) -> str:
    return f" using {using}" if using else ""
