"""``show``: the architecture of a spec."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .results import ShowResult


def show(spec: str | Path, *, model: str | Path | None = None, settings: Mapping[str, Any] | None = None) -> ShowResult:
    """The architecture as a tree with output shapes and parameters, and the groups of units."""
    from .architecture import architecture
    from .reading import read_spec

    return ShowResult(architecture(read_spec(spec, model=model, settings=settings).graph))
