"""``show``: the architecture of a spec."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .results import ShowResult


def show(
    spec: str | Path,
    checkpoint: str | Path | None = None,
    *,
    model: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
) -> ShowResult:
    """The architecture as a tree with output shapes and parameters, and the groups of units.

    Of a ``checkpoint`` only the configuration is read, where the model takes its sizes from one.
    """
    from .architecture import architecture
    from .reading import read_spec

    return ShowResult(architecture(read_spec(spec, model=model, settings=settings, checkpoint=checkpoint).graph))
