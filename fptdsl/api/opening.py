"""Opening a checkpoint and holding it against a spec."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..diagnostics import FptError
from ..growth.document import common_dtype
from .folders import with_deciding_fields
from .reading import Spec

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint
    from .saved import SavedPlan


def open_fitting(path: str | Path, spec: Spec, saved: SavedPlan | None = None, *, values: bool = True) -> Checkpoint:
    """The checkpoint, open; every missing, unexpected, misshapen and damaged tensor is raised together.

    That it is another one than a saved plan was made for is said first.  Without ``values`` only names, shapes and
    types are looked at.
    """
    from ..checkpoint import hold_against, open_checkpoint

    model = spec.document.model
    family = model is not None and model.from_config
    source = open_checkpoint(path, spec.document.checkpoint, described=spec.graph.tensors, family=family)
    try:
        if saved is not None:
            saved.check_checkpoint(signature(source))
        source.warnings = (*source.warnings, *hold_against(source, spec.graph, values=values))
    except FptError as fault:
        source.close()
        told = with_deciding_fields(fault, spec)
        if told is fault:
            raise
        raise told from fault
    except BaseException:
        source.close()
        raise
    return source


def facts(source: Checkpoint) -> dict[str, Any]:
    """What a plan's document says of a checkpoint: enough to notice that it is another one."""
    return {
        "path": str(source.path),
        "tensors": len(source),
        "dtype": dtype_of(source),
        "signature": signature(source),
        "found": [source.found],
    }


def dtype_of(source: Checkpoint) -> str:
    """The floating dtype of most tensors."""
    return common_dtype(source.known_dtypes.values()) or "float32"


def signature(source: Checkpoint) -> str:
    """Digest of names, shapes and dtypes; the values do not matter for a plan."""
    described = sorted((name, list(entry.shape), entry.dtype) for name, entry in source.entries.items())
    return "sha256:" + hashlib.sha256(json.dumps(described).encode()).hexdigest()
