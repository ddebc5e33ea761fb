"""The images that the table of the README is made with: published accuracies come out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import fptdsl

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
Find = Callable[[str], Path]


@torch.inference_mode()
def accuracy(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    predictions = torch.cat([model(part).argmax(1) for part in images.split(250)])
    return round(100 * (predictions == labels).double().mean().item(), 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "checkpoint", "data", "published"),
    [
        ("cifar/resnet20.fpt", "resnet20-12fca82f.th", "cifar_test", 91.73),
        ("cifar/resnet32.fpt", "resnet32-d509ac18.th", "cifar_test", 92.63),
        ("mnist/mnist_bacon.fpt", "mnist_cnn_bn_bacon.pt", "mnist_test", 99.52),
        ("mnist/mnist_bacon_second.fpt", "mnist_cnn_bn_bacon.pt", "mnist_test", 99.48),
    ],
)
def test_published_accuracy(
    shared_path: Find, monkeypatch: pytest.MonkeyPatch, spec: str, checkpoint: str, data: str, published: float
) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    import real_data

    file = shared_path(f"checkpoints/{checkpoint}")
    images, labels = getattr(real_data, data)(file.parent.parent)
    assert accuracy(fptdsl.load(EXAMPLES / spec, file).eval(), images, labels) == published
