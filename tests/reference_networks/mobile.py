"""MobileNetV2, MobileNetV3 and EfficientNet-B0 under torchvision's module names.

``width`` is an eighth of torchvision's channels: 8 is the published network.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def conv(
    inputs: int,
    outputs: int,
    kernel: int,
    stride: int = 1,
    groups: int = 1,
    act: type[nn.Module] | None = nn.ReLU6,
    eps: float = 1e-5,
) -> nn.Sequential:
    padding = (kernel - 1) // 2
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=eps),
    ]
    return nn.Sequential(*layers, *([act()] if act is not None else []))


class SqueezeExcitation(nn.Module):
    def __init__(self, channels: int, squeezed: int, act: type[nn.Module], gate: type[nn.Module]) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        self.activation = act()
        self.scale_activation = gate()

    def forward(self, x: Tensor) -> Tensor:
        return self.scale_activation(self.fc2(self.activation(self.fc1(self.avgpool(x))))) * x


class InvertedV2(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, expand: int) -> None:
        super().__init__()
        hidden = expand * inputs
        self.use_res_connect = stride == 1 and inputs == outputs
        self.conv = nn.Sequential(
            *([conv(inputs, hidden, 1)] if expand != 1 else []),
            conv(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(nn.Module):
    SETTING = ((1, 2, 1, 1), (6, 3, 2, 2), (6, 4, 3, 2), (6, 8, 4, 2), (6, 12, 3, 1), (6, 20, 3, 2), (6, 40, 1, 1))
    """Expansion, channels / 8, blocks, stride."""

    def __init__(self, width: int = 8, num_classes: int = 1000) -> None:
        super().__init__()
        inputs = 4 * width
        features: list[nn.Module] = [conv(3, inputs, 3, 2)]
        for expand, channels, count, stride in self.SETTING:
            for index in range(count):
                features.append(InvertedV2(inputs, channels * width, stride if index == 0 else 1, expand))
                inputs = channels * width
        features.append(conv(inputs, 160 * width, 1))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(160 * width, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean((2, 3)))


class InvertedV3(nn.Module):
    def __init__(self, width: int, setting: Sequence[int | bool]) -> None:
        super().__init__()
        inputs, kernel, hidden, outputs, squeezed, hard, stride = setting
        inputs, hidden, outputs = inputs * width, hidden * width, outputs * width
        act = nn.Hardswish if hard else nn.ReLU
        self.use_res_connect = stride == 1 and inputs == outputs
        layers: list[nn.Module] = []
        if hidden != inputs:
            layers.append(conv(inputs, hidden, 1, act=act, eps=0.001))
        layers.append(conv(hidden, hidden, kernel, stride, groups=hidden, act=act, eps=0.001))
        if squeezed:
            layers.append(SqueezeExcitation(hidden, squeezed * width, nn.ReLU, nn.Hardsigmoid))
        layers.append(conv(hidden, outputs, 1, act=None, eps=0.001))
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x) + x if self.use_res_connect else self.block(x)


# Inputs, kernel, hidden, outputs, squeezed (in eighths), hardswish, stride.
LARGE = (
    (2, 3, 2, 2, 0, False, 1), (2, 3, 8, 3, 0, False, 2), (3, 3, 9, 3, 0, False, 1), (3, 5, 9, 5, 3, False, 2),
    (5, 5, 15, 5, 4, False, 1), (5, 5, 15, 5, 4, False, 1), (5, 3, 30, 10, 0, True, 2), (10, 3, 25, 10, 0, True, 1),
    (10, 3, 23, 10, 0, True, 1), (10, 3, 23, 10, 0, True, 1), (10, 3, 60, 14, 15, True, 1),
    (14, 3, 84, 14, 21, True, 1), (14, 5, 84, 20, 21, True, 2), (20, 5, 120, 20, 30, True, 1),
    (20, 5, 120, 20, 30, True, 1),
)  # fmt: skip
SMALL = (
    (2, 3, 2, 2, 1, False, 2), (2, 3, 9, 3, 0, False, 2), (3, 3, 11, 3, 0, False, 1), (3, 5, 12, 5, 3, True, 2),
    (5, 5, 30, 5, 8, True, 1), (5, 5, 30, 5, 8, True, 1), (5, 5, 15, 6, 4, True, 1), (6, 5, 18, 6, 5, True, 1),
    (6, 5, 36, 12, 9, True, 2), (12, 5, 72, 12, 18, True, 1), (12, 5, 72, 12, 18, True, 1),
)  # fmt: skip


class MobileNetV3(nn.Module):
    def __init__(self, large: bool = True, width: int = 8, num_classes: int = 1000) -> None:
        super().__init__()
        setting = LARGE if large else SMALL
        inputs = setting[-1][3] * width
        self.features = nn.Sequential(
            conv(3, 2 * width, 3, 2, act=nn.Hardswish, eps=0.001),
            *(InvertedV3(width, line) for line in setting),
            conv(inputs, 6 * inputs, 1, act=nn.Hardswish, eps=0.001),
        )
        last = (160 if large else 128) * width
        self.classifier = nn.Sequential(
            nn.Linear(6 * inputs, last), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(last, num_classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean((2, 3)))


class MBConv(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        hidden = expand * inputs
        self.use_res_connect = stride == 1 and inputs == outputs
        self.block = nn.Sequential(
            *([conv(inputs, hidden, 1, act=nn.SiLU)] if expand != 1 else []),
            conv(hidden, hidden, kernel, stride, groups=hidden, act=nn.SiLU),
            SqueezeExcitation(hidden, max(1, inputs // 4), nn.SiLU, nn.Sigmoid),
            conv(hidden, outputs, 1, act=None),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x) + x if self.use_res_connect else self.block(x)


class EfficientNetB0(nn.Module):
    SETTING = ((1, 3, 1, 2, 1), (6, 3, 2, 3, 2), (6, 5, 2, 5, 2), (6, 3, 2, 10, 3), (6, 5, 1, 14, 3), (6, 5, 2, 24, 4),
               (6, 3, 1, 40, 1))  # fmt: skip
    """Expansion, kernel, stride, channels / 8, blocks."""

    def __init__(self, width: int = 8, num_classes: int = 1000) -> None:
        super().__init__()
        inputs = 4 * width
        stages: list[nn.Module] = [conv(3, inputs, 3, 2, act=nn.SiLU)]
        for expand, kernel, stride, channels, count in self.SETTING:
            blocks = []
            for index in range(count):
                blocks.append(MBConv(inputs, channels * width, kernel, stride if index == 0 else 1, expand))
                inputs = channels * width
            stages.append(nn.Sequential(*blocks))
        stages.append(conv(inputs, 160 * width, 1, act=nn.SiLU))
        self.features = nn.Sequential(*stages)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(160 * width, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(nn.functional.adaptive_avg_pool2d(self.features(x), 1), 1))
