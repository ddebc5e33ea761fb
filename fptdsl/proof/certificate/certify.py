"""The certificate of a plan: the law checked on two checkpoints, tensor by tensor, with no forward pass."""

from __future__ import annotations

from ...growth.plan import Plan
from .guide import Guide
from .ledger import Ledger
from .reading import Tensors
from .result import Certificate
from .steps import checked_steps
from .transfer import NoRule
from .untouched import check_presence, check_sizes, check_untouched
from .walk import Walk

PRESERVING = ("bitwise", "exact", "eval-only")


def certify(plan: Plan, before: Tensors, after: Tensors, *, insist: bool = False) -> Certificate:
    """Hold the grown checkpoint ``after`` against the old one ``before`` (raw rows by the spec's keys).

    The plan gives the classes of units and what is new; none of its arithmetic is used.  A plan that is
    ``approximate`` or a ``baseline`` claims no equality: shapes and unchanged tensors are checked, and the
    certificate is declined (``insist``: the law is checked all the same).
    """
    ledger = Ledger()
    guide = Guide(plan)
    reasons = [] if insist else _claims_nothing(plan)
    unclear = guide.without_law()[:3]
    with ledger:
        complete = check_presence(plan, before, after, ledger)
        check_sizes(plan.new, ledger)
        if complete and not reasons and not unclear:
            try:
                Walk(guide, plan.old, before, plan.new, after, ledger).run()
            except NoRule as missing:
                unclear.append(str(missing))
        check_untouched(plan, before, after, ledger)  # Last: files that are copies may still be being compared.
    outcome = "failed" if ledger.findings else "declined" if reasons else "inconclusive" if unclear else "passed"
    return Certificate(
        outcome,  # type: ignore[arg-type]
        "plan",
        checked_steps(plan, ledger),
        tuple(ledger.findings),
        (*reasons, *unclear),
    )


def _claims_nothing(plan: Plan) -> list[str]:
    return [
        f"`{step.directive}` is {step.exactness}, so old and new are not equal and there is no law to check"
        for step in plan.steps
        if step.exactness not in PRESERVING
    ]
