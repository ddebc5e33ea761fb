"""Start-up: ``--help``, ``validate`` and ``plan`` against a bare typer-and-rich program, and a deep network.

python benchmarks/startup.py --out benchmarks/results/startup.md
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from measure import alternate, machine, middle, paired_ratio, write_page

HERE = Path(__file__).resolve().parent
FPTDSL = [sys.executable, "-m", "fptdsl"]

PLAN_1202 = """
import sys, time
import fptdsl, fptdsl.language, fptdsl.architecture, fptdsl.growth, numpy
start = time.perf_counter()
plan = fptdsl.plan(sys.argv[1], settings={"n": 200}, grow=[sys.argv[2]])
print(time.perf_counter() - start, len(plan.tensors), "torch" in sys.modules)
"""


def spec_of_100_lines() -> str:
    """A convolutional network written out line by line."""
    lines = ["model Long(num_classes = 10) {", "  input image: float[3, 32, 32]"]
    width = 16
    for index in range(31):
        width += 4 * (index % 3 == 0)
        lines.append(f"  conv{index}: conv2d({width}, 3, padding=1, bias=false)")
        lines.append(f"  bn{index}: batchnorm2d")
        lines.append("  relu")
    lines += ["  adaptive_avgpool2d(1)", "  flatten", "  head: linear(num_classes)", "}"]
    lines += ["widen conv3 to 64"]
    assert len(lines) == 100
    return "\n".join(lines) + "\n"


def plan_deep(spec: Path, directive: str, rounds: int) -> tuple[float, int, bool]:
    """Seconds to plan ResNet-1202 after import, tensors of the plan, and whether torch was imported."""
    seconds = []
    for _ in range(rounds):
        words = [sys.executable, "-c", PLAN_1202, str(spec), directive]
        said = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
        seconds.append(float(said[0]))
    return median(seconds), int(said[1]), said[2] == "True"


def imports_torch(words: list[str]) -> bool:
    """Whether a command imports torch, from Python's own account of its imports."""
    done = subprocess.run([sys.executable, "-X", "importtime", *words[1:]], check=True, capture_output=True, text=True)
    return any(line.rpartition("|")[2].strip() == "torch" for line in done.stderr.splitlines())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "long.fpt"
        spec.write_text(spec_of_100_lines())
        commands = {
            "bare program --help": [sys.executable, str(HERE / "bare.py"), "--help"],
            "fptdsl --help": [*FPTDSL, "--help"],
            "fptdsl validate, 100 lines": [*FPTDSL, "validate", str(spec)],
            "fptdsl plan, 100 lines": [*FPTDSL, "plan", str(spec)],
        }
        usages = alternate(commands, options.rounds)
        torch_free = {name: not imports_torch(words) for name, words in commands.items()}
    bare = usages["bare program --help"]
    rows = [
        f"| `{name}` | {middle(usage, 'wall') * 1000:.0f} ms | {paired_ratio(usage, bare):.2f} | "
        f"{middle(usage, 'user') * 1000:.0f} ms | {middle(usage, 'peak'):.0f} MiB | "
        f"{'no' if torch_free[name] else 'yes'} |"
        for name, usage in usages.items()
    ]
    deep = []
    for directive in ("widen layer1.*.conv1 to 24", "widen layer2 to 64; deepen layer3 by 2"):
        seconds, tensors, torch = plan_deep(HERE.parent / "specs" / "resnet_cifar.fpt", directive, 3)
        deep.append(f"| `{directive}` | {seconds:.2f} s | {tensors:,} | {'yes' if torch else 'no'} |")
    text = f"""\
# Start-up

`python benchmarks/startup.py --rounds {options.rounds}`; {machine()}. Medians of {options.rounds} alternated runs.

| process | wall | against the bare program | user CPU | peak memory | imports torch |
|---|---|---|---|---|---|
{chr(10).join(rows)}

Planning ResNet-1202 (`resnet_cifar`, `n = 200`), from the spec's text to the plan, after the imports; medians of 3:

| growth | time | tensors | imports torch |
|---|---|---|---|
{chr(10).join(deep)}"""
    write_page(options.out, text)


if __name__ == "__main__":
    main()
