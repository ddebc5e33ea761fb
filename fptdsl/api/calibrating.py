"""``--calibrate DATA.npz``: statistics of the old network's values on data, for inserted batch norms (D-4)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..diagnostics import Diagnostic, FptError
from .reading import Spec

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint
    from ..growth.identity import Statistics

ROWS = 64
"""Rows of the data that are run at a time."""


def measured(read: Spec, source: Checkpoint | None, data: str | Path | None) -> Statistics | None:
    """Mean and variance per channel of every value of the old network; None without data.

    Raises:
        FptError: there is no checkpoint to run (F325), or the arrays do not fit the model's inputs.
    """
    if data is None:
        return None
    if source is None:
        raise FptError(
            Diagnostic(
                "F325",
                f"{data} is to be run through the old network, and there is no checkpoint",
                hint="give the checkpoint after the spec",
            )
        )
    from ..modules.measure import channel_statistics
    from ..proof.probe import load_probe

    probe = load_probe(data, read.graph)
    state = {name: source.tensor(name) for name in read.graph.tensors if name in source}
    return channel_statistics(read.graph, state, (sample.inputs for sample in probe.samples(ROWS, ROWS)))


def facts_of_data(data: str | Path | None) -> dict[str, Any]:
    """What a plan's document says of the data: ``calibrate`` with path and SHA-256, or nothing."""
    if data is None:
        return {}
    try:
        digest = hashlib.sha256(Path(data).read_bytes()).hexdigest()
    except OSError as error:
        raise FptError(Diagnostic("F510", f"{data} cannot be read: {error.strerror}", path=str(data))) from error
    return {"calibrate": {"path": str(data), "sha256": digest}}
