"""``fptdsl plan`` on a Llama-3-70B folder with sparse shards of the true size: seconds after import, peak memory.

python benchmarks/plan_70b.py --out benchmarks/results/plan_70b.md
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path

from llama import SIZES, make
from measure import Usage, machine, middle, run, write_page

PLAN = """
import sys, time
import fptdsl, fptdsl.api, fptdsl.language, fptdsl.architecture, fptdsl.growth, fptdsl.checkpoint, numpy
start = time.perf_counter()
plan = fptdsl.plan("hf/llama", sys.argv[1], grow=[sys.argv[2]])
print("SECONDS", time.perf_counter() - start, len(plan.tensors), "torch" in sys.modules)
"""
GROWTHS = (
    "deepen model.layers by 4",
    "widen model.layers.*.mlp hidden by 1.5x",
    "widen * by 1.5x",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as work:
        folder, log = Path(work) / "llama-70b", Path(work) / "log"
        make(folder, SIZES["70b"], 5 * 10**9, sparse=True)
        shards = list(folder.glob("*.safetensors"))
        size = sum(path.stat().st_size for path in shards)
        held = sum(path.stat().st_blocks for path in shards) * 512
        for directive in GROWTHS:
            seconds, usages = [], list[Usage]()
            for _ in range(options.rounds):
                usages.append(run([sys.executable, "-c", PLAN, folder, directive], log=log))
                said = re.search(r"SECONDS (\S+) (\d+) (\w+)", log.read_text())
                assert said is not None
                seconds.append(float(said[1]))
            rows.append(
                f"| `{directive}` | {sorted(seconds)[len(seconds) // 2]:.2f} s | {middle(usages, 'wall'):.2f} s | "
                f"{middle(usages, 'peak'):.0f} MiB | {int(said[2]):,} | {'yes' if said[3] == 'True' else 'no'} |"
            )
    text = f"""\
# Planning a Llama-3-70B

`python benchmarks/plan_70b.py --rounds {options.rounds}`; {machine()}. Medians of {options.rounds} runs.

80 blocks, hidden 8192, feed-forward 28672, 64 heads, 8 key-value heads, vocabulary 128256, bfloat16:
{len(shards)} shards with their true headers and sizes, {size / 1e9:.0f} GB together, and holes in place of data
({held / 1e3:.0f} kB on the disk). Planning reads `config.json`, the index and the headers.

| growth | from spec and folder to the plan, after imports | process | peak memory | tensors | imports torch |
|---|---|---|---|---|---|
{chr(10).join(rows)}"""
    write_page(options.out, text)


if __name__ == "__main__":
    main()
