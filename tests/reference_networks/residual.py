"""Residual networks: ResNeXt and RegNetY under torchvision's names, SE-ResNet under timm's, pre-activation ResNet."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from .mobile import SqueezeExcitation, conv


def projection(inputs: int, outputs: int, stride: int, needed: bool) -> nn.Module | None:
    if not needed:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class Bottleneck(nn.Module):
    """1 x 1, grouped 3 x 3, 1 x 1, and where ``squeezed`` is not 0 squeeze-and-excitation."""

    def __init__(
        self, inputs: int, inner: int, outputs: int, stride: int, groups: int, project: bool, squeezed: int = 0
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.se = SqueezeExcitation(outputs, squeezed, nn.ReLU, nn.Sigmoid) if squeezed else nn.Identity()
        self.downsample = projection(inputs, outputs, stride, project)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        y = self.se(self.bn3(self.conv3(y)))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class Basic(nn.Module):
    """Two 3 x 3 convolutions and squeeze-and-excitation."""

    def __init__(self, inputs: int, outputs: int, stride: int, project: bool, squeezed: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.se = SqueezeExcitation(outputs, squeezed, nn.ReLU, nn.Sigmoid)
        self.downsample = projection(inputs, outputs, stride, project)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(self.se(y) + (x if self.downsample is None else self.downsample(x)))


class _Staged(nn.Module):
    """conv1, bn1, max pool, layer1 ... layer4, fc."""

    def start(self, width: int) -> None:
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


class ResNeXt(_Staged):
    def __init__(
        self, blocks: Sequence[int] = (3, 4, 6, 3), groups: int = 32, width_per_group: int = 4, num_classes: int = 1000
    ) -> None:
        super().__init__()
        self.start(64)
        inputs = 64
        for stage, count in enumerate(blocks):
            inner, outputs = groups * width_per_group * 2**stage, 256 * 2**stage
            elements = []
            for index in range(count):
                stride = 2 if stage and not index else 1
                elements.append(Bottleneck(inputs, inner, outputs, stride, groups, index == 0))
                inputs = outputs
            self.add_module(f"layer{stage + 1}", nn.Sequential(*elements))
        self.fc = nn.Linear(inputs, num_classes)


class SeResNet(_Staged):
    """``least``: the squeeze has at least so many units."""

    def __init__(
        self,
        blocks: Sequence[int] = (3, 4, 6, 3),
        bottleneck: bool = True,
        width: int = 64,
        least: int = 8,
        num_classes: int = 1000,
    ) -> None:
        super().__init__()
        self.start(width)
        inputs = width
        for stage, count in enumerate(blocks):
            inner = width * 2**stage
            outputs = 4 * inner if bottleneck else inner
            squeezed = max(least, outputs // 16)
            elements: list[nn.Module] = []
            for index in range(count):
                stride = 2 if stage and not index else 1
                project = index == 0 and (stage > 0 or bottleneck)
                if bottleneck:
                    elements.append(Bottleneck(inputs, inner, outputs, stride, 1, project, squeezed))
                else:
                    elements.append(Basic(inputs, outputs, stride, project, squeezed))
                inputs = outputs
            self.add_module(f"layer{stage + 1}", nn.Sequential(*elements))
        self.fc = nn.Linear(inputs, num_classes)


class PreActBlock(nn.Module):
    def __init__(self, inputs: int, width: int, stride: int, bottleneck: bool, project: bool) -> None:
        super().__init__()
        outputs = 4 * width if bottleneck else width
        self.bn1 = nn.BatchNorm2d(inputs)
        if bottleneck:
            self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(width)
            self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        else:
            self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, outputs, 3, 1, 1, bias=False)
        if project:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        active = torch.relu(self.bn1(x))
        y = self.conv2(torch.relu(self.bn2(self.conv1(active))))
        if hasattr(self, "conv3"):
            y = self.conv3(torch.relu(self.bn3(y)))
        return y + (self.shortcut(active) if hasattr(self, "shortcut") else x)


class PreActResNet(nn.Module):
    def __init__(self, n: int = 18, bottleneck: bool = True, width: int = 16, num_classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        inputs = width
        for stage in range(3):
            inner = width * 2**stage
            outputs = 4 * inner if bottleneck else inner
            elements = []
            for index in range(n):
                stride = 2 if stage and not index else 1
                elements.append(PreActBlock(inputs, inner, stride, bottleneck, inputs != outputs))
                inputs = outputs
            self.add_module(f"layer{stage + 1}", nn.Sequential(*elements))
        self.bn = nn.BatchNorm2d(inputs)
        self.linear = nn.Linear(inputs, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer3(self.layer2(self.layer1(self.conv1(x))))
        return self.linear(torch.relu(self.bn(x)).mean((2, 3)))


class RegNetBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, squeezed: int, stride: int, group_width: int) -> None:
        super().__init__()
        needed = inputs != outputs or stride != 1
        self.proj = conv(inputs, outputs, 1, stride, act=None) if needed else nn.Identity()
        self.f = nn.Sequential(
            OrderedDict(
                a=conv(inputs, outputs, 1, act=nn.ReLU),
                b=conv(outputs, outputs, 3, stride, groups=outputs // group_width, act=nn.ReLU),
                se=SqueezeExcitation(outputs, squeezed, nn.ReLU, nn.Sigmoid),
                c=conv(outputs, outputs, 1, act=None),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.proj(x) + self.f(x))


class RegNetY(nn.Module):
    """``widths``: the stem's and the stages'."""

    def __init__(
        self,
        widths: Sequence[int] = (32, 48, 104, 208, 440),
        blocks: Sequence[int] = (1, 3, 6, 6),
        group_width: int = 8,
        num_classes: int = 1000,
    ) -> None:
        super().__init__()
        self.stem = conv(3, widths[0], 3, 2, act=nn.ReLU)
        inputs, stages = widths[0], OrderedDict()
        for stage, (outputs, count) in enumerate(zip(widths[1:], blocks, strict=True), 1):
            elements = OrderedDict()
            for index in range(count):
                elements[f"block{stage}-{index}"] = RegNetBlock(
                    inputs, outputs, round(0.25 * inputs), 2 if index == 0 else 1, group_width
                )
                inputs = outputs
            stages[f"block{stage}"] = nn.Sequential(elements)
        self.trunk_output = nn.Sequential(stages)
        self.fc = nn.Linear(inputs, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.trunk_output(self.stem(x)).mean((2, 3)))
