"""Real checkpoints: read, written unchanged, and grown files that torch reads back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from fptdsl.checkpoint import NewTensor, open_checkpoint, write_checkpoint

from .helpers import grown, kept, load, rules, same

FILES = {
    "resnet20-12fca82f.th": ("legacy", 97, "conv1.weight"),
    "resnet32-d509ac18.th": ("legacy", 157, "conv1.weight"),
    "mnist_cnn_bn_bacon.pt": ("zip", 51, "sum_idx"),
}


@pytest.mark.parametrize("name", FILES)
def test_read_and_written_unchanged(tmp_path: Path, shared_path: Callable[[str], Path], name: str) -> None:
    path = shared_path(f"checkpoints/{name}")
    container, count, first = FILES[name]
    with open_checkpoint(path) as source:
        assert (source.container, len(source), source.keys()[0]) == (container, count, first)
        write_checkpoint(tmp_path / "new", source, kept(source))
    same(load(tmp_path / "new", container), load(path, container))


def test_resnet20_has_a_prefix_and_an_outer_dictionary(tmp_path: Path, shared_path: Callable[[str], Path]) -> None:
    path = shared_path("checkpoints/resnet20-12fca82f.th")
    values = torch.randn(20, 3, 3, 3)
    with open_checkpoint(path, rules(("select", "state_dict"), ("strip", "module."))) as source:
        tensors = [grown(t.name, t.name, values) if t.name == "conv1.weight" else t for t in kept(source)]
        write_checkpoint(tmp_path / "new", source, tensors)
    new, old = load(tmp_path / "new", "legacy"), load(path, "legacy")
    assert new["best_prec1"] == old["best_prec1"]
    assert list(new["state_dict"]) == list(old["state_dict"])
    assert torch.equal(new["state_dict"]["module.conv1.weight"], values)


def test_mnist_one_of_two_networks(tmp_path: Path, shared_path: Callable[[str], Path]) -> None:
    path = shared_path("checkpoints/mnist_cnn_bn_bacon.pt")
    section = rules(("strip", "d1."), ("ignore", "d2.*"), ("ignore", "sum_idx"))
    with open_checkpoint(path, section) as source:
        assert len(source) == 25
        assert source.keys()[0] == "cnn.conv.0.weight"
        tensors: list[NewTensor] = [*kept(source), grown("cnn.extra.weight", None, torch.ones(3))]
        write_checkpoint(tmp_path / "new", source, tensors)
    new, old = load(tmp_path / "new", "zip"), load(path, "zip")
    assert set(new) - set(old) == {"d1.cnn.extra.weight"}
    assert all(torch.equal(new[key], old[key]) for key in old)
    assert [key for key in new if key in old] == list(old)
