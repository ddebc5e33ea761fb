"""Whether the old network gives the outputs that a probe says it must give.

A proof is relative to the spec: with a wrong eps in it, old and new agree with each other and not with
the network that was trained.  Outputs computed elsewhere tell.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .figures import largest
from .inputs import Sample
from .network import Outputs
from .probe import Probe
from .verdict import Reproduction, Row

TOLERANCES = {"float64": 1e-9, "float32": 1e-5, "float16": 5e-3}
"""Relative error that is allowed at least, by the dtype in which the outputs were computed."""


class Reproducing:
    """Collects the error over the batches of a probe, relative to each expected output's largest value."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self._error = dict.fromkeys(probe.expected, 0.0)

    def add(self, sample: Sample, outputs: Outputs) -> None:
        for name, wanted in self.probe.wanted(sample).items():
            difference = float((outputs[name] - wanted).abs().max())
            self._error[name] = max(self._error[name], difference if difference == difference else np.inf)

    def result(self, rows: Sequence[Row]) -> Reproduction:
        """The largest error, against the tolerance of the expected outputs' dtype.

        A deep network's own float32 error may be above the fixed tolerance: ten times that is allowed
        where the outputs were computed in float32 or less.
        """
        errors = []
        for name, values in self.probe.expected.items():
            scale = float(np.abs(values).max())
            errors.append(self._error[name] / scale if scale > 0 else np.inf if self._error[name] > 0 else 0.0)
        coarsest = max((str(v.dtype) for v in self.probe.expected.values()), key=lambda d: TOLERANCES.get(d, 0.0))
        own = largest(row.sensitivity if coarsest == "float64" else row.float32_old for row in rows) or 0.0
        return Reproduction(max(errors), max(TOLERANCES.get(coarsest, 1e-9), 10 * own), coarsest)
