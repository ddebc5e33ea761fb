"""One random network that grows several times: what the tests of composition share.

After every growth the spec is written as text and read again, and the next growth starts from that text and the
stored tensors alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

import torch
from growth.random_directives import random_growth
from growth.random_networks import random_spec
from growth.support import StateDict, grown_state, random_inputs, random_state, relative_error, run, unrounded_state
from safetensors.torch import save_file

from fptdsl.architecture import elaborate, lower
from fptdsl.architecture.digest import same
from fptdsl.architecture.graph import Graph
from fptdsl.diagnostics import FptError
from fptdsl.growth import make_plan
from fptdsl.growth.plan import Plan
from fptdsl.growth.respell import respell
from fptdsl.language import load

KEPT = ("bitwise", "exact", "eval-only")
ROUNDING = {"float32": 2.0**-23, "float64": 2.0**-52}


@dataclass
class Sequence:
    """What became of one network: ``path`` is the spec of the last growth, ``state`` its tensors."""

    path: Path
    state: StateDict
    inputs: list[torch.Tensor]
    first: list[torch.Tensor]
    """Outputs of the network that was there before any growth."""
    outputs: list[torch.Tensor]
    """Of the last network."""
    bound: float = 0.0
    """How far ``outputs`` may be from ``first``: the sum of the bounds of all growths."""
    history: list[list[str]] = field(default_factory=list)
    used: Counter[str] = field(default_factory=Counter)
    """The kinds of directives of growths that kept the function, with their methods and clauses."""
    kept: int = 0
    refused: int = 0
    changed: int = 0
    """Growths that are ``approximate`` and say so."""

    def save(self) -> None:
        """Beside the last spec: its checkpoint, and inputs with outputs of the *first* network."""
        tensors = {name: tensor.contiguous() for name, tensor in self.state.items()}
        save_file(tensors, self.path.with_suffix(".safetensors"))
        expected = {"inputs": self.inputs, "outputs": self.first, "bound": self.bound}
        torch.save(expected, self.path.with_suffix(".expected"))


def compose(random: Random, family: str, folder: Path, *, growths: int = 4, tries: int = 24) -> Sequence:
    """Grow a random network until ``growths`` were legal, holding the function after each of them."""
    path = folder / "random.fpt"
    path.write_text(random_spec(random, family))
    graph = lower(elaborate(load(path)))
    dtype = random.choice(("float32", "float64"))
    state = random_state(graph, dtype, seed=random.randint(0, 99))
    inputs = random_inputs(graph, 2)
    first = run(graph, state, inputs)
    sequence = Sequence(path, state, inputs, first, first)
    for _ in range(tries):
        directives = random_growth(random, graph)
        document = load(sequence.path, grow=directives)
        network = elaborate(document)
        old = lower(network)
        seed = random.randint(0, 99)
        plan, faults = _planned(partial(make_plan, network, old, document.grows, seed=seed))
        if plan is None:
            assert faults
            assert all(code.startswith("F3") and message for code, message in faults), (directives, faults)
            sequence.refused += 1
            continue
        if plan.exactness not in KEPT:
            assert plan.exactness == "approximate", directives
            sequence.changed += 1
            continue
        sequence.history.append(directives)
        where = f"{family}, {dtype}: {sequence.history}\n{sequence.path.read_text()}"
        _check_plan(sequence, plan, dtype, where)
        path = folder / f"random_{len(sequence.history)}.fpt"
        path.write_text(respell(document, network, plan.network))
        again = elaborate(load(path))
        assert same(again, plan.network) is None, where
        sequence.path, graph = path, lower(again)
        sequence.used.update(word for directive in directives for word in features(directive))
        sequence.kept += 1
        if sequence.kept == growths:
            break
    return sequence


def _planned(make: Callable[[], Plan]) -> tuple[Plan | None, list[tuple[str, str]]]:
    """The plan, or codes and messages of the diagnostics that refuse it."""
    try:
        return make(), []
    except FptError as refused:
        return None, [(fault.code, fault.message) for fault in refused.diagnostics]


def features(directive: str) -> list[str]:
    """``deepen conv1 by 1 to 8 at end using r2r`` has ``deepen r2r``, ``deepen to`` and ``deepen at end``."""
    text, _, using = directive.partition(" using ")
    kind, *words = text.replace(",", " ,").split()
    clauses = {"to", "as", "after", "interleaved", ","} if kind == "deepen" else set()
    found = [f"{kind} {word}" for word in words if word in clauses]
    found += [f"{kind} at {where}" for where in ("start", "end") if f" at {where}" in text]
    return [f"{kind} {using or 'automatic'}", *found]


def _check_plan(sequence: Sequence, plan: Plan, dtype: str, where: str) -> None:
    """Hold the unrounded recipes and the stored tensors, and put those in the place of the old ones."""
    exact = unrounded_state(plan, sequence.state)
    error = relative_error(run(plan.new, exact, sequence.inputs), sequence.outputs)
    assert error <= max(1e-12, _bound(sequence, plan, exact, error, 1e-15)), (error, where)
    stored = grown_state(plan, sequence.state, dtype)
    outputs = run(plan.new, stored, sequence.inputs)
    error = relative_error(outputs, sequence.outputs)
    bound = max(1e-12, _bound(sequence, plan, exact, error, ROUNDING[dtype]))
    assert error <= bound, (error, where)
    sequence.bound += bound
    assert relative_error(outputs, sequence.first) <= 2 * sequence.bound, where
    sequence.state, sequence.outputs = stored, outputs


def _bound(sequence: Sequence, plan: Plan, exact: StateDict, error: float, noise: float) -> float:
    """What an error above 1e-12 is measured against: ten times the networks' own answers to noise on their weights.

    That of the old network (``docs/maths.md``, V-2 and S) and of the grown one, in which pairs of pairs cancel
    large numbers; never so much that a fault would pass.
    """
    if error <= 1e-12:
        return 0.0
    old = _answer(plan.old, sequence.state, sequence.inputs, sequence.outputs, noise)
    new = _answer(plan.new, exact, sequence.inputs, sequence.outputs, noise)
    return min(10 * max(old, new), 1e-9 if noise == 1e-15 else 1e-3)


def _answer(
    graph: Graph, state: StateDict, inputs: list[torch.Tensor], outputs: list[torch.Tensor], noise: float
) -> float:
    """The largest relative change of the outputs under relative noise on all weights."""
    generator = torch.Generator().manual_seed(3)
    shaken = {
        name: values.double() * (1 + noise * torch.randn(values.shape, generator=generator, dtype=torch.float64))
        if values.is_floating_point()
        else values
        for name, values in state.items()
    }
    return relative_error(run(graph, shaken, inputs), outputs)
