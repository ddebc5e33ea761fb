"""The numerical check: old and new network, from two specs and two files, in float64."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf, prod
from pathlib import Path

from ..architecture.graph import Graph
from ..growth.plan import Exactness
from .comparison import Comparison
from .drift import Drift, drift_in
from .figures import all_finite, largest
from .inputs import random_samples, rows_within
from .interface import check_interfaces
from .network import Evaluation, Outputs, Progress, Tally
from .probe import Probe, load_probe
from .reproduction import Reproducing
from .shaken import Regrow
from .threads import Workers
from .train_mode import TrainMode, compare_in_train_mode
from .vacuity import Guarded, guard
from .variants import Unrounded
from .verdict import PRESERVING, Gate, Reproduction, Row, Verdict
from .weights import Weights

FLOOR = 1e-12
"""Errors up to this are rounding in float64."""
MARGIN = 10.0
"""How far above the old network's own response an error may be."""
BATCH_MEMORY = 32 << 20
"""Bytes of float64 that enter and leave the widest operation on a batch of the probe."""
PROMISES_TRAIN_MODE: tuple[Exactness, ...] = ("bitwise", "exact")
"""The classes of plans that hold in train mode too; a pair of files without a plan promises nothing there."""
FIRST_ROWS = 32
"""Rows of the probe, at most, on which everything is evaluated; on the others the two files alone."""


def verify(
    old_graph: Graph,
    old_weights: Weights,
    new_graph: Graph,
    new_weights: Weights,
    *,
    file_dtype: str,
    unrounded: Unrounded | None = None,
    regrow: Regrow | None = None,
    probe: Probe | str | Path | None = None,
    exactness: Exactness | None = None,
    brief: bool = False,
    progress: Progress | None = None,
) -> Verdict:
    """Compare two networks as functions.

    Weights are an open checkpoint, or a function that gives tensors by the spec's key, in the file's
    dtype (``file_dtype``: that of most of them).  ``unrounded``, ``regrow`` and ``exactness`` come from a
    plan, where there is one: its recipes on these weights, and on others, and its class.  Without a class
    the two must be equal within rounding.  ``brief``: on one random batch, and in float64 alone; errors up to 1e-12
    pass, and what is above them takes a full comparison to judge.

    Raises:
        FptError: inputs or outputs differ (F501, F502), or the probe does not fit (F510 to F517).
    """
    planned = exactness is not None or unrounded is not None
    exactness = exactness or "exact"
    check_interfaces(old_graph, new_graph)
    loaded = load_probe(probe, old_graph) if isinstance(probe, (str, Path)) else probe
    step = min(rows_within(old_graph, BATCH_MEMORY), rows_within(new_graph, BATCH_MEMORY))
    passes = 1 + (loaded.batches(FIRST_ROWS, step) if loaded else 0)
    tally = Tally(progress, passes * (_size(old_graph) + _size(new_graph)), [0])
    with Workers() as workers:
        comparison = Comparison(
            Evaluation(old_graph, old_weights, workers=workers, tally=tally),
            Evaluation(new_graph, new_weights, workers=workers, tally=tally),
            unrounded,
            brief,
        )
        samples = random_samples(old_graph)[-1 if brief else 0 :]
        rows, outputs = comparison.rows(samples)
        half = None if brief else drift_in(file_dtype, comparison, samples[0], outputs[0])
        train_mode = compare_in_train_mode(comparison, samples) if exactness in PRESERVING else None
        reproduction = _probe(loaded, step, comparison, rows, outputs) if loaded else None
        guarded = guard(comparison, outputs, regrow) if exactness in PRESERVING else Guarded()
    gated = unrounded is not None and exactness in PROMISES_TRAIN_MODE
    verdict = conclude(
        [*rows, *guarded.rows], outputs, exactness, file_dtype, reproduction, guarded,
        train_mode=train_mode, gated_in_train_mode=gated, half=half,
    )  # fmt: skip
    return replace(verdict, planned=planned)


def _probe(
    probe: Probe, step: int, comparison: Comparison, rows: list[Row], outputs: list[Outputs]
) -> Reproduction | None:
    """Compare on all batches of a probe; ``outputs`` gets those of the first."""
    reproducing = Reproducing(probe) if probe.expected else None
    for sample in probe.samples(FIRST_ROWS, step):
        found, given = comparison.rows([sample])
        rows += found
        if sample.full:
            outputs += given
        if reproducing:
            reproducing.add(sample, given[0])
    return reproducing.result(rows) if reproducing else None


def conclude(
    rows: Sequence[Row],
    outputs: Sequence[Outputs],
    exactness: Exactness,
    file_dtype: str,
    reproduction: Reproduction | None,
    guarded: Guarded,
    *,
    train_mode: TrainMode | None = None,
    gated_in_train_mode: bool = False,
    half: Drift | None = None,
) -> Verdict:
    """The verdict from the figures of all batches."""
    error = largest(row.stored for row in rows)
    gates = _gates(rows, train_mode if gated_in_train_mode else None) if exactness in PRESERVING else ()
    reasons = [
        f"{gate.name}: relative error {gate.error:.1e} is above {gate.limit:.1e}" for gate in gates if not gate.passed
    ]
    finite = all(map(all_finite, outputs))
    if not finite:
        reasons = ["the old network gives NaN or infinite values, so nothing can be compared"]
    elif error == inf and not reasons:
        reasons = ["the new network gives NaN or infinite values"]
    if reproduction is not None and not reproduction.passed:
        reasons.append(
            f"the old network does not give the expected outputs of the probe: relative error "
            f"{reproduction.error:.1e}, tolerance {reproduction.tolerance:.1e} for {reproduction.dtype}; "
            "the spec or the inputs' normalisation is not that of the checkpoint"
        )
    return Verdict(
        passed=not reasons and not guarded.inconclusive,
        exactness=exactness,
        dtype=file_dtype,
        max_relative_error=inf if error is None else error,
        unrounded_error=largest(row.unrounded for row in rows),
        storage_drift=largest(row.storage for row in rows),
        sensitivity=largest(row.sensitivity for row in rows) or 0.0,
        rounding_response=largest(row.response for row in rows) or 0.0,
        gates=gates,
        float32_drift=largest(row.float32_drift for row in rows),
        float32_old=largest(row.float32_old for row in rows),
        float32_new=largest(row.float32_new for row in rows),
        train_mode=None if train_mode is None else train_mode.error,
        half=None if half is None else half.to_json(),
        bitwise=all(row.bitwise for row in rows if row.stored is not None),
        rows=tuple(rows),
        reproduction=reproduction,
        inconclusive=guarded.inconclusive,
        reasons=tuple(reasons),
        notes=guarded.notes,
    )


def _gates(rows: Sequence[Row], train_mode: TrainMode | None) -> tuple[Gate, ...]:
    """The two gates of section 4a, that of train mode, and the first where the weights had to be shaken."""
    own = [row for row in rows if row.source != "perturbed"]
    gates = []
    unrounded = largest(row.unrounded for row in own)
    if unrounded is not None:
        gates.append(_within_rounding("unrounded recipe", unrounded, own))
    stored = largest(row.stored for row in own)
    response = largest(row.response for row in own) or 0.0
    gates.append(
        Gate(
            "stored file",
            inf if stored is None else stored,
            max(FLOOR, MARGIN * response),
            "10 times the old network's response to rounding its weights to the file's dtype",
        )
    )
    if train_mode is not None:
        gates.append(train_mode.gate)
    perturbed = [row for row in rows if row.source == "perturbed"]
    if perturbed:
        error = largest(row.unrounded for row in perturbed)
        gates.append(_within_rounding("recipe on perturbed weights", inf if error is None else error, perturbed))
    return tuple(gates)


def _within_rounding(name: str, error: float, rows: Sequence[Row]) -> Gate:
    sensitivity = largest(row.sensitivity for row in rows) or 0.0
    return Gate(
        name,
        error,
        max(FLOOR, MARGIN * sensitivity),
        "1e-12, or 10 times the old network's response to relative noise of 1e-15 on its weights",
    )


def _size(graph: Graph) -> int:
    """How many weights its operations have."""
    used = {tensor.name: tensor.shape for node in graph.nodes for tensor in node.tensors.values()}
    return sum(map(prod, used.values()))
