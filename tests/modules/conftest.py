"""Modules built from the text of a spec."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from torch import fx

from fptdsl.architecture import elaborate, lower
from fptdsl.architecture.graph import Graph
from fptdsl.language import load
from fptdsl.modules import build

Lower = Callable[[str], Graph]
Build = Callable[[str], fx.GraphModule]


@pytest.fixture
def graph_of(tmp_path: Path) -> Lower:
    """The graph of a spec's text."""

    def make(text: str) -> Graph:
        path = tmp_path / "model.fpt"
        path.write_text(text)
        return lower(elaborate(load(path)))

    return make


@pytest.fixture
def build_text(graph_of: Lower) -> Build:
    """The module of a spec's text; its keys are those of the graph, in that order."""

    def make(text: str) -> fx.GraphModule:
        graph = graph_of(text)
        module = build(graph)
        assert list(module.state_dict()) == list(graph.tensors)
        assert {name: tuple(value.shape) for name, value in module.state_dict().items()} == {
            name: tensor.shape for name, tensor in graph.tensors.items()
        }
        assert [name for name, _ in module.named_buffers()] == [n for n, t in graph.tensors.items() if t.buffer]
        return module

    return make
