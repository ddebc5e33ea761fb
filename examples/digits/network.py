"""An ordinary PyTorch network, written by hand: what a user already has before meeting fptdsl."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ConvNorm(nn.Module):
    """Convolution 3 x 3, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.bn(self.conv(x)))


class Residual(nn.Module):
    """Two convolutions beside an identity shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + x)


class DigitsNet(nn.Module):
    """Images ``[N, 1, 8, 8]`` to scores ``[N, 10]``."""

    def __init__(self) -> None:
        super().__init__()
        self.stage1 = ConvNorm(1, 16)
        self.block1 = nn.Sequential(Residual(16))
        self.stage2 = ConvNorm(16, 32, stride=2)
        self.block2 = nn.Sequential(Residual(32))
        self.block3 = nn.Sequential(Residual(32), Residual(32))
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block1(self.stage1(x))
        x = self.block3(self.block2(self.stage2(x)))
        return self.head(x.mean(dim=(2, 3)))
