"""The vacuity guard (V-3): a check of a function that does not react says nothing.

Where a plan is at hand, it is applied to shaken weights, and the comparison is made there.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..architecture.graph import Graph
from .comparison import NOISE
from .figures import all_finite, constant, relative_error
from .inputs import random_samples
from .network import Evaluation
from .shaken import Regrow, ShakenWeights
from .variants import Noisy, Stored, whole
from .verdict import Row
from .weights import from_raw


def hidden_behind(old: Evaluation) -> list[str]:
    """Kernels and scales of the old network that are zero everywhere: they hide what feeds them."""
    tensors = old.graph.tensors
    zeros = old.reader.zeros
    return sorted(name for name in zeros if name in tensors and tensors[name].init in ("kernel", "scale"))


def shaken_rows(old: Evaluation, new_graph: Graph, regrow: Regrow, still: float) -> tuple[list[Row], list[str]]:
    """Figures on shaken weights, and the outputs that do not react even there."""
    source = ShakenWeights(old.graph, old.reader)
    recipes = regrow(source)

    def grown(name: str) -> Tensor:
        return from_raw(whole(recipes(name)), "float64").reshape(new_graph.tensors[name].shape)

    samples = random_samples(old.graph)
    before = Evaluation(old.graph, source).run([Stored(), Noisy("sensitivity", NOISE)], samples)
    after = Evaluation(new_graph, grown).run([Stored()], samples)["stored"]
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
    return rows, _still(list(before["stored"].values()), still)


def _still(outputs: Sequence[dict[str, Tensor]], bound: float) -> list[str]:
    return constant(outputs, bound) if all(map(all_finite, outputs)) else []
