"""Test images of CIFAR-10 and MNIST as the published networks expect them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


def shared_folder() -> Path:
    """``$FPTDSL_SHARED``, else ``shared`` beside the checkout."""
    return Path(os.environ.get("FPTDSL_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def cifar_test(folder: Path) -> tuple[Tensor, Tensor]:
    """Images ``float32 [10000, 3, 32, 32]`` normalised with ImageNet's mean and deviation, labels ``[10000]``.

    The file holds differences along rows and columns, with green subtracted from red and blue.
    """
    with np.load(folder / "data" / "cifar10_test.npz") as file:
        pixels = np.cumsum(file["d"], axis=3, dtype=np.uint8)
        pixels = np.cumsum(pixels, axis=2, dtype=np.uint8)
        labels = file["y"]
    pixels[:, 0] += pixels[:, 1]
    pixels[:, 2] += pixels[:, 1]
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    return (torch.from_numpy(pixels).float() / 255 - mean) / deviation, torch.from_numpy(labels).long()


def mnist_test(folder: Path) -> tuple[Tensor, Tensor]:
    """Images ``float32 [10000, 1, 28, 28]`` minus 0.1307, divided by 0.3081, labels ``[10000]``."""
    with np.load(folder / "data" / "mnist_test.npz") as file:
        images, labels = file["x"], file["y"]
    pixels = torch.from_numpy(images).float().view(-1, 1, 28, 28) / 255
    return (pixels - 0.1307) / 0.3081, torch.from_numpy(labels).long()
