"""Two networks evaluated side by side on the same inputs: one row of figures per batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from .figures import identical, relative_error
from .inputs import Sample
from .network import Evaluation, Outputs
from .variants import Noisy, Recipe, Stored, Unrounded, Variant
from .verdict import Row

NOISE = 1e-15
"""Relative noise of the sensitivity baseline (V-2)."""


@dataclass(frozen=True)
class Comparison:
    """The old and the new network, and the new one's recipes where there is a plan."""

    old: Evaluation
    new: Evaluation
    unrounded: Unrounded | None = None
    brief: bool = False
    """Leave out noise and float32, of which limits above 1e-12 and figures for the reader come."""

    def rows(self, samples: Sequence[Sample]) -> tuple[list[Row], list[Outputs]]:
        """Figures and the old network's float64 outputs per sample."""
        old: list[Variant] = [Stored()]
        new: list[Variant] = [Stored()]
        if self.unrounded is not None and any(sample.full for sample in samples):
            new.append(Recipe(self.unrounded))
        if not self.brief and any(sample.full for sample in samples):
            old += [Noisy("sensitivity", NOISE), Noisy("response", None), Stored("float32", torch.float32)]
            new.append(Stored("float32", torch.float32))
        before, after = self.old.run(old, samples), self.new.run(new, samples)
        rows = []
        for i, sample in enumerate(samples):
            of_old = {name: outputs[i] for name, outputs in before.items() if i in outputs}
            of_new = {name: outputs[i] for name, outputs in after.items() if i in outputs}
            rows.append(_row(sample, of_old, of_new))
        return rows, [before["stored"][i] for i in range(len(samples))]


def _row(sample: Sample, old: dict[str, Outputs], new: dict[str, Outputs]) -> Row:
    truth = old["stored"]

    def against(reference: Outputs, of: dict[str, Outputs], name: str) -> float | None:
        return relative_error(reference, of[name], truth) if name in of else None

    return Row(
        source=sample.source,
        batch=sample.batch,
        seed=sample.seed,
        first=sample.first,
        stored=against(truth, new, "stored"),
        unrounded=against(truth, new, "unrounded"),
        storage=against(new["stored"], new, "unrounded"),
        sensitivity=against(truth, old, "sensitivity"),
        response=against(truth, old, "response"),
        float32_drift=against(old["float32"], new, "float32") if "float32" in old else None,
        float32_old=against(truth, old, "float32"),
        float32_new=against(truth, new, "float32"),
        bitwise=identical(truth, new["stored"]),
        bitwise_float32=identical(old["float32"], new["float32"]) if "float32" in old else None,
    )
