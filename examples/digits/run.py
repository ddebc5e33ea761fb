"""The demonstration behind ``make demo``: train, grow, check, train on.

    python examples/digits/run.py --out demo

A small network is trained on the digits of scikit-learn with plain PyTorch and saved as an ordinary
``.pt``; the fptdsl commands validate, plan, apply and diff the growth in ``growth.fpt``; test accuracy
is compared before and after; and the grown network is trained on with the same loop.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import torch
from network import DigitsNet
from training import accuracy, load_data, scores, train

import fptdsl

HERE = Path(os.path.relpath(Path(__file__).resolve().parent))
SPEC, GROWTH = HERE / "digits.fpt", HERE / "growth.fpt"


def command(*arguments: str | Path) -> None:
    """Run ``fptdsl`` as a user would, with its output on the screen; stop the demo where it fails."""
    words = [str(argument) for argument in arguments]
    print(f"\n$ fptdsl {' '.join(words)}", flush=True)
    done = subprocess.run([sys.executable, "-m", "fptdsl", *words], check=False)
    if done.returncode != 0:
        sys.exit(f"fptdsl {words[0]} ended with status {done.returncode}")


def size(model: torch.nn.Module) -> str:
    return f"{sum(p.numel() for p in model.parameters()):,} parameters"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder for the checkpoints")
    parser.add_argument("--epochs", type=int, default=8, help="epochs of the first training")
    parser.add_argument("--more-epochs", type=int, default=3, help="epochs after the growth")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()

    torch.manual_seed(0)
    data = load_data()
    small = DigitsNet()
    print(f"Training a residual network on {len(data.train_labels):,} digits: {size(small)}.", flush=True)
    losses = train(small, data, options.epochs, rate=2e-3)
    checkpoint = options.out / "digits.pt"
    torch.save(small.state_dict(), checkpoint)
    before = accuracy(small, data)
    print(f"  loss {losses[0]:.3f} to {losses[-1]:.3f}; saved {checkpoint}")

    print(f"\nThe growth, {GROWTH.name}: {GROWTH.read_text().strip()}")
    grown_file = options.out / "grown.pt"
    command("validate", GROWTH, checkpoint, "--model", SPEC)
    command("plan", GROWTH, checkpoint, "--model", SPEC)
    command("apply", GROWTH, checkpoint, "--model", SPEC, "-o", grown_file, "--force")
    command("diff", GROWTH, checkpoint, "--model", SPEC)

    grown = fptdsl.load(grown_file.with_suffix(".fpt"), grown_file)
    after = accuracy(grown, data)
    old, new = scores(small, data.test_images), scores(grown, data.test_images)
    drift = ((old - new).abs().max() / old.abs().max()).item()
    same = int((old.argmax(1) == new.argmax(1)).sum())
    print(f"\nTest accuracy before {before:.2%} ({size(small)})")
    print(f"Test accuracy after  {after:.2%} ({size(grown)})")
    print(f"Same prediction for {same} of {len(new)} test images; largest difference {drift:.1e} in float32.")
    if same != len(new):
        sys.exit("the grown network does not predict the same classes")

    losses = train(grown, data, options.more_epochs, rate=2e-4, seed=1)
    print(f"\nTraining the grown network on, at a tenth of the rate: loss {' '.join(f'{x:.4f}' for x in losses)}")
    print(f"Test accuracy now {accuracy(grown, data):.2%}.  Done in {time.perf_counter() - start:.0f} s.")


if __name__ == "__main__":
    main()
