"""Graphs from short specs, and realistic random weights for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from fptdsl.architecture import Graph, elaborate, lower
from fptdsl.language import load

State = dict[str, Tensor]

BN_NET = """
model Net(width = 8, inner = 6) {
  input image: float[3, 8, 8]
  conv1: conv2d(width, 3, padding=1, bias=false)
  bn1:   batchnorm2d
  relu
  conv2: conv2d(inner, 3, stride=2, padding=1)
  bn2:   batchnorm2d
  relu
  flatten
  fc1: linear(12)
  relu
  fc2: linear(5)
}
"""


@pytest.fixture
def graph_of(tmp_path: Path) -> Callable[..., Graph]:
    """The graph of a spec's text (or of a file), with settings."""

    def make(spec: str | Path, **settings: object) -> Graph:
        path = spec if isinstance(spec, Path) else tmp_path / "model.fpt"
        if isinstance(spec, str):
            path.write_text(spec)
        return lower(elaborate(load(path), settings))

    return make


@pytest.fixture
def weights_for() -> Callable[..., State]:
    """Weights of the size that training leaves: kernels by fan-in, generic norms and biases."""

    def make(graph: Graph, seed: int = 0, dtype: torch.dtype = torch.float32, gain: float = 1.4) -> State:
        generator = torch.Generator().manual_seed(seed)
        state = {}
        for name, tensor in graph.tensors.items():
            drawn = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
            if tensor.init == "count":
                state[name] = torch.tensor(7)
                continue
            if tensor.init == "kernel":
                drawn *= gain / _fan_in(tensor.shape) ** 0.5
            elif tensor.init in ("scale", "variance"):
                drawn = (0.3 * drawn).exp()
            else:
                drawn *= 0.1
            state[name] = drawn.to(dtype)
        return state

    return make


def _fan_in(shape: tuple[int, ...]) -> int:
    count = 1
    for n in shape[1:]:
        count *= n
    return count


@pytest.fixture
def bn_net() -> str:
    return BN_NET


@pytest.fixture
def widened() -> Callable[[State, list[int]], State]:
    """``BN_NET`` with ``conv1`` widened by Net2WiderNet (W-1), by hand: new unit j copies old unit ``copies[j]``."""

    def widen(old: State, copies: list[int]) -> State:
        width = len(old["conv1.weight"])
        source = torch.tensor([*range(width), *copies])
        share = torch.bincount(source, minlength=width)[source].double()
        new = dict(old)
        for name in ("conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"):
            new[name] = old[name][source]
        reader = old["conv2.weight"].double()[:, source] / share[None, :, None, None]
        new["conv2.weight"] = reader.to(old["conv2.weight"].dtype)
        return new

    return widen
