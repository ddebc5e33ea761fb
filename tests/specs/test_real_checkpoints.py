"""Specs against published checkpoints: the keys are those of the files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import reference_models as reference
import torch

from fptdsl.architecture import elaborate, lower
from fptdsl.language import load

Find = Callable[[str], Path]
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("name", "n"), [("resnet20-12fca82f.th", 3), ("resnet32-d509ac18.th", 5)])
def test_cifar_checkpoint_has_the_keys_of_the_spec(shared_path: Find, name: str, n: int) -> None:
    saved = torch.load(shared_path(f"checkpoints/{name}"), weights_only=True, map_location="cpu")["state_dict"]
    graph = lower(elaborate(load(ROOT / "specs" / "resnet_cifar.fpt"), {"n": n}))
    required = {k: t.shape for k, t in graph.tensors.items() if not t.optional}
    assert {k.removeprefix("module."): tuple(v.shape) for k, v in saved.items()} == required


def test_mnist_checkpoint_has_the_keys_of_the_spec(shared_path: Find) -> None:
    saved = torch.load(shared_path("checkpoints/mnist_cnn_bn_bacon.pt"), weights_only=True, map_location="cpu")
    graph = lower(elaborate(load(ROOT / "examples" / "mnist" / "mnist_bacon.fpt")))
    first = {k.removeprefix("d1."): tuple(v.shape) for k, v in saved.items() if k.startswith("d1.")}
    assert first == {k: t.shape for k, t in graph.tensors.items()}
    assert list(first) == list(reference.MnistBacon().state_dict())
