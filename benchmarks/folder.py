"""``fptdsl apply`` on a 2 GB bfloat16 Llama folder against what one would write by hand.

    python benchmarks/folder.py --out benchmarks/results/folder.md

Three growths: four blocks more, fresh or copies, and feed-forward layers 1.5 times as wide.  The programs run in
turn, start-up included.  ``fptdsl`` syncs what it writes; the scripts do not, so the time of a sync after them is
taken too.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import prod
from pathlib import Path
from statistics import median

from filler import Filler
from llama import BF16, SIZES, make, shapes
from measure import Usage, machine, middle, run, write_page

HERE = Path(__file__).resolve().parent
SCRIPTS = {
    "`transformers`: load, modify, `save_pretrained`": "by_transformers.py",
    "`load_file`, `save_file`": "by_load_file.py",
    "streamed by hand": "by_streaming.py",
}
TRANSFORMERS, _, STREAMED = SCRIPTS
MERGEKIT = "`mergekit-yaml`, passthrough"
OURS = {"`fptdsl apply`": [], "`fptdsl apply --verify certificate`": ["--verify", "certificate"]}


@dataclass(frozen=True)
class Growth:
    """One growth: in words, as a directive, and as the arguments of the scripts."""

    title: str
    directive: str
    words: tuple[str, str]


GROWTHS = (
    Growth("four blocks more, drawn afresh", "deepen model.layers by 4", ("deepen", "4")),
    Growth(
        "four blocks more, copies as in the scripts",
        "deepen model.layers by 4 using zero(copies=true)",
        ("deepen", "4"),
    ),
    Growth("feed-forward layers times 1.5", "widen model.layers.*.mlp hidden by 1.5x", ("widen", "12288")),
)


FREE = """\
Memory is as the program before leaves it. To a virtual machine its host may have to give free memory anew, at a
fraction of the speed of copying: `--fill` measures without that."""
FILLED = """\
Before each, free memory is filled with page cache, as on a machine that has been in use: nothing waits for a host that
has to give a virtual machine its free memory anew."""


@dataclass(frozen=True)
class Run:
    """One run, and the seconds that a sync of its output took after it."""

    usage: Usage
    sync: float

    @property
    def synced(self) -> float:
        return self.usage.wall + self.sync


def commands(growth: Growth, source: Path, target: Path, mergekit: Path | None) -> dict[str, list[str | Path]]:
    found: dict[str, list[str | Path]] = {}
    kind, count = growth.words
    if mergekit is not None and kind == "deepen":
        recipe = target.with_name("mergekit.yaml")
        recipe.write_text(passthrough(source, int(count)))
        found[MERGEKIT] = [mergekit, recipe, target, "--no-copy-tokenizer"]
    found |= {name: [sys.executable, HERE / file, source, target, *growth.words] for name, file in SCRIPTS.items()}
    grow = ["--grow", growth.directive, "-o", target, "--json"]
    for name, options in OURS.items():
        found[name] = [sys.executable, "-m", "fptdsl", "apply", "hf/llama", source, *grow, *options]
    return found


def passthrough(source: Path, count: int) -> str:
    """What people give mergekit for blocks that change nothing: copies of the last one whose outputs are zero."""
    depth = json.loads((source / "config.json").read_text())["num_hidden_layers"]
    zeroed = [{"filter": name, "value": 0.0} for name in ("o_proj", "down_proj")]
    whole = {"model": str(source), "layer_range": [0, depth]}
    copy = {
        "model": str(source),
        "layer_range": [depth - 1, depth],
        "parameters": {"scale": [*zeroed, {"value": 1.0}]},
    }
    slices = [{"sources": [part]} for part in (whole, *[copy] * count)]
    return json.dumps({"merge_method": "passthrough", "dtype": "bfloat16", "slices": slices})  # JSON is YAML


Phases = dict[str, list[dict[str, float]]]


def measure(
    growth: Growth, source: Path, work: Path, rounds: int, mergekit: Path | None, fill: bool
) -> tuple[dict[str, list[Run]], Phases]:
    """The runs of every program, and the phases of ours."""
    target, log = work / "grown", work / "log"
    filler = Filler(work / "filler") if fill else None
    runs: dict[str, list[Run]] = {}
    phases: Phases = {name: [] for name in OURS}
    for _ in range(rounds):
        for name, command in commands(growth, source, target, mergekit).items():
            os.sync()
            if filler is not None:
                filler.fill()
            usage = run(command, log=log)
            sync = run(["sync", *sorted(target.iterdir())]).wall
            runs.setdefault(name, []).append(Run(usage, sync))
            print(f"{growth.title}: {name}: {usage.wall:.2f} s, sync {sync:.2f} s", file=sys.stderr, flush=True)
            if name in OURS:
                phases[name].append(json.loads((target / "growth.receipt.json").read_text())["seconds"])
            shutil.rmtree(target)
    return runs, phases


def ratio(over: Sequence[Run], under: Sequence[Run], *, synced: bool) -> float:
    """The median of paired ratios, with or without the sync after what is divided by."""
    return median(a.synced / (b.synced if synced else b.usage.wall) for a, b in zip(over, under, strict=True))


def table(runs: Mapping[str, Sequence[Run]]) -> str:
    others = {"mergekit": MERGEKIT, "`transformers`": TRANSFORMERS, "streamed": STREAMED}
    others = {word: name for word, name in others.items() if name in runs}
    heads = ["program", "wall", "sync after it", *(f"against {word}" for word in others), "private", "resident"]
    rows = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, mine in runs.items():
        usages = [one.usage for one in mine]
        ratios = [
            f"{ratio(mine, runs[other], synced=True):.2f}"
            + (f" ({ratio(mine, runs[other], synced=False):.2f})" if name in OURS else "")
            for other in others.values()
        ]
        rows.append(
            f"| {name} | {middle(usages, 'wall'):.2f} s | {median(one.sync for one in mine):.2f} s | "
            f"{' | '.join(ratios)} | {middle(usages, 'private'):.0f} MiB | {middle(usages, 'peak'):.0f} MiB |"
        )
    return "\n".join(rows)


def parts(phases: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    return "\n".join(
        f"Phases of {name} (medians): "
        + ", ".join(f"{phase} {median(one[phase] for one in found):.2f} s" for phase in found[0])
        + "."
        for name, found in phases.items()
    )


def version_of(mergekit: Path | None) -> str:
    if mergekit is None:
        return "mergekit was not given (`--mergekit`), so it is left out."
    python = mergekit.absolute().with_name("python")
    script = "from importlib.metadata import version; print(version('mergekit'))"
    number = subprocess.run([python, "-c", script], check=True, capture_output=True, text=True).stdout.strip()
    return f"mergekit {number} copies the last block with its outputs scaled by 0; it does not widen."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where to work (default: the system's temporary folder)")
    parser.add_argument("--keep", action="store_true", help="keep the model in --folder, and use it where it is there")
    parser.add_argument("--shard-gb", type=float, default=1.0, help="largest size of a shard in GB")
    parser.add_argument("--fill", action="store_true", help="fill free memory with page cache before each run")
    parser.add_argument("--mergekit", type=Path, help="a `mergekit-yaml`, of any environment, to measure too")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.keep and options.folder is None:
        parser.error("--keep needs --folder")
    if find_spec("transformers") is None:
        parser.error("transformers is missing: pip install fptdsl[hf]")
    fields = SIZES["2gb"]
    work = Path(tempfile.mkdtemp(dir=options.folder))
    source = (options.folder if options.keep else work) / "llama-2gb"
    try:
        if not source.exists():
            make(source, fields, int(options.shard_gb * 1e9))
        torch = median(run([sys.executable, "-c", "import torch"]).private for _ in range(3))
        found = {
            growth: measure(growth, source, work, options.rounds, options.mergekit, options.fill) for growth in GROWTHS
        }
        size = sum(path.stat().st_size for path in source.iterdir())
    finally:
        shutil.rmtree(work)
    largest = max(BF16 * prod(shape) for shape in shapes(fields).values()) / 2**20
    sections = [
        f"## {growth.title[0].upper()}{growth.title[1:]}\n\n`{growth.directive}`\n\n{table(runs)}\n\n{parts(phases)}"
        for growth, (runs, phases) in found.items()
    ]
    flags = (" --fill" if options.fill else "") + ("" if options.mergekit is None else " --mergekit mergekit-yaml")
    text = f"""\
# Growing a Llama folder

`python benchmarks/folder.py --rounds {options.rounds}{flags}`; {machine()}.

A bfloat16 Llama of 16 blocks, hidden 2048, feed-forward 8192, 32 heads, 8 key-value heads, vocabulary 32000:
{size / 1e9:.1f} GB in shards of at most {options.shard_gb:g} GB, its largest tensor {largest:.0f} MiB.
The programs run in turn, start-up included; times and memory are medians, the ratios medians of the ratios of each
round. {FILLED if options.fill else FREE}

`fptdsl apply` writes the certificate, and here evaluates one block of every kind beside it; with `--verify certificate`
the certificate stands alone. It works out the digests of all files, and syncs. The scripts were written for this
page and check nothing. Ratios compare synced output with synced output; in brackets, with the script's time without a
sync. Private memory is the peak of `RssAnon`, sampled every 5 ms. Importing torch alone takes {torch:.0f} MiB, so
torch, twice the largest tensor and 64 MiB are {torch + 2 * largest + 64:.0f} MiB.
{version_of(options.mergekit)}

{(chr(10) * 2).join(sections)}"""
    write_page(options.out, text)


if __name__ == "__main__":
    main()
