"""The comparison in train mode (V-6): batch norms take their statistics from the batch, dropout drops nothing.

Growth that is exact in eval mode may differ here: a norm that was inserted as the identity of its running
statistics is none of the batch's.  Such plans are ``eval-only``; of an ``exact`` one train mode is a promise too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..architecture.graph import Graph
from .comparison import NOISE, Comparison
from .figures import all_finite, relative_error
from .inputs import Sample
from .network import Evaluation, Outputs
from .variants import Noisy, Recipe, Stored, Variant
from .verdict import Gate

FLOOR = 1e-9
"""Errors up to this pass without a look at the network's sensitivity.

Equal networks are 1e-15 apart (W-1, W-3, G-2 of ``docs/maths.md``), but a batch norm divides by the deviation of
the batch: where that is nearly zero it makes rounding up to ``1/sqrt(eps)`` = 316 times larger, each time anew.
Planted faults are 1e-2 and more.
"""
MARGIN = 10.0
"""How far above the old network's own response to noise an error may be."""


@dataclass(frozen=True)
class TrainMode:
    """``error`` of the recipes before rounding, of the files where there is no plan; ``sensitivity`` of the old
    network in train mode where the error is above ``FLOOR``."""

    error: float
    sensitivity: float | None = None

    @property
    def gate(self) -> Gate:
        """The bound for plans that promise train mode too."""
        return Gate(
            "train mode",
            self.error,
            max(FLOOR, MARGIN * (self.sensitivity or 0.0)),
            "1e-9, or 10 times the old network's response in train mode to relative noise of 1e-15 on its weights",
        )


def compare_in_train_mode(comparison: Comparison, samples: Sequence[Sample]) -> TrainMode | None:
    """Compare on the largest of the batches; None where no batch norm changes with the mode.

    Also None where the old network's outputs are not finite in train mode, so that nothing can be compared.
    """
    if not (has_batch_norms(comparison.old.graph) or has_batch_norms(comparison.new.graph)):
        return None
    sample = max(samples, key=lambda one: one.batch)
    truth = _outputs(comparison.old, Stored(), sample)
    if not all_finite(truth):
        return None
    grown: Variant = Stored() if comparison.unrounded is None else Recipe(comparison.unrounded)
    error = relative_error(truth, _outputs(comparison.new, grown, sample))
    if error <= FLOOR:
        return TrainMode(error)
    noisy = _outputs(comparison.old, Noisy("sensitivity", NOISE), sample)
    return TrainMode(error, relative_error(truth, noisy))


def train_mode_error(old: Evaluation, new: Evaluation, sample: Sample) -> float | None:
    """Largest relative difference of the files in train mode on one batch; None where nothing can be compared."""
    if sample.batch < 2 or not (has_batch_norms(old.graph) or has_batch_norms(new.graph)):
        return None
    truth = _outputs(old, Stored(), sample)
    return relative_error(truth, _outputs(new, Stored(), sample)) if all_finite(truth) else None


def has_batch_norms(graph: Graph) -> bool:
    """Whether there are batch norms that use running statistics in eval mode."""
    return any(
        node.op.startswith("batchnorm") and getattr(node.args, "track_running_stats", True) for node in graph.nodes
    )


def _outputs(of: Evaluation, variant: Variant, sample: Sample) -> Outputs:
    evaluation = Evaluation(of.graph, of.reader.weights, workers=of.workers, batch_statistics=True)
    return evaluation.run([variant], [replace(sample, full=True)])[variant.name][0]
