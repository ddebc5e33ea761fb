"""Faults of form in statements that elaboration does not reach: unused blocks, branches not taken.

What can be said without values: operations and blocks that do not exist, wrong names of arguments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..diagnostics import did_you_mean
from ..language import syntax
from .binding import check_form
from .faults import Faults
from .ops import OPERATIONS


def check_text(bodies: Sequence[Sequence[syntax.Stmt]], blocks: Mapping[str, syntax.Block], faults: Faults) -> None:
    """Report faults of form in every statement, reached or not."""
    for body in bodies:
        for apply in applications(body):
            if apply.op in blocks:
                check_form(apply.op, apply.args, [param.name for param in blocks[apply.op].params], faults)
            elif apply.op in OPERATIONS:
                check_form(apply.op, apply.args, tuple(OPERATIONS[apply.op].Args.model_fields), faults)
            else:
                unknown_operation(apply, blocks, faults)


def unknown_operation(apply: syntax.Apply, blocks: Mapping[str, syntax.Block], faults: Faults) -> None:
    known = (*OPERATIONS, *blocks)
    hint = did_you_mean(apply.op, known) or did_you_mean(apply.op.lower(), known)
    hint = hint or "operations have the names of torch.nn in lower case; blocks are defined with `block`"
    faults.add("F214", f"there is no operation or block `{apply.op}`", apply.op_span or apply.span, hint=hint)


def applications(body: Sequence[syntax.Stmt]) -> Iterator[syntax.Apply]:
    """Every application of an operation or block in these statements, whatever they are inside."""
    waiting: list[syntax.Stmt] = list(reversed(body))
    while waiting:
        statement = waiting.pop()
        if isinstance(statement, syntax.Apply):
            yield statement
        else:
            waiting.extend(reversed(_inside(statement)))


def _inside(statement: syntax.Stmt) -> tuple[syntax.Stmt, ...]:
    if isinstance(statement, (syntax.Group, syntax.Sequential)):
        return statement.body
    if isinstance(statement, syntax.Residual):
        return (*statement.body, *(statement.shortcut or ()))
    if isinstance(statement, syntax.Parallel):
        return statement.branches
    if isinstance(statement, syntax.Repeat):
        return (statement.body,)
    if isinstance(statement, syntax.If):
        return (*statement.then, *(statement.otherwise or ()))
    return ()
