"""The vacuity guard (V-3): a check of a function that does not react says nothing.

Where a plan is at hand, it is applied to shaken weights, and the comparison is made there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from .comparison import NOISE, Comparison
from .figures import all_finite, constant, relative_error
from .inputs import random_samples
from .network import Evaluation, Outputs
from .shaken import Regrow, ShakenWeights
from .variants import Noisy, Stored, Variant, whole
from .verdict import Row
from .weights import from_raw

STILL = 1e-6
"""An output that differs between inputs by less than this, relative to its size, does not react."""


@dataclass(frozen=True)
class Guarded:
    """What the guard adds to a verification: figures on shaken weights, and why the others say nothing."""

    rows: tuple[Row, ...] = ()
    inconclusive: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def guard(comparison: Comparison, outputs: Sequence[Outputs], regrow: Regrow | None) -> Guarded:
    """Look for outputs that do not react and for tensors that hide others; compare on shaken weights then."""
    old, rows, notes = comparison.old, list[Row](), list[str]()
    still = _still(outputs)
    hidden = _hiding(old)
    if regrow is not None and (still or hidden):
        rows, still = _shaken_rows(old, comparison.new, regrow)
    elif hidden:
        notes.append(f"{_named(hidden)}: what feeds it has no effect on the output and could not be compared")
    inconclusive = tuple(f"the output `{name}` is the same for all inputs" for name in still)
    return Guarded(tuple(rows), inconclusive, tuple(notes))


def _hiding(old: Evaluation) -> list[str]:
    """Kernels and scales of the old network that are zero everywhere: they hide what feeds them."""
    tensors = old.graph.tensors
    zeros = old.reader.zeros
    return sorted(name for name in zeros if name in tensors and tensors[name].init in ("kernel", "scale"))


def _shaken_rows(old: Evaluation, new: Evaluation, regrow: Regrow) -> tuple[list[Row], list[str]]:
    """Figures on shaken weights, and the outputs that do not react even there."""
    source = ShakenWeights(old.graph, old.reader)
    recipes = regrow(source)

    def grown(name: str) -> Tensor:
        return from_raw(whole(recipes(name)), "float64").reshape(new.graph.tensors[name].shape)

    samples = random_samples(old.graph)
    variants: list[Variant] = [Stored(), Noisy("sensitivity", NOISE)]
    before = Evaluation(old.graph, source, workers=old.workers).run(variants, samples)
    after = Evaluation(new.graph, grown, workers=old.workers).run([Stored()], samples)["stored"]
    rows = []
    for i, sample in enumerate(samples):
        truth = before["stored"][i]
        rows.append(
            Row(
                source="perturbed",
                batch=sample.batch,
                stored=None,
                seed=sample.seed,
                unrounded=relative_error(truth, after[i]),
                sensitivity=relative_error(truth, before["sensitivity"][i]) if sample.full else None,
            )
        )
    return rows, _still(list(before["stored"].values()))


def _still(outputs: Sequence[Outputs]) -> list[str]:
    """The outputs that do not react; none where there are values that are not finite."""
    return constant(outputs, STILL) if all(map(all_finite, outputs)) else []


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:3])
    if len(names) > 3:
        return f"{shown} and {len(names) - 3} more tensors are zero everywhere"
    return f"{shown} {'are' if len(names) > 1 else 'is'} zero everywhere"
