"""Draw the first filters of a published network before and after each method of widening.

    python examples/filters_figure.py --out docs/figures/filters.png

Needs the checkpoint of ResNet-20 for CIFAR-10 in ``$FPTDSL_SHARED`` (or ``../shared``), and matplotlib
(``pip install 'fptdsl[plots]'``). The picture is in the manner of figure 3 of the R2R paper (arXiv 2410.11038).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from real_data import shared_folder

import fptdsl
from fptdsl.views.filter_picture import Panel, picture

SPEC = Path(__file__).parent / "cifar" / "resnet20.fpt"
CHECKPOINT = Path("checkpoints") / "resnet20-12fca82f.th"
KEY = "conv1.weight"
METHODS = {
    "netmorph": "Network Morphism: fresh filters that nothing reads yet",
    "net2net": "Net2WiderNet: copies, read with unequal shares",
    "net2net(split=equal)": "Net2WiderNet: copies, read with equal shares",
    "r2r": "R2WiderR: pairs, read with opposite signs",
    "random_pad": "baseline: fresh filters that are read at random; another function",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/figures/filters.png"))
    parser.add_argument("--width", type=int, default=24, help="filters after the growth (16 before)")
    options = parser.parse_args()
    checkpoint = shared_folder() / CHECKPOINT
    if not checkpoint.is_file():
        sys.exit(f"needs the published checkpoint {checkpoint} (set FPTDSL_SHARED to its folder)")
    before = fptdsl.load(SPEC, checkpoint).state_dict()[KEY]
    panels = [Panel("ResNet-20 as trained: conv1, 16 filters", before.double().numpy())]
    with tempfile.TemporaryDirectory() as work:
        for method, title in METHODS.items():
            grown = Path(work) / "grown.th"
            growth = f"widen layer1 to {options.width} using {method}"
            fptdsl.apply(SPEC, checkpoint, out=grown, grow=[growth], force=True)
            drawn = fptdsl.filters(grown, KEY, old=checkpoint, out=Path(work) / "filters.png", force=True)
            how = [origin["how"] for origin in drawn.to_json()["filters"]]
            after = fptdsl.load(grown.with_suffix(".fpt"), grown).state_dict()[KEY]
            panels.append(Panel(f"{method} ({title})", after.double().numpy(), how))
            print(f"{method}: {', '.join(f'{how.count(word)} {word}' for word in dict.fromkeys(how))}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("wb") as file:
        picture(panels, file, columns=options.width)


if __name__ == "__main__":
    main()
