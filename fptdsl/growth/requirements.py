"""``require``: limits that a plan must keep, checked before anything is written."""

from __future__ import annotations

from ..diagnostics import Diagnostics
from ..language import syntax
from .plan import Plan


def check_requirements(requires: list[syntax.Require], plan: Plan, diagnostics: Diagnostics) -> None:
    for require in requires:
        limit = require.limit
        if require.what == "exact":
            loose = next((s for s in plan.steps if s.exactness not in ("bitwise", "exact")), None)
            if loose is not None:
                diagnostics.add(
                    "F330",
                    f"`{loose.directive}` is {loose.exactness}, and `require exact` does not allow that",
                    require.span,
                    hint="choose another method for it, or drop the requirement",
                )
        elif require.what == "params" and limit is not None:
            count = plan.new.parameters()
            if count > limit:
                diagnostics.add(
                    "F330",
                    f"the grown network has {count:,} parameters, more than {limit:,.0f}",
                    require.span,
                    hint="grow less, or raise the limit",
                )
        elif limit is not None:
            ratio = plan.new.parameters() / max(1, plan.old.parameters())
            if ratio > limit:
                diagnostics.add(
                    "F330",
                    f"the grown network has {ratio:.2f} times the parameters, more than {limit:g}",
                    require.span,
                    hint="grow less, or raise the limit",
                )
