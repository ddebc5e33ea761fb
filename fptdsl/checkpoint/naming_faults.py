"""Tensors that are missing or not described, told with the rule that would put them right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ..architecture.graph import Graph
from ..diagnostics import Diagnostic, did_you_mean
from .checkpoint import Checkpoint
from .keys import heads
from .shape_faults import span_of


def missing(checkpoint: Checkpoint, graph: Graph) -> Iterator[Diagnostic]:
    """F440 for what the spec has and the checkpoint has not.

    One for all when a prefix explains them, one for a module of which nothing is there, else one for each tensor.
    """
    lost = _lost(checkpoint, graph)
    extra = _extra(checkpoint, graph)
    path = str(checkpoint.path)
    rule = prefix_rule(lost, extra)
    if rule is not None and len(lost) > 1:
        message = f"{len(lost)} of the {len(graph.tensors)} tensors of the spec are not there, `{lost[0]}` for one"
        yield Diagnostic("F440", message, None, f"{rule} in the `checkpoint` section puts them right", path=path)
        return
    whole = _whole_modules(lost, checkpoint)
    for head, names in whole.items():
        message = f"the checkpoint has none of the {len(names)} tensors of `{head}` (`{names[0]}`, ...)"
        hint = did_you_mean(head, heads(extra)) or _count(head, checkpoint, graph) or _way_out(names[0], checkpoint)
        yield Diagnostic("F440", message, span_of(graph, graph.tensors[names[0]]), hint, path=path)
    told = {name for names in whole.values() for name in names}
    for name in lost:
        if name in told:
            continue
        hint = did_you_mean(name, extra) or _way_out(name, checkpoint)
        if name in checkpoint.ignored:
            hint = f'`ignore "{checkpoint.ignored[name]}"` hits it'
        tensor = graph.tensors[name]
        shape = list(tensor.shape)
        message = f"the checkpoint has no `{name}` (shape {shape})"
        yield Diagnostic("F440", message, span_of(graph, tensor), hint, path=path)


def _whole_modules(lost: Sequence[str], checkpoint: Checkpoint) -> dict[str, list[str]]:
    """The lost tensors of modules of which the checkpoint has nothing, where there are several."""
    present = set(heads([*checkpoint.entries, *checkpoint.ignored]))
    groups: dict[str, list[str]] = {}
    for name in lost:
        parts = name.split(".")
        head = next((h for n in range(1, len(parts)) if (h := ".".join(parts[:n])) not in present), name)
        groups.setdefault(head, []).append(name)
    return {head: names for head, names in groups.items() if len(names) > 2}


def _count(head: str, checkpoint: Checkpoint, graph: Graph) -> str | None:
    """How many elements of a list there are, here and there, where one is missing."""
    parent, _, number = head.rpartition(".")
    if not number.isdigit():
        return None
    here, there = (
        len({name[len(parent) + 1 :].split(".")[0] for name in names if name.startswith(f"{parent}.")})
        for names in (checkpoint.entries, graph.tensors)
    )
    return f"the checkpoint has {here} of `{parent}`, and the spec {there}: check the number of the spec or its config"


def _way_out(name: str, checkpoint: Checkpoint) -> str:
    """What to do about a missing tensor that no other resembles."""
    head, _, last = name.rpartition(".")
    if last == "bias" and f"{head}.weight" in checkpoint:
        return "a layer without a bias is written with `bias=false`"
    return "leave it out of the spec if the network has none, or `rename` the key it has in the file"


def unexpected(checkpoint: Checkpoint, graph: Graph) -> Iterator[Diagnostic]:
    """F441 for what the spec does not describe, by the module that the spec does not know."""
    extra = _extra(checkpoint, graph)
    rule = prefix_rule(_lost(checkpoint, graph), extra)
    path = str(checkpoint.path)
    known = set(heads(graph.tensors))
    groups: dict[str, list[str]] = {}
    for name in extra:
        parts = name.split(".")
        head = next((h for n in range(1, len(parts)) if (h := ".".join(parts[:n])) not in known), name)
        groups.setdefault(head, []).append(name)
    for head, names in groups.items():
        if len(names) == 1:
            message = f"the spec does not describe `{names[0]}` (shape {list(checkpoint.shape(names[0]))})"
            pattern = names[0]
        else:
            message = f"the spec does not describe the {len(names)} tensors of `{head}` (`{names[0]}`, ...)"
            pattern = f"{head}.*"
        twin = next((_twin(checkpoint, graph, name) for name in names), None)
        hint = f'describe it; or, if it reads nothing that grows, carry it over: checkpoint {{ ignore "{pattern}" }}'
        if rule is not None:
            hint = f"{rule} in the `checkpoint` section puts the names right"
        elif twin is not None:
            hint = f'it is the same tensor as `{twin}`: checkpoint {{ alias "{names[0]}" to "{twin}" }}'
        yield Diagnostic("F441", message, None, hint, path=path)


def _lost(checkpoint: Checkpoint, graph: Graph) -> list[str]:
    return [name for name, tensor in graph.tensors.items() if name not in checkpoint and not tensor.optional]


def _extra(checkpoint: Checkpoint, graph: Graph) -> list[str]:
    """Keys that are neither described nor aliased with one that is."""
    partners: dict[str, set[str]] = {}
    for first, second in checkpoint.links.items():
        partners.setdefault(first, set()).add(second)
        partners.setdefault(second, set()).add(first)
    return [
        name
        for name in checkpoint.entries
        if name not in graph.tensors and not any(other in graph.tensors for other in partners.get(name, ()))
    ]


def _twin(checkpoint: Checkpoint, graph: Graph, name: str) -> str | None:
    """A described tensor that has the same storage."""
    group = next((group for group in checkpoint.aliases if name in group), ())
    return next((other for other in group if other in graph.tensors), None)


def prefix_rule(lost: Sequence[str], extra: Sequence[str]) -> str | None:
    """The rule that turns most of the extra names into lost ones, or None."""
    wanted = set(lost)
    prefixes: Counter[tuple[str, str]] = Counter()
    for name in extra:
        parts = name.split(".")
        for n in range(1, len(parts)):
            if ".".join(parts[n:]) in wanted:
                prefixes["strip", ".".join(parts[:n]) + "."] += 1
    present = set(extra)
    for name in lost:
        parts = name.split(".")
        for n in range(1, len(parts)):
            if ".".join(parts[n:]) in present:
                prefixes["add", ".".join(parts[:n]) + "."] += 1
    if not prefixes:
        return None
    (kind, prefix), count = prefixes.most_common(1)[0]
    if 2 * count < len(lost):
        return None
    return f'`strip "{prefix}"`' if kind == "strip" else f'`rename "" to "{prefix}"`'
