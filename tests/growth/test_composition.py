"""Random sequences of legal transforms on random architectures: the function is kept through all of them.

After every transform the grown spec is written as text and read again: the next transform starts from the
text and the stored float32 tensors alone.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
import torch
from growth.random_networks import random_directive, random_spec
from growth.support import grown_state, random_state, relative_error, run, unrounded_state

from fptdsl.architecture import elaborate, lower
from fptdsl.architecture.digest import same
from fptdsl.diagnostics import FptError
from fptdsl.growth import make_plan
from fptdsl.growth.respell import respell
from fptdsl.language import load


def sequence(seed: int, folder: Path, transforms: int = 4) -> int:
    """Grow one random network several times; returns how many transforms were legal."""
    random = Random(seed)
    path = folder / f"random{seed}.fpt"
    path.write_text(random_spec(random))
    graph = lower(elaborate(load(path)))
    state = random_state(graph, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    inputs = [torch.randn(2, *v.shape, dtype=torch.float64, generator=generator) for v in graph.inputs.values()]
    first = run(graph, state, inputs)
    applied = 0
    history: list[str] = []
    reasons: list[str] = []
    for _ in range(6 * transforms):
        directive = random_directive(random, graph)
        document = load(path, grow=[directive])
        network = elaborate(document)
        graph = lower(network)
        try:
            plan = make_plan(network, graph, document.grows, seed=seed)
        except FptError as refused:
            reasons.extend(d.message for d in refused.diagnostics)
            continue
        if plan.exactness in ("approximate", "baseline"):
            continue
        history.append(directive)
        where = f"seed {seed}: {history}\n{path.read_text()}"
        before = run(graph, state, inputs)
        assert relative_error(run(plan.new, unrounded_state(plan, state), inputs), before) <= 1e-12, where
        state = grown_state(plan, state)
        assert relative_error(run(plan.new, state, inputs), first) <= 1e-10, where
        text = respell(document, network, plan.network)
        path = folder / f"random{seed}_{len(history)}.fpt"
        path.write_text(text)
        again = elaborate(load(path))
        assert same(again, plan.network) is None, where
        graph = lower(again)
        applied += 1
        if applied == transforms:
            break
    assert all(reasons)
    return applied


@pytest.mark.parametrize("seed", range(12))
def test_sequences(seed: int, tmp_path: Path) -> None:
    assert sequence(seed, tmp_path) >= 2


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(100, 300))
def test_two_hundred_sequences(seed: int, tmp_path: Path) -> None:
    assert sequence(seed, tmp_path, transforms=5) >= 2
