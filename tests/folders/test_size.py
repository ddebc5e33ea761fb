"""Large folders: planned from their headers, grown in little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from . import family

MEGABYTE = 1 << 20
ROOT = Path(__file__).parents[2]

PLAN = """
import time
import fptdsl.api
from fptdsl.api import plan
start = time.process_time()
result = plan("tiny.fpt", "model", grow="widen layers.*.up by 1.5x; deepen layers by 2")
seconds = time.process_time() - start
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(seconds, peak, result.document["totals"]["bytes_before"])
"""

GROW = """
import sys
from fptdsl.api.opening import open_fitting
from fptdsl.api.planning import planned
from fptdsl.api.reading import read_spec
from fptdsl.api.transforming import new_tensors
from fptdsl.checkpoint import write_checkpoint
import os
def private():
    fields = dict(line.split(":") for line in open("/proc/self/status") if line.startswith("RssAnon"))
    return int(fields["RssAnon"].split()[0])
read = read_spec("tiny.fpt", checkpoint="model", grow=sys.argv[1])
with open_fitting("model", read) as source:
    made = planned(read, source, seed=0, given={})
    peak = start = private()
    def watched(done, total):
        global peak
        peak = max(peak, private())
    os.mkdir("out")
    write_checkpoint("out", source, new_tensors(made.plan, source, watched))
print(max(peak, private()) - start)
"""


def run(code: str, *words: str) -> list[float]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code, *words], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [float(word) for word in done.stdout.split()]


def sparse(folder: Path, config: dict[str, Any], shards: int, dtype: str = "BF16", size: int = 2) -> int:
    """A folder whose shards have the true size and no content; returns their bytes."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    shapes = {"embed.weight": [hidden, config["input_size"]], "embed.bias": [hidden]}
    for layer in range(config["num_hidden_layers"]):
        shapes[f"layers.{layer}.up.weight"], shapes[f"layers.{layer}.up.bias"] = [inner, hidden], [inner]
        shapes[f"layers.{layer}.down.weight"], shapes[f"layers.{layer}.down.bias"] = [hidden, inner], [hidden]
    shapes |= {"head.weight": [config["num_labels"], hidden], "head.bias": [config["num_labels"]]}
    where, total, keys = {}, 0, list(shapes)
    for number in range(shards):
        name = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
        header, at = {}, 0
        for key in keys[number * len(keys) // shards : (number + 1) * len(keys) // shards]:
            count = size
            for extent in shapes[key]:
                count *= extent
            header[key] = {"dtype": dtype, "shape": shapes[key], "data_offsets": [at, at + count]}
            where[key] = name
            at += count
        text = json.dumps(header).encode()
        with (folder / name).open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            file.truncate(8 + len(text) + at)
        total += at
    index = {"metadata": {"total_size": total}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return total


def test_a_gigabyte_is_planned_from_its_headers(place: Path) -> None:
    config = {
        "input_size": 512,
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_labels": 10,
    }
    total = sparse(place / "model", config, shards=4)
    assert total > 1e9
    seconds, memory, counted = run(PLAN)
    assert counted == total
    assert seconds < 3
    assert memory * 1024 < 150 * MEGABYTE


def test_as_many_layers_as_the_largest_models_have(place: Path) -> None:
    """A hundred gigabytes in thirty shards."""
    config = {
        "input_size": 512,
        "hidden_size": 8192,
        "intermediate_size": 28672,
        "num_hidden_layers": 126,
        "num_labels": 10,
    }
    assert sparse(place / "model", config, shards=30) > 1e11
    seconds, memory, _ = run(PLAN)
    assert seconds < 8
    assert memory * 1024 < 200 * MEGABYTE


def test_growing_takes_little_memory(place: Path) -> None:
    """Shards of 70 MB are written in less memory than one tensor of them takes in float64."""
    config = {
        "input_size": 16,
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 8,
        "num_labels": 10,
    }
    total = sparse(place / "model", config, shards=2)
    assert total > 130e6
    for number, grow in enumerate(("deepen layers by 2", "widen layers.*.up by 1.5x")):
        (growth,) = run(GROW, grow)
        assert growth * 1024 < 40 * MEGABYTE
        if number == 0:
            (place / "out").rename(place / "first")


def test_the_sparse_folder_is_what_the_library_would_read(place: Path) -> None:
    """That the folders of these tests are real ones."""
    sparse(place / "model", {**family.CONFIG, "num_labels": 3}, shards=3, dtype="F32", size=4)
    loaded = family.load(place / "model")
    assert {name: tensor.shape for name, tensor in loaded.items()} == {n: t.shape for n, t in family.state().items()}
