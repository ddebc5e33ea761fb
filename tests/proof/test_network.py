"""Layer-by-layer evaluation against torch's own forward of the whole module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fptdsl.modules import build
from fptdsl.proof import layer
from fptdsl.proof.inputs import random_samples
from fptdsl.proof.network import Evaluation
from fptdsl.proof.variants import Stored

MANY_OPS = """
block Gate(hidden) {
  adaptive_avgpool2d(1)
  squeeze: conv2d(hidden, 1)
  relu
  excite: conv2d(12, 1)
  sigmoid
}
model Many {
  input image: float[3, 12, 12]
  input extra: float[4]
  stem: conv2d(12, 3, padding=1, padding_mode="reflect") from image
  act: prelu(12)
  let s = Gate(5)
  mul from act, s
  dw: conv2d(12, 3, padding=1, groups=12)
  norm: groupnorm(3)
  gelu
  grouped: conv2d(24, 3, stride=2, padding=2, dilation=2, groups=4, bias=false)
  inst: instancenorm2d(affine=true, track_running_stats=true)
  silu
  dropout
  shared: conv2d(24, 1)
  tanh
  reuse shared
  up: conv_transpose2d(8, 2, stride=2)
  leaky_relu
  maxpool2d(2)
  flatten
  head: linear(9)
  side: linear(9) from extra
  let both = add from head, side
  output first: both
  output second: head
}
"""


def reference(graph, state, sample, dtype=torch.float64):
    module = build(graph, dtype=dtype).eval()
    module.load_state_dict(state)
    with torch.no_grad():
        found = module(**{name: values.to(dtype) for name, values in sample.inputs.items()})
    return found if isinstance(found, dict) else {"output": found}


@pytest.mark.parametrize(
    ("spec", "settings"),
    [
        ("mlp", {}),
        ("lenet", {}),
        ("resnet_cifar", {}),
        ("vgg_bn", {"width": 8, "hidden": 64, "size": 32, "pool": 1}),
    ],
)
def test_agrees_with_the_module_in_float64(spec, settings, root, graph_of, weights_for):
    graph = graph_of(root / "specs" / f"{spec}.fpt", **settings)
    state = weights_for(graph)
    samples = random_samples(graph)
    found = Evaluation(graph, state.__getitem__).run([Stored()], samples)["stored"]
    for i, sample in enumerate(samples):
        wanted = reference(graph, state, sample)["output"]
        assert (found[i]["output"] - wanted).abs().max() <= 1e-14 * wanted.abs().max()


def test_agrees_on_many_operations_and_several_outputs(graph_of, weights_for, monkeypatch):
    monkeypatch.setattr(layer, "LINEAR_PIECE", 50)
    monkeypatch.setattr(layer, "CONV_PIECE", 40)
    graph = graph_of(MANY_OPS)
    state = weights_for(graph)
    samples = random_samples(graph)
    variants = [Stored(), Stored("float32", torch.float32)]
    found = Evaluation(graph, state.__getitem__).run(variants, samples)
    assert set(found["float32"]) == {1}, "only the full sample is evaluated in float32"
    for i, sample in enumerate(samples):
        wanted = reference(graph, state, sample)
        assert found["stored"][i].keys() == {"first", "second"}
        for name, values in wanted.items():
            assert (found["stored"][i][name] - values).abs().max() <= 1e-14 * values.abs().max()
    assert found["float32"][1]["first"].dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_reads_every_floating_dtype(dtype, bn_net, graph_of, weights_for):
    graph = graph_of(bn_net)
    state = weights_for(graph, dtype=dtype)
    sample = random_samples(graph)[1]
    found = Evaluation(graph, state.__getitem__).run([Stored()], [sample])["stored"][0]["output"]
    wanted = reference(graph, state, sample)["output"]
    assert (found - wanted).abs().max() <= 1e-14 * wanted.abs().max()


def test_zero_tensors_are_noticed_across_pieces(bn_net, graph_of, weights_for, monkeypatch):
    monkeypatch.setattr(layer, "LINEAR_PIECE", 100)
    graph = graph_of(bn_net)
    state = weights_for(graph)
    state["fc1.weight"].zero_()
    state["fc2.weight"][:4].zero_()
    evaluation = Evaluation(graph, state.__getitem__)
    evaluation.run([Stored()], random_samples(graph))
    assert evaluation.reader.zeros == {"fc1.weight"}


MEMORY = """
import resource, sys
import numpy as np, torch
from pathlib import Path
from fptdsl.architecture import elaborate, lower
from fptdsl.language import load
from fptdsl.proof.verify import verify

torch.set_num_threads(1)

class Made:  # rows that do not exist before they are read
    def __init__(self, graph): self.graph = graph
    def dtype(self, name): return "float32"
    def shape(self, name): return self.graph.tensors[name].shape
    def rows(self, name, start, stop):
        shape = (stop - start, *self.shape(name)[1:])
        return np.full(shape, 1e-3, np.float32) * np.linspace(-1, 1, shape[-1], dtype=np.float32)

def peak(width):
    graph = lower(elaborate(load(Path(sys.argv[1])), {"width": width}))
    assert verify(graph, Made(graph), graph, Made(graph), file_dtype="float32").finite
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

small = peak(256)  # what any network needs: torch's libraries, the noise
print(peak(2048) - small)
"""


def test_memory_does_not_grow_with_the_network(root: Path, tmp_path: Path):
    """Twenty layers, 320 MiB of float32 and twice that in float64, are evaluated within 128 MiB."""
    layers = "\n".join(f"  fc{i}: linear(width)\n  relu" for i in range(20))
    spec = tmp_path / "wide.fpt"
    spec.write_text(f"model Wide(width = 1) {{\n  input x: float[width]\n{layers}\n  head: linear(10)\n}}\n")
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(spec)], capture_output=True, text=True, cwd=root, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 128 << 20, done.stdout


TIED = """
model Tied {
  input tokens: int[seq]
  embed: embedding(40, 6)
  norm: layernorm
  tied_linear("embed")
}
"""


def test_a_tied_head_is_read_a_few_rows_at_a_time(graph_of, weights_for, monkeypatch):
    monkeypatch.setattr(layer, "LINEAR_PIECE", 24)
    graph = graph_of(TIED)
    state = weights_for(graph)
    read = []

    class Source:
        def rows(self, name, start, stop):
            read.append((name, stop - start))
            return state[name][start:stop].numpy()

        def dtype(self, name):
            return "float32"

        def shape(self, name):
            return tuple(state[name].shape)

    samples = random_samples(graph)
    found = Evaluation(graph, Source()).run([Stored()], samples)["stored"]
    for number, sample in enumerate(samples):
        wanted = build(graph, dtype=torch.float64).eval()
        wanted.load_state_dict(state)
        with torch.no_grad():
            expected = wanted(**sample.inputs)
        assert torch.allclose(found[number]["output"], expected, rtol=1e-12, atol=1e-12)
    heads = [rows for name, rows in read if name == "embed.weight"]
    assert heads.count(4) >= 10
