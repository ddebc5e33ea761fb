"""Inception-BN; ``width`` is a thirty-second of the paper's channels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

# Plain, reduced and wide 3 x 3, reduced and wide double 3 x 3, pooled; without plain and pooled it halves the image.
SETTING: dict[str, Sequence[int]] = {
    "3a": (2, 2, 2, 2, 3, 1), "3b": (2, 2, 3, 2, 3, 2), "3c": (4, 5, 2, 3),
    "4a": (7, 2, 3, 3, 4, 4), "4b": (6, 3, 4, 3, 4, 4), "4c": (5, 4, 5, 4, 5, 4), "4d": (3, 4, 6, 5, 6, 4),
    "4e": (4, 6, 6, 8), "5a": (11, 6, 10, 5, 7, 4), "5b": (11, 6, 10, 6, 7, 4),
}  # fmt: skip


class Conv(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.bn(self.conv(x)))


class Module(nn.Module):
    def __init__(self, inputs: int, channels: Sequence[int], average: bool) -> None:
        super().__init__()
        self.average, self.halves = average, len(channels) == 4
        plain, red3, wide3, red_double, wide_double, pooled = (0, *channels, 0) if self.halves else channels
        stride = 2 if self.halves else 1
        if plain:
            self.branch1x1 = Conv(inputs, plain, 1)
        self.branch3x3_1, self.branch3x3_2 = Conv(inputs, red3, 1), Conv(red3, wide3, 3, stride)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Conv(inputs, red_double, 1), Conv(red_double, wide_double, 3)
        self.branch3x3dbl_3 = Conv(wide_double, wide_double, 3, stride)
        if pooled:
            self.branch_pool = Conv(inputs, pooled, 1)
        self.outputs = plain + wide3 + wide_double + (pooled or inputs)

    def forward(self, x: Tensor) -> Tensor:
        branches = [
            self.branch3x3_2(self.branch3x3_1(x)),
            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
        ]
        if self.halves:
            return torch.cat([*branches, functional.max_pool2d(x, 3, 2, 1)], 1)
        pool = functional.avg_pool2d if self.average else functional.max_pool2d
        return torch.cat([self.branch1x1(x), *branches, self.branch_pool(pool(x, 3, 1, 1))], 1)


class InceptionBn(nn.Module):
    def __init__(self, width: int = 32, num_classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = Conv(3, 2 * width, 7, 2)
        self.conv2 = Conv(2 * width, 2 * width, 1)
        self.conv3 = Conv(2 * width, 6 * width, 3)
        inputs = 6 * width
        for name, channels in SETTING.items():
            module = Module(inputs, [n * width for n in channels], name != "5b")
            self.add_module(f"inception{name}", module)
            inputs = module.outputs
        self.fc = nn.Linear(inputs, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(self.conv1(x), 3, 2, 1)
        x = functional.max_pool2d(self.conv3(self.conv2(x)), 3, 2, 1)
        for name in SETTING:
            x = self.get_submodule(f"inception{name}")(x)
        return self.fc(x.mean((2, 3)))
