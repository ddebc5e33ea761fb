"""Drift in the dtype of the file (V-9): what the two networks are apart where they are used in half precision.

It is reported and is no gate: half precision rounds every sum, so that equal functions give other digits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from .comparison import Comparison
from .figures import relative_error
from .inputs import Sample
from .network import Evaluation, Outputs
from .variants import Stored
from .verdict import number

HALF = {"float16": torch.float16, "bfloat16": torch.bfloat16}
MISSING = "not implemented for"
"""What torch says of a kernel that does not exist in half precision on a CPU."""


@dataclass(frozen=True)
class Drift:
    """Relative errors with weights and activations in ``dtype``, on one batch.

    ``drift``: new against old; ``old`` and ``new``: each against the old network in float64.  None where torch
    cannot evaluate the network in that dtype on a CPU, for the reason ``skipped``.
    """

    dtype: str
    drift: float | None = None
    old: float | None = None
    new: float | None = None
    skipped: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "dtype": self.dtype,
            "drift": number(self.drift),
            "old": number(self.old),
            "new": number(self.new),
            "skipped": self.skipped,
        }


def drift_in(dtype: str, comparison: Comparison, sample: Sample, truth: Outputs) -> Drift | None:
    """Evaluate both networks in the file's dtype; None unless that is float16 or bfloat16.

    ``truth``: the old network's float64 outputs for ``sample``.
    """
    if dtype not in HALF:
        return None
    try:
        old, new = (_outputs(network, dtype, sample) for network in (comparison.old, comparison.new))
    except RuntimeError as error:
        if MISSING not in str(error):
            raise
        return Drift(dtype, skipped=str(error).splitlines()[0])
    return Drift(dtype, relative_error(old, new, truth), relative_error(truth, old), relative_error(truth, new))


def _outputs(of: Evaluation, dtype: str, sample: Sample) -> Outputs:
    evaluation = Evaluation(of.graph, of.reader.weights, workers=of.workers)
    return evaluation.run([Stored(dtype, HALF[dtype])], [replace(sample, full=True)])[dtype][0]
