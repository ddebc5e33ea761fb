"""Every transform at every Space and place of every shipped spec: the matrix of the documentation.

``python tests/growth/sweep.py`` (from the checkout) runs all of it in two processes and writes
``docs/results/matrix.md``; names of networks restrict it, ``--every`` takes each place by itself.  Cells are
kept in ``build/matrix/NETWORK.jsonl`` as they come, so a run that was stopped goes on where it was; cells of
another state of the package are thrown away.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

if __name__ == "__main__":  # `python tests/growth/sweep.py`: as with pytest, the checkout and `tests` are on the path
    sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from growth.support import (
    StateDict,
    graph_of,
    grown_state,
    random_inputs,
    random_state,
    relative_error,
    unrounded_state,
)
from growth.sweep_places import Ask, asks

from fptdsl.architecture.graph import Graph
from fptdsl.diagnostics import FptError
from fptdsl.growth import make_plan
from fptdsl.language import load, syntax
from fptdsl.modules import build

ROOT = Path(__file__).parents[2]
CELLS = ROOT / "build" / "matrix"

SHORT: dict[str, object] = {"blocks1": 2, "blocks2": 1, "blocks3": 1, "blocks4": 1}

NETWORKS: dict[str, tuple[str, dict[str, object]]] = {
    "mlp": ("mlp", {"inputs": 20, "hidden": 12, "depth": 3}),
    "lenet": ("lenet", {}),
    "vgg_bn 13": ("vgg_bn", {"layers": 13, "width": 4, "hidden": 16, "num_classes": 7, "size": 32, "pool": 1}),
    "resnet_cifar A": ("resnet_cifar", {"n": 2}),
    "resnet_cifar B": ("resnet_cifar", {"n": 2, "option": "B"}),
    "resnet 18": ("resnet", {"layers": 18, "size": 32, "num_classes": 7, **SHORT}),
    "resnet 50": ("resnet", {"layers": 50, "width_per_group": 2, "size": 32, "num_classes": 7, **SHORT}),
    "resnext": ("resnet", {"layers": 50, "groups": 2, "width_per_group": 2, "size": 32, "num_classes": 5, **SHORT}),
    "preact_resnet": ("preact_resnet", {"n": 2, "width": 4, "num_classes": 5}),
    "senet": ("senet", {"layers": 18, "width": 4, "size": 32, "num_classes": 5, **SHORT}),
    "senet bottleneck": ("senet", {"width": 4, "size": 32, "num_classes": 5, **SHORT}),
    "regnet_y": ("regnet_y", {"group_width": 2, "size": 32, "num_classes": 5, **SHORT}),
    "squeezenet": ("squeezenet", {"width": 2, "size": 48, "num_classes": 5}),
    "densenet": (
        "densenet",
        {
            "growth": 4,
            "width": 8,
            "size": 64,
            "num_classes": 5,
            "squeeze": 2,
            "blocks1": 2,
            "blocks2": 2,
            "blocks3": 1,
            "blocks4": 1,
        },
    ),
    "googlenet": ("googlenet", {"width": 2, "size": 32, "num_classes": 5}),
    "inception_bn": ("inception_bn", {"width": 2, "size": 32, "num_classes": 5}),
    "inception_v3": ("inception_v3", {"width": 2, "size": 80, "num_classes": 5}),
    "mobilenet_v2": ("mobilenet_v2", {"width": 1, "size": 32, "num_classes": 5}),
    "mobilenet_v3": ("mobilenet_v3", {"width": 1, "size": 32, "num_classes": 5}),
    "efficientnet_b0": ("efficientnet_b0", {"width": 1, "size": 32, "num_classes": 5}),
    "unet": ("unet", {"width": 2, "size": 16, "num_classes": 3}),
    "convnext": ("convnext", {"width": 4, "size": 32, "num_classes": 5, **SHORT}),
    "mlp_mixer": (
        "mlp_mixer",
        {"width": 6, "depth": 2, "tokens": 5, "channels": 7, "patch": 4, "size": 16, "num_classes": 5},
    ),
    "maxout_mlp": ("maxout_mlp", {"inputs": 12, "units": 6, "pieces": 3, "num_classes": 4}),
    "lstm_text": ("lstm_text", {"vocabulary": 20, "width": 5, "hidden": 6, "num_classes": 3}),
    "gru_text": ("gru_text", {"vocabulary": 20, "width": 5, "hidden": 6, "num_classes": 3}),
}
"""Names, and the spec with the parameters that make it small."""


@dataclass(frozen=True)
class Cell:
    """One transform at one place.  ``error`` is of the unrounded recipe, ``stored`` of the float32 file."""

    network: str
    directive: str
    transform: str
    places: int
    exactness: str = ""
    error: float = 0.0
    stored: float = 0.0
    refusal: str = ""
    reason: str = ""

    @property
    def judged(self) -> bool:
        """Whether the class of exactness promises the function."""
        return not self.refusal and self.exactness not in ("baseline", "approximate")


@dataclass(frozen=True)
class Bounds:
    """What a network forgives: its own answers to noise on its weights, relative 1e-15 and float32's eps.

    A cell is wrong beyond ``unrounded`` before rounding, beyond ``stored`` after it (``docs/maths.md``, V-2 and S-4).
    """

    sensitivity: float
    rounding: float

    @property
    def unrounded(self) -> float:
        return max(1e-12, 10 * self.sensitivity)

    @property
    def stored(self) -> float:
        return 10 * self.rounding

    def wrong(self, cell: Cell) -> bool:
        return cell.judged and not (cell.error <= self.unrounded and cell.stored <= self.stored)


class Subject:
    """A small network with random weights, its inputs and outputs."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.spec, settings = NETWORKS[name]
        self.graph, _ = graph_of(self.spec, settings=settings)
        self.state = random_state(self.graph)
        self.inputs = random_inputs(self.graph, 2)
        self.outputs = outputs(self.graph, [self.state], self.inputs)[0]

    def bounds(self) -> Bounds:
        noisy = [_shaken(self.state, 1e-15), _shaken(self.state, 2.0**-23)]
        exact, stored = outputs(self.graph, noisy, self.inputs)
        return Bounds(relative_error(exact, self.outputs), relative_error(stored, self.outputs))

    def cell(self, ask: Ask, grow: syntax.Grow) -> Cell:
        about = self.name, ask.directive, ask.transform, ask.places
        try:
            plan = make_plan(self.graph.network, self.graph, [grow])
        except FptError as refused:
            first = refused.diagnostics[0]
            return Cell(*about, refusal=first.code, reason=first.message)
        states = [unrounded_state(plan, self.state), grown_state(plan, self.state)]
        exact, stored = outputs(plan.new, states, self.inputs)
        errors = relative_error(exact, self.outputs), relative_error(stored, self.outputs)
        return Cell(*about, plan.exactness, *errors)


def outputs(graph: Graph, states: list[StateDict], inputs: list[torch.Tensor]) -> list[list[torch.Tensor]]:
    """All outputs in float64 and eval mode, for each of the state dicts."""
    module = build(graph).double().eval()
    found = []
    for state in states:
        module.load_state_dict({k: v.double() if v.is_floating_point() else v for k, v in state.items()}, strict=True)
        with torch.no_grad():
            result = module(*inputs)
        found.append(list(result.values()) if isinstance(result, dict) else [result])
    return found


def _shaken(state: StateDict, noise: float) -> StateDict:
    generator = torch.Generator().manual_seed(3)
    return {
        name: values.double() * (1 + noise * torch.randn(values.shape, generator=generator, dtype=torch.float64))
        if values.is_floating_point()
        else values
        for name, values in state.items()
    }


def sweep(name: str, every: bool = False, known: frozenset[str] = frozenset()) -> Iterator[Cell]:
    """The cells of one network, but for the directives that are known."""
    subject = Subject(name)
    wanted = [ask for ask in asks(subject.graph, every) if ask.directive not in known]
    grows = load(subject.spec, grow=[ask.directive for ask in wanted]).grows
    for ask, grow in zip(wanted, grows, strict=True):
        yield subject.cell(ask, grow)


# --- cells on disk ---------------------------------------------------------------------------------


def read_cells(name: str) -> list[Cell]:
    return [Cell(**json.loads(line)) for line in _file(name).read_text().splitlines()[1:]]


def fill(name: str, every: bool) -> str:
    """Add the missing cells of a network to its file."""
    torch.set_num_threads(1)
    path, head = _file(name), json.dumps({"state": _state(), "every": every})
    if not path.exists() or path.read_text().partition("\n")[0] != head:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + "\n")
    elif not path.read_text().endswith("\n"):  # stopped within a line
        path.write_text(path.read_text().rpartition("\n")[0] + "\n")
    known = frozenset(cell.directive for cell in read_cells(name))
    with path.open("a") as file:
        for cell in sweep(name, every, known):
            file.write(json.dumps(asdict(cell)) + "\n")
            file.flush()
    return name


def _file(name: str) -> Path:
    return CELLS / f"{name.replace(' ', '_')}.jsonl"


def _state() -> str:
    """A digest of the package, the specs and the sweep itself."""
    digest = hashlib.sha256()
    read = [*ROOT.glob("fptdsl/**/*.py"), *ROOT.glob("specs/*.fpt"), *Path(__file__).parent.glob("sweep*.py")]
    for path in sorted(read):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def main() -> None:
    from growth.sweep_report import report

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=f"of {', '.join(NETWORKS)}; all by default")
    parser.add_argument("--every", action="store_true", help="each place by itself, not one of those alike")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args()
    names = options.networks or list(NETWORKS)
    if unknown := [name for name in names if name not in NETWORKS]:
        parser.error(f"no network {', '.join(unknown)}")
    with ProcessPoolExecutor(options.jobs) as pool:
        for name in pool.map(fill, names, [options.every] * len(names)):
            print(name, flush=True)
    cells = {name: read_cells(name) for name in names}
    bounds = {name: Subject(name).bounds() for name in names}
    text, wrong = report(cells, bounds, options.every)
    if names == list(NETWORKS):
        (ROOT / "docs" / "results" / "matrix.md").write_text(text)
    else:
        print(text)
    for cell in wrong:
        print("wrong:", cell)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
