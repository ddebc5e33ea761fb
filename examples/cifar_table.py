"""Grow published networks and compare all their predictions: the table of the README.

    python examples/cifar_table.py --out docs/results/cifar.md

Needs the checkpoints and test images in ``$FPTDSL_SHARED`` (or ``../shared``): ResNet-20 and ResNet-32 for
CIFAR-10, and a batch-normalised network for MNIST. Each growth is applied with ``fptdsl.apply``, which proves
it in float64; then both networks name all 10,000 test images in float32.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from real_data import cifar_test, mnist_test, shared_folder
from torch import Tensor

import fptdsl

HERE = Path(__file__).resolve().parent
RESNET_GROWTHS = (
    "widen layer2 to 64; deepen layer3 by 2",
    "widen layer1 to 32",
    "widen * by 2x",
    "widen layer1.*.conv1 to 24",
    "widen * by 1.5x using net2net; deepen layer1.0.conv1 by 1",
)
FAMILIES = (
    "widen layer1 to 24 using net2net",
    "widen layer1 to 24 using r2r",
    "deepen layer3 by 2 using r2r",
    "deepen layer1.*.conv1 by 1 using netmorph",
    "deepen layer2.1.conv1 by 1 using netmorph(activation=paired)",
    "deepen linear by 1 using netmorph(factor=true)",
    "enlarge layer1.*.conv1 kernel_size to 5; branch layer2.*.conv2 into 2",
)
"""Every other family of transforms, on one of the networks."""

MNIST_GROWTHS = ("widen * by 1.5x", "widen cnn.conv[0] to 48 using net2net; deepen cnn.fc[1] by 1")


class Case(NamedTuple):
    name: str
    spec: Path
    checkpoint: str
    data: Callable[[Path], tuple[Tensor, Tensor]]
    growths: tuple[str, ...]


CASES = (
    Case("ResNet-20", HERE / "cifar/resnet20.fpt", "resnet20-12fca82f.th", cifar_test, (*RESNET_GROWTHS, *FAMILIES)),
    Case("ResNet-32", HERE / "cifar/resnet32.fpt", "resnet32-d509ac18.th", cifar_test, RESNET_GROWTHS),
    Case("MNIST, first", HERE / "mnist/mnist_bacon.fpt", "mnist_cnn_bn_bacon.pt", mnist_test, MNIST_GROWTHS),
    Case("MNIST, second", HERE / "mnist/mnist_bacon_second.fpt", "mnist_cnn_bn_bacon.pt", mnist_test, MNIST_GROWTHS),
)


@torch.inference_mode()
def scores(model: torch.nn.Module, images: Tensor) -> Tensor:
    """Outputs in eval mode, ``[N, 10]``, in batches of 250."""
    model = model.eval().to(memory_format=torch.channels_last)
    parts = images.split(250)
    return torch.cat([model(part.contiguous(memory_format=torch.channels_last)) for part in parts])


def ties(old: Tensor, new: Tensor) -> list[str]:
    """The images whose prediction changed, with the old margin between the two classes."""
    lines = []
    for index in (old.argmax(1) != new.argmax(1)).nonzero().flatten().tolist():
        first, second = old[index].argmax().item(), new[index].argmax().item()
        margin = (old[index, first] - old[index, second]).item()
        lines.append(f"image {index}: classes {first} and {second} were {margin:.1e} apart")
    return lines


def percent(outputs: Tensor, labels: Tensor) -> str:
    return f"{100 * (outputs.argmax(1) == labels).float().mean().item():.2f} %"


def table(case: Case, folder: Path, work: Path) -> list[str]:
    """The rows of one network."""
    checkpoint = folder / "checkpoints" / case.checkpoint
    images, labels = case.data(folder)
    old = scores(fptdsl.load(case.spec, checkpoint), images)
    rows = []
    for growth in case.growths:
        out = work / f"grown{checkpoint.suffix}"
        result = fptdsl.apply(case.spec, checkpoint, out=out, grow=[growth], force=True)
        document = result.to_json()
        new = scores(fptdsl.load(out.with_suffix(".fpt"), out), images)
        drift = ((new - old).abs().max() / old.abs().max()).item()
        changed = ties(old, new)
        totals = document["totals"]
        rows.append(
            f"| {case.name} | `{growth}` | {totals['params_before']:,} → {totals['params_after']:,} | "
            f"{percent(old, labels)} → {percent(new, labels)} | {len(labels) - len(changed):,} of {len(labels):,} | "
            f"{document['exactness']} | {result.max_relative_error:.1e} | {drift:.1e} |"
        )
        print(rows[-1], *changed, sep="\n", file=sys.stderr, flush=True)
        rows.extend(f"| | | | | {line} | | | |" for line in changed)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="write the table to this file too")
    parser.add_argument("--only", help="a network by its name in the table")
    options = parser.parse_args()
    folder = shared_folder()
    if not (folder / "checkpoints").is_dir():
        sys.exit(f"needs the published checkpoints: not in {folder} (set FPTDSL_SHARED to their folder)")
    rows: list[str] = []
    with tempfile.TemporaryDirectory() as work:
        for case in CASES:
            if options.only in (None, case.name):
                rows += table(case, folder, Path(work))
    text = f"""\
| network | growth | parameters | test accuracy | same prediction | class | float64 error | float32 drift |
|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}

Made by `python examples/cifar_table.py` (torch {torch.__version__}, CPU). Float64 error: the largest relative
difference of any output between the two *stored files*, evaluated in float64 by the verification of `apply`. Float32
drift: the largest difference over the 10,000 test images when both networks run in float32.
"""
    print(text)
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text("# Published networks, grown\n\n" + text, encoding="utf-8")


if __name__ == "__main__":
    main()
