"""Grow a trained PyTorch network from a short spec: the same function, more capacity, with proof.

Importing this package imports nothing heavy: each name is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import apply, build, diff, filters, load, plan, show, validate, verify
    from .diagnostics import FptError

__version__ = "0.1.0"
__all__ = [
    "FptError", "__version__", "apply", "build", "diff", "filters", "load", "plan", "show", "validate", "verify",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "FptError":
        from .diagnostics import FptError

        return FptError
    if name in __all__:
        from . import api

        return getattr(api, name)
    raise AttributeError(f"module 'fptdsl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
