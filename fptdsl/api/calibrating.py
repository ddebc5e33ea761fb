"""``--calibrate DATA.npz``: statistics of the old network's values on data, for inserted batch norms (D-4)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..diagnostics import Diagnostic, FptError
from .reading import Spec

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint
    from ..growth.identity import Statistics
    from ..proof.inputs import Sample

ROWS = 64
"""Rows of a batch of the data, at least."""
MEMORY = 256 << 20
"""Bytes of float64 that enter and leave the widest operation on a batch; as many rows make one batch."""


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

    state = {name: source.tensor(name) for name in read.graph.tensors if name in source}
    return channel_statistics(read.graph, state, (sample.inputs for sample in _batches(read, data)))


def _batches(read: Spec, data: str | Path) -> Iterator[Sample]:
    from ..proof.inputs import rows_within
    from ..proof.probe import load_probe

    rows = max(ROWS, rows_within(read.graph, MEMORY))
    return load_probe(data, read.graph).samples(rows, rows)


def measured_in_training(
    read: Spec, grown: Spec, source: Checkpoint, result: Checkpoint, data: str | Path | None
) -> dict[str, Any] | None:
    """How far the grown network is from the old one in train mode, on the first batch of the data (V-6).

    None without data.  The document's ``calibration``: ``rows`` of the batch, and ``train_mode``, the largest
    relative difference over all outputs in float64 (null where nothing can be compared).
    """
    if data is None:
        return None
    from ..proof.network import Evaluation
    from ..proof.threads import Workers
    from ..proof.train_mode import train_mode_error

    sample = next(_batches(read, data))
    with Workers() as workers:
        old = Evaluation(read.graph, source, workers=workers)
        new = Evaluation(grown.graph, result, workers=workers)
        error = train_mode_error(old, new, sample)
    return {"rows": sample.batch, "train_mode": error}


def facts_of_data(data: str | Path | None) -> dict[str, Any]:
    """What a plan's document says of the data: ``calibrate`` with path and SHA-256, or nothing."""
    if data is None:
        return {}
    try:
        digest = hashlib.sha256(Path(data).read_bytes()).hexdigest()
    except OSError as error:
        raise FptError(Diagnostic("F510", f"{data} cannot be read: {error.strerror}", path=str(data))) from error
    return {"calibrate": {"path": str(data), "sha256": digest}}
