"""Train two character models with ``transformers``, grow their folders, compare, and train on.

    python examples/characters/run.py --out docs/results/characters.md --figure docs/figures/characters.png

A Llama-style and a GPT-2-style model learn Tiny Shakespeare (``data/tinyshakespeare.txt`` in ``$FPTDSL_SHARED`` or
``../shared``) and are saved with ``save_pretrained``. The command line alone grows the folders, in width and depth.
Fresh processes load both with ``from_pretrained``: the loss must be the same to 1e-6 and the greedy text the same to
the character, else the script ends with status 1. Then the grown model trains on, next to the small one and to a
model of the large size that starts from nothing. Needs ``pip install 'fptdsl[hf,plots]'``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import transformers
from comparing import check
from models import KINDS, Kind, small_config
from report import Story, draw, page
from text import VOCABULARY, Text, data_file, load_text
from training import train
from transformers import AutoConfig, AutoModelForCausalLM

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RATE = 2e-3
RATE_ON = RATE / 4
"""What has learnt already goes on lower, as Net2Net advises: about where the rate of its first training ended."""


def output_of(*words: str | Path) -> str:
    """Standard output of a command of this Python, run in the checkout; stop where it fails."""
    done = subprocess.run(
        [sys.executable, *(str(word) for word in words)], cwd=ROOT, check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        sys.exit(f"`{' '.join(map(str, words))}` ended with status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def said(folder: Path) -> dict[str, Any]:
    """What a fresh process says of a folder."""
    found: dict[str, Any] = json.loads(output_of(HERE / "client.py", folder))
    return found


def tell(kind: str, text: Text, work: Path, steps: int, more: int) -> Story:
    """Train, grow, compare and train on: one family."""
    shown: Kind = KINDS[kind]
    small, grown = work / kind, work / f"{kind}-grown"
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(small_config(kind, len(text.vocabulary)))
    first = train(model, text, steps, RATE, seed=1)
    model.save_pretrained(small)
    (small / VOCABULARY).write_text(text.vocabulary, encoding="utf-8")
    print(f"{shown.title}: loss {first.losses[0]:.3f} to {first.losses[-1]:.3f} in {steps} steps", flush=True)

    receipt = json.loads(output_of("-m", "fptdsl", "apply", shown.spec, small, "-o", grown, "--grow", shown.growth,
                                   "--json"))  # fmt: skip
    before, after = said(small), said(grown)
    check(before, after)
    print(f"  grown {before['parameters']:,} to {after['parameters']:,} parameters: the same loss and text", flush=True)

    seconds, curves = {}, {"the small model": first}
    for name in ("grown, trained on", "small, trained on", "large, from nothing"):
        fresh = name == "large, from nothing"
        if fresh:
            torch.manual_seed(0)
            learner = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(grown))
        else:
            learner = AutoModelForCausalLM.from_pretrained(grown if name.startswith("grown") else small)
        start = time.perf_counter()
        curves[name] = train(learner, text, more, RATE if fresh else RATE_ON, seed=2)
        seconds[name] = time.perf_counter() - start
        print(f"  {name}: {curves[name].losses[0]:.3f} to {curves[name].losses[-1]:.3f}", flush=True)
    return Story(shown.title, shown.spec, shown.growth, before, after, receipt["verification"], curves, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="the page to write")
    parser.add_argument("--figure", type=Path, help="the picture to draw (needs matplotlib)")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--steps", type=int, default=1200, help="steps of the small models")
    parser.add_argument("--more-steps", type=int, default=400, help="steps after the growth, and from nothing")
    options = parser.parse_args()
    if not data_file().is_file():
        sys.exit(f"needs the text {data_file()} (set FPTDSL_SHARED to the folder that holds data/)")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    text = load_text()
    with tempfile.TemporaryDirectory() as work:
        stories = [tell(kind, text, Path(work), options.steps, options.more_steps) for kind in options.kinds]
    if options.figure:
        draw(stories, options.figure)
    if options.out:
        options.out.write_text(page(stories, options.out, options.figure), encoding="utf-8")


if __name__ == "__main__":
    main()
