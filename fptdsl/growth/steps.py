"""The steps of a plan in words: one for every directive and method, with its consequences."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from ..architecture.graph import Graph
from ..architecture.terms import Space, size, spaces
from ..language import syntax
from .choice import Choice
from .deepening import net2net, r2r
from .demands import Widths
from .groups import Group, groups
from .insertions import Inserted
from .new_form import Edit
from .plan import ORDER, Step, Tie
from .requests import Request

LEARNING_RATE = {
    "net2net": net2net.LEARNING_RATE,
    "r2r": r2r.LEARNING_RATE,
}

_KINDS: dict[type, Literal["deepen", "widen", "enlarge", "branch"]] = {
    syntax.Deepen: "deepen",
    syntax.Widen: "widen",
    syntax.Enlarge: "enlarge",
    syntax.Branch: "branch",
}


def make_steps(
    old: Graph,
    middle: Graph,
    widths: Widths,
    choices: Mapping[Space, Choice],
    inserted: list[Inserted],
    edits: Sequence[Edit],
    grown: Graph,
) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """Deepening first, as it is planned; then widening.  Second: warnings of the whole plan."""
    steps = [
        *_deepen_steps(inserted, choices, middle, widths, grown),
        *_edit_steps(edits, old, middle),
        *_widen_steps(middle, widths, choices, grown),
    ]
    warnings = tuple(dict.fromkeys(advice for step in steps for advice in step.advice))
    return tuple(steps), warnings


def _deepen_steps(
    inserted: list[Inserted], choices: Mapping[Space, Choice], middle: Graph, widths: Widths, grown: Graph
) -> list[Step]:
    by_directive: dict[tuple[int, str], list[Inserted]] = {}
    for part in inserted:
        by_directive.setdefault((id(part.unit.request), part.method.using), []).append(part)
    steps = []
    for parts in by_directive.values():
        first = parts[0]
        inside = {tensor.name for part in parts for node in part.nodes for tensor in node.tensors.values()}
        added = sum(_product(t.shape) for name, t in grown.tensors.items() if name in inside and not t.buffer)
        widened = {space: c for space, c in choices.items() if c.request is first.unit.request}
        told = [*first.method.advice(first.identity), *(a for c in widened.values() for a in c.advice)]
        kinds = [*(part.exactness for part in parts), *(c.exactness for c in widened.values())]
        steps.append(
            Step(
                kind="deepen",
                directive=first.unit.request.text,
                target=", ".join(dict.fromkeys(part.unit.target for part in parts)),
                summary=_inserted(parts, grown) if widened or first.method.sets_width else _inserted(parts, None),
                method=first.method.name,
                exactness=max(kinds, key=ORDER.index),
                why="; ".join(dict.fromkeys((_why(parts), *_reasons(widened.values())))),
                ties=_outside(parts, set(widened), middle, widths),
                parameters=added,
                advice=tuple(dict.fromkeys((*(a for p in parts[1:] for a in p.method.advice(p.identity)), *told))),
            )
        )
    return steps


def _outside(parts: list[Inserted], widened: set[Space], middle: Graph, widths: Widths) -> tuple[Tie, ...]:
    """Groups of other layers that the width of an inserted layer widens too."""
    names = {node.name for part in parts for node in part.nodes}
    found = [g for g in groups(middle.nodes).values() if set(spaces(g.term)) & widened]
    others = [Group(g.term, [n for n in g.writers if n.name not in names]) for g in found]
    return tuple(_tie(group, widened, widths) for group in others if group.writers)


def _edit_steps(edits: Sequence[Edit], old: Graph, middle: Graph) -> list[Step]:
    """One step for every directive that gives layers another form."""
    by_directive: dict[int, list[Edit]] = {}
    for edit in edits:
        by_directive.setdefault(id(edit.request), []).append(edit)
    steps = []
    for group in by_directive.values():
        first = group[0]
        kind = _KINDS[type(first.request.directive)]
        steps.append(
            Step(
                kind=kind,
                directive=first.request.text,
                target=", ".join(edit.target for edit in group),
                summary="; ".join(_few([f"{edit.target}: {edit.summary}" for edit in group], 4)),
                method=first.method,
                exactness=first.exactness,
                why=first.why,
                parameters=sum(_gained(edit, old, middle) for edit in group),
                advice=tuple(dict.fromkeys(advice for edit in group for advice in edit.advice)),
            )
        )
    return steps


def _gained(edit: Edit, old: Graph, middle: Graph) -> int:
    """Parameters of the layer's new form beyond those that it had."""
    nodes = {id(node.tree): node for node in middle.nodes}
    new = [tensor for layer in edit.layers for tensor in nodes[id(layer)].tensors.values()]
    replaced = edit.replaces or (edit.target,)
    had = [tensor for node in old.nodes if node.name in replaced for tensor in node.tensors.values()]
    return sum(_product(t.shape) for t in new) - sum(_product(t.shape) for t in had)


def _inserted(parts: list[Inserted], grown: Graph | None) -> str:
    """The new layers or blocks; with the widths that were asked for where the grown graph is given."""
    tops = []
    for part in parts:
        keyed = [node for node in part.nodes if node.tensors]
        top = _common([node.name for node in keyed]) if part.unit.residual or not keyed else keyed[0].name
        width = keyed[0].tensors.get("weight") if keyed and not part.unit.residual else None
        wide = grown.tensors[width.name].shape[0] if grown is not None and width is not None else None
        tops.append(top if wide is None else f"{top} ({wide} wide)")
    what = "block" if parts[0].unit.residual else "branch" if parts[0].identity.twins else "layer"
    plural = "" if len(parts) == 1 else "es" if what == "branch" else "s"
    return f"{len(parts)} new {what}{plural}: {', '.join(_few(tops))}"


def _few(names: list[str], limit: int = 6) -> list[str]:
    return names if len(names) <= limit else [*names[: limit - 1], f"and {len(names) - limit + 1} more"]


def _common(names: list[str]) -> str:
    """The place that holds all the names, or the first of them."""
    if len(names) < 2:
        return names[0] if names else "?"
    shared: list[str] = []
    for parts in zip(*(name.split(".") for name in names)):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return ".".join(shared) or names[0]


def _why(parts: list[Inserted]) -> str:
    """Of all parts together: the places of a method are those of its parts."""
    whole = replace(
        parts[0].identity,
        zeroed=tuple(place for part in parts for place in part.identity.zeroed),
        cancelled=tuple(place for part in parts for place in part.identity.cancelled),
        eval_only=any(part.identity.eval_only for part in parts),
    )
    return parts[0].method.why(whole)


def _widen_steps(middle: Graph, widths: Widths, choices: Mapping[Space, Choice], grown: Graph) -> list[Step]:
    everything = list(groups(middle.nodes).values())
    requests = {
        id(c.request): c.request
        for c in choices.values()
        if c.request is not None and isinstance(c.request.directive, syntax.Widen)
    }
    steps = []
    for request in sorted(requests.values(), key=lambda r: (r.span.start if r.span else 0, r.text)):
        mine = {space: c for space, c in choices.items() if c.request is request}
        for method in dict.fromkeys(c.table.method for c in mine.values()):
            chosen = {space: c for space, c in mine.items() if c.table.method == method}
            steps.append(_widen_step(request, method, chosen, everything, middle, widths, grown))
    return steps


def _widen_step(
    request: Request,
    method: str,
    chosen: Mapping[Space, Choice],
    everything: list[Group],
    middle: Graph,
    widths: Widths,
    grown: Graph,
) -> Step:
    targets = [name for name in request.targets if name]
    grew = [g for g in everything if set(spaces(g.term)) & set(chosen)]
    asked: list[Group] = []
    ties: list[Group] = []
    for group in grew:
        if set(spaces(group.term)) & set(chosen) <= set(widths.causes):
            ties.append(group)
            continue
        within = [node.name for node in group.writers if _is_inside(node.name, targets)]
        (asked if within or not targets else ties).append(group)
        outside = [node.name for node in group.writers if not _is_inside(node.name, targets)]
        if within and outside and targets:
            ties.append(Group(group.term, [n for n in group.writers if n.name in set(outside)]))
    told = list(dict.fromkeys(a for c in chosen.values() for a in c.advice))
    if method in LEARNING_RATE:
        told.append(LEARNING_RATE[method])
    return Step(
        kind="widen",
        directive=request.text,
        target=", ".join(targets) or "*",
        summary=", ".join(
            _few([f"{_place(g)} {size(g.term)} -> {widths.sizes.size(g.term)}" for g in asked or ties], 4)
        ),
        method=method,
        exactness=max((c.exactness for c in chosen.values()), key=ORDER.index),
        why="; ".join(_reasons(chosen.values())),
        ties=tuple(_tie(group, set(chosen), widths) for group in ties),
        parameters=_added(middle, set(chosen), grown),
        advice=tuple(told),
    )


def _reasons(chosen: Collection[Choice]) -> tuple[str, ...]:
    """Why the method is right at all of these units, and at last why another one is not, at the first of them."""
    told = dict.fromkeys(c.why for c in chosen)
    return (*told, *[c.refused for c in chosen if c.refused][:1])


def _is_inside(name: str, targets: list[str]) -> bool:
    return any(name == target or name.startswith(target + ".") for target in targets)


def _place(group: Group) -> str:
    return _common([node.name for node in group.writers])


def _tie(group: Group, grown: set[Space], widths: Widths) -> Tie:
    leaf = next(space for space in spaces(group.term) if space in grown)
    if leaf in widths.causes:
        return Tie(_place(group), size(group.term), widths.sizes.size(group.term), widths.causes[leaf])
    here = {node.name.rpartition(".")[0] for node in group.writers}
    near = [cause for cause in leaf.causes if any(cause.startswith(parent) for parent in here if parent)]
    cause = (near or leaf.causes or [leaf.home])[0]
    return Tie(_place(group), size(group.term), widths.sizes.size(group.term), f"tied by {cause}")


def _product(shape: tuple[int, ...]) -> int:
    total = 1
    for n in shape:
        total *= n
    return total


def _added(middle: Graph, mine: set[Space], grown: Graph) -> int:
    """Parameters added to tensors that hold a Space of this step."""
    total = 0
    for name, tensor in middle.tensors.items():
        new = grown.tensors[name].shape
        grew = not tensor.buffer and new != tensor.shape
        if grew and any(space in mine for axis in tensor.axes for space in spaces(axis)):
            total += _product(new) - _product(tensor.shape)
    return total
