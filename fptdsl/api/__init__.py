"""What fptdsl does, as functions: each returns a frozen result around one JSON document.

Every fault of a user's file is raised as :class:`~fptdsl.diagnostics.FptError`, which carries all the
diagnostics.  The functions are loaded on first use; those that only read specs never import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .comparing import diff as diff
    from .drawing import filters as filters
    from .growing import apply as apply
    from .materialising import build as build
    from .materialising import load as load
    from .planning import plan as plan
    from .results import ApplyResult as ApplyResult
    from .results import DiffResult as DiffResult
    from .results import FiltersResult as FiltersResult
    from .results import PlanResult as PlanResult
    from .results import ShowResult as ShowResult
    from .results import StalePlan as StalePlan
    from .results import ValidateResult as ValidateResult
    from .results import VerificationFailed as VerificationFailed
    from .results import VerifyResult as VerifyResult
    from .showing import show as show
    from .validating import validate as validate
    from .verifying import verify as verify

_HOME = {
    "apply": "growing",
    "build": "materialising",
    "diff": "comparing",
    "filters": "drawing",
    "load": "materialising",
    "plan": "planning",
    "show": "showing",
    "validate": "validating",
    "verify": "verifying",
    "ApplyResult": "results",
    "DiffResult": "results",
    "FiltersResult": "results",
    "PlanResult": "results",
    "ShowResult": "results",
    "StalePlan": "results",
    "ValidateResult": "results",
    "VerificationFailed": "results",
    "VerifyResult": "results",
}

__all__ = [
    "ApplyResult", "DiffResult", "FiltersResult", "PlanResult", "ShowResult", "StalePlan", "ValidateResult",
    "VerificationFailed", "VerifyResult", "apply", "build", "diff", "filters", "load", "plan", "show", "validate",
    "verify",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOME[name]}", __name__), name)
