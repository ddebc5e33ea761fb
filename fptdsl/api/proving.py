"""How much of a growth is evaluated: the whole networks, an excerpt of them, or nothing beside the certificate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from .opening import dtype_of
from .reading import Spec
from .results import PlanResult

if TYPE_CHECKING:
    from ..architecture.graph import Graph
    from ..checkpoint import Checkpoint
    from ..growth.plan import Plan
    from ..proof.certificate import Certificate
    from ..proof.verdict import Verdict

Extent = Literal["auto", "full", "certificate"]
"""``full``: every layer of both networks.  ``certificate``: nothing is evaluated where the certificate passed.
``auto``: one block of every kind where it passed and the networks are large, else every layer."""

LARGE = 10**9
"""Weights of both networks together above which ``auto`` evaluates an excerpt: about ten seconds of two cores."""


def check_extent(extent: str) -> None:
    """Raise ``ValueError`` unless it is one of ``Extent``."""
    if extent not in get_args(Extent):
        raise ValueError(f"verify is {extent!r}, and must be one of {', '.join(get_args(Extent))}")


def numerical_check(
    made: PlanResult,
    grown: Spec,
    source: Checkpoint,
    result: Checkpoint,
    certificate: Certificate,
    *,
    extent: Extent,
    probe: str | Path | None,
    progress: Callable[[int, int], None] | None,
) -> Verdict | None:
    """The function of the written file, read by the written spec, against that of the old file.

    Less than everything is evaluated only where the certificate vouches for every tensor and there is no probe;
    None: nothing was, as was asked for.  An excerpt is compared on one batch first; where it is further off than
    rounding in float64, as rescaled weights of a coarse dtype are, in full.  An excerpt that differs even so is no
    verdict yet: then all is evaluated.
    """
    certified = certificate.passed and probe is None
    if certified and extent == "certificate":
        return None

    from ..proof.excerpt import excerpt
    from ..proof.recipes import verify_plan

    plan = replace(made.plan, new=grown.graph)

    def check(part: Plan, *, brief: bool = False) -> Verdict:
        dtype = dtype_of(source)
        return verify_plan(part, source, source, result, file_dtype=dtype, probe=probe, brief=brief, progress=progress)

    if certified and extent == "auto" and _weights(plan.old) + _weights(plan.new) > LARGE:
        some = excerpt(plan)
        if some is not None:
            part = replace(plan, old=some.old, new=some.new)
            for brief in (True, False):
                verdict = check(part, brief=brief)
                if verdict.passed:
                    return replace(verdict, scope=some.scope)
    return check(plan)


def _weights(graph: Graph) -> int:
    return sum(prod(tensor.shape) for tensor in graph.tensors.values())
