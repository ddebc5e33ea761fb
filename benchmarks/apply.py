"""``fptdsl apply`` on a large checkpoint against ``cp`` and against a hand-written script, all synced.

    python benchmarks/apply.py --out benchmarks/results/apply.md

The network is ``specs/mlp.fpt`` with wide layers; every second one is widened by an eighth, so every
tensor of the hidden layers changes. The three programs run in turn, several rounds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

from measure import Usage, machine, middle, paired_ratio, run, write_page

HERE = Path(__file__).resolve().parent
SPEC = HERE.parent / "specs" / "mlp.fpt"
HIDDEN, GROWN = 4096, 4608
VERIFYING = {"verify", "certify", "gradients"}
"""Phases of the receipt that the script has nothing like."""


def measure(kind: str, depth: int, rounds: int, folder: Path) -> tuple[list[str], list[dict[str, float]]]:
    """Rows of the table for one container, and the phases of the ``apply`` runs."""
    source, target, log = folder / f"model.{kind}", folder / f"out.{kind}", folder / "log"
    run([sys.executable, HERE / "synthetic.py", source, str(HIDDEN), str(depth)], log=log)
    size = source.stat().st_size
    sync = "import os,sys; f=os.open(sys.argv[1],os.O_RDONLY); os.fsync(f)"
    settings = [f"{name}={value}" for name, value in (("inputs", HIDDEN), ("hidden", HIDDEN), ("depth", depth))]
    grow = f"widen layers[0:{depth - 1}:2].fc to {GROWN}"
    commands: dict[str, list[str | Path]] = {
        "`cp` and sync": ["sh", "-c", f"cp {source} {target} && {sys.executable} -c '{sync}' {target}"],
        "script and sync": [sys.executable, HERE / "handwritten.py", source, target, str(GROWN)],
        "`fptdsl apply`": [sys.executable, "-m", "fptdsl", "apply", SPEC, source, "-o", target, "--json", "--grow",
                           grow, *(word for setting in settings for word in ("--set", setting))],
    }  # fmt: skip
    usages: dict[str, list[Usage]] = {name: [] for name in commands}
    phases = []
    for _ in range(rounds):
        for name, command in commands.items():
            usages[name].append(run(command, log=log))
            if name == "`fptdsl apply`":
                phases.append(json.loads(target.with_suffix(".receipt.json").read_text())["seconds"])
            for left in folder.glob("out.*"):
                left.unlink()
    source.unlink()
    copy, script = usages["`cp` and sync"], usages["script and sync"]
    rows = [
        f"| .{kind}, {size / 2**30:.2f} GiB | {name} | {middle(usage, 'wall'):.2f} s | "
        f"{paired_ratio(usage, copy):.2f} | {paired_ratio(usage, script):.2f} | "
        f"{middle(usage, 'user'):.2f} s | {middle(usage, 'peak'):.0f} MiB |"
        for name, usage in usages.items()
    ]
    working = [sum(s for phase, s in seconds.items() if phase not in VERIFYING) for seconds in phases]
    without = median(own / theirs.wall for own, theirs in zip(working, script, strict=True))
    rows.append(
        f"| | `fptdsl apply`, its phases without verification | {median(working):.2f} s | | {without:.2f} | | |"
    )
    return rows, phases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--depth", type=int, default=16, help="hidden layers of 64 MiB each")
    parser.add_argument("--folder", type=Path, help="where to work (default: the system's temporary folder)")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    rows, phases = [], {}
    try:
        for kind in ("pt", "safetensors"):
            lines, phases[kind] = measure(kind, options.depth, options.rounds, folder)
            rows += lines
    finally:
        shutil.rmtree(folder)
    parts = [
        f"`.{kind}`: " + ", ".join(f"{name} {median(run[name] for run in runs):.2f} s" for name in runs[0])
        for kind, runs in phases.items()
    ]
    text = f"""\
# Applying a growth to a large checkpoint

`python benchmarks/apply.py --rounds {options.rounds} --depth {options.depth}`; {machine()}.

`specs/mlp.fpt` with {options.depth} hidden layers of {HIDDEN} units in float32; every second one grows to {GROWN}.
`fptdsl apply` verifies in float64 and syncs; the script only loads, changes, saves and syncs. The programs run in turn;
times and memory are medians, the ratios medians of the ratios of each round.
Start-up is in the programs' times and in no phase; torch is imported within `read` (`.pt`) or `certify`
(`.safetensors`, about a second). The digests of the receipt are worked out beside the other phases.

| checkpoint | program | wall | against `cp` | against the script | user CPU | peak memory |
|---|---|---|---|---|---|---|
{chr(10).join(rows)}

Phases from the receipts (medians): {"; ".join(parts)}."""
    write_page(options.out, text)


if __name__ == "__main__":
    main()
