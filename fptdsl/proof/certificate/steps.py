"""Which step of the plan each checked tensor belongs to."""

from __future__ import annotations

from itertools import takewhile

from ...growth.plan import Plan, Step, TensorPlan
from ...growth.recipe import Source
from .classes import spaces_of
from .ledger import Ledger
from .result import Checked

REST = "unchanged tensors"


def checked_steps(plan: Plan, ledger: Ledger) -> tuple[Checked, ...]:
    """One line for every step, and one for what no step touches."""
    lines: dict[str, list[str]] = {step.directive: [] for step in plan.steps}
    lines[REST] = []
    for tensor in plan.tensors:
        if tensor.name in ledger.tensors:
            lines[_line(tensor, plan)].append(tensor.name)
    found = []
    for line, names in lines.items():
        if not names and line == REST:
            continue
        entries = [ledger.tensors[name] for name in names]
        checks = sorted({check for entry in entries for check in entry.checks})
        found.append(Checked(line, len(names), tuple(checks), max((e.deviation for e in entries), default=0.0)))
    return tuple(found)


def _line(tensor: TensorPlan, plan: Plan) -> str:
    if tensor.recipe is None:
        return REST
    if tensor.source is None:
        steps = [step for step in plan.steps if step.kind not in ("widen", "enlarge")]
        return max(steps, key=lambda step: _near(tensor.name, step), default=plan.steps[0]).directive
    homes = [space.partition("#")[0] for axis in tensor.recipe.axes for space in spaces_of(axis)]
    steps = [step for step in plan.steps if step.kind == "widen"]
    forms = [step for step in plan.steps if step.kind == "enlarge"]
    if forms and (not steps or not isinstance(tensor.recipe.start, Source)):
        steps, homes = forms, [tensor.source]
    steps = steps or list(plan.steps)
    return max(steps, key=lambda step: max((_holds(step, home) for home in homes), default=0)).directive


def _near(name: str, step: Step) -> int:
    return max(
        sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(name, target)))
        for target in step.target.split(", ")
    )


def _holds(step: Step, home: str) -> int:
    """How well a step names the place where units come from: its own targets before its ties."""
    own = [target for target in step.target.split(", ") if home == target or home.startswith(target + ".")]
    if own:
        return 2 + max(map(len, own))
    tied = any(home == tie.path or home.startswith(tie.path + ".") for tie in step.ties)
    return 1 if tied or step.target == "*" else 0
