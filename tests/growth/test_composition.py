"""Random sequences of legal transforms on random architectures: the function is kept through all of them.

The final specs and checkpoints are then loaded in a fresh process, which knows only those files.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from growth.compose import compose
from growth.random_directives import DEEPENING, WIDENING
from growth.random_networks import FAMILIES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FRESH = """
import sys
from pathlib import Path
import torch
import fptdsl

torch.set_num_threads(1)
count = 0
for given in sorted(Path(sys.argv[1]).rglob("*.expected")):
    expected = torch.load(given, weights_only=True)
    model = fptdsl.load(given.with_suffix(".fpt"), given.with_suffix(".safetensors")).double().eval()
    with torch.no_grad():
        outputs = model(*expected["inputs"])
    for new, old in zip([outputs], expected["outputs"], strict=True):
        assert (new - old).abs().max() <= 2 * expected["bound"] * old.abs().max(), given
    count += 1
print(count)
"""


def compose_all(folder: Path, examples: int) -> Counter[str]:
    """Hold ``examples`` sequences of every family; returns what they used, and how often growth was kept."""
    total: Counter[str] = Counter()

    @settings(
        max_examples=examples, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(seed=st.integers(0, 2**32 - 1), growths=st.integers(2, 5))
    def every(family: str, seed: int, growths: int) -> None:
        place = folder / f"{family}{total['sequences']}"
        place.mkdir()
        sequence = compose(Random(seed), family, place, growths=growths)
        total.update(sequence.used)
        total.update(sequences=1, kept=sequence.kept, refused=sequence.refused, asked=growths)
        if sequence.history:
            sequence.save()
            total.update(saved=1)

    for family in FAMILIES:
        every(family)
    script = subprocess.run([sys.executable, "-c", FRESH, str(folder)], capture_output=True, text=True, check=False)
    assert script.returncode == 0, script.stderr
    assert int(script.stdout) == total["saved"]
    return total


def test_sequences(tmp_path: Path) -> None:
    total = compose_all(tmp_path, 2)
    assert total["kept"] >= 0.8 * total["asked"], total


@pytest.mark.sweep
def test_two_hundred_sequences(tmp_path: Path) -> None:
    total = compose_all(tmp_path, 50)
    assert total["sequences"] >= 200
    assert total["kept"] >= 0.9 * total["asked"], total
    missing = [f"widen {using}" for using in WIDENING if using and not total[f"widen {using}"]]
    missing += [f"deepen {using}" for using in DEEPENING if using and not total[f"deepen {using}"]]
    clauses = ("to", "as", "after", "interleaved", "at start", "at end", ",")
    missing += [f"deepen {clause}" for clause in clauses if not total[f"deepen {clause}"]]
    assert not missing, total
    print(dict(total.most_common()))
