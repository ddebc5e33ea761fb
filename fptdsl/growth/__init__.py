"""Growth: from a graph and directives to a plan, and from a plan to new values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .evaluate import Evaluator as Evaluator
    from .plan import Plan as Plan
    from .planner import make_plan as make_plan

_HOME = {"Evaluator": "evaluate", "Plan": "plan", "make_plan": "planner"}

__all__ = ["Evaluator", "Plan", "make_plan"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOME[name]}", __name__), name)
