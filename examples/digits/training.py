"""The digits of scikit-learn, an ordinary training loop, and test accuracy."""

from __future__ import annotations

from typing import NamedTuple

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn


class Digits(NamedTuple):
    """Images ``float32 [N, 1, 8, 8]`` from 0 to 1, labels ``int64 [N]``."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor


def load_data() -> Digits:
    """1,297 images to train on and 500 to test with; always the same split."""
    bunch = load_digits()
    images = (bunch.images / 16.0).astype("float32")[:, None]
    parts = train_test_split(images, bunch.target, test_size=500, random_state=0, stratify=bunch.target)
    train_images, test_images, train_labels, test_labels = (torch.from_numpy(part) for part in parts)
    return Digits(train_images, train_labels.long(), test_images, test_labels.long())


def train(model: nn.Module, data: Digits, epochs: int, rate: float, seed: int = 0) -> list[float]:
    """Adam with a cosine schedule; gives the mean loss of each epoch."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    losses = []
    model.train()
    for _ in range(epochs):
        total = 0.0
        order = torch.randperm(len(data.train_images), generator=generator)
        for batch in order.split(64):
            loss = nn.functional.cross_entropy(model(data.train_images[batch]), data.train_labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        schedule.step()
        losses.append(total / len(order))
    model.eval()
    return losses


@torch.no_grad()
def scores(model: nn.Module, images: Tensor) -> Tensor:
    """The model's outputs in eval mode, ``[N, 10]``."""
    return model.eval()(images)


def accuracy(model: nn.Module, data: Digits) -> float:
    """Share of the test images that the model names rightly."""
    return (scores(model, data.test_images).argmax(1) == data.test_labels).float().mean().item()
