"""Networks that concatenate: SqueezeNet and DenseNet under torchvision's names, U-Net under milesial's."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class Fire(nn.Module):
    def __init__(self, inputs: int, squeezed: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, 4 * squeezed, 1)
        self.expand3x3 = nn.Conv2d(squeezed, 4 * squeezed, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.squeeze(x))
        return torch.relu(torch.cat([self.expand1x1(x), self.expand3x3(x)], 1))


class SqueezeNet(nn.Module):
    def __init__(self, version: str = "1_0", width: int = 16, num_classes: int = 1000) -> None:
        super().__init__()
        w = width
        first = [nn.Conv2d(3, 6 * w, 7, stride=2)] if version == "1_0" else [nn.Conv2d(3, 4 * w, 3, stride=2)]
        inputs = first[0].out_channels
        plan = [0, 1, 1, 2, 0, 2, 3, 3, 4, 0, 4] if version == "1_0" else [0, 1, 1, 0, 2, 2, 0, 3, 3, 4, 4]
        features: list[nn.Module] = [*first, nn.ReLU()]
        for squeezed in plan:  # 0 is a pool.
            features.append(Fire(inputs, squeezed * w) if squeezed else nn.MaxPool2d(3, stride=2, ceil_mode=True))
            inputs = 8 * squeezed * w or inputs
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            nn.Dropout(0.5), nn.Conv2d(inputs, num_classes, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.flatten(self.classifier(self.features(x)), 1)


class DenseLayer(nn.Module):
    def __init__(self, inputs: int, growth: int, squeeze: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, squeeze * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(squeeze * growth)
        self.conv2 = nn.Conv2d(squeeze * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(torch.relu(self.norm1(x)))
        return torch.cat([x, self.conv2(torch.relu(self.norm2(y)))], 1)


class DenseNet(nn.Module):
    def __init__(
        self,
        blocks: Sequence[int] = (6, 12, 24, 16),
        growth: int = 32,
        width: int = 64,
        squeeze: int = 4,
        num_classes: int = 1000,
    ) -> None:
        super().__init__()
        features: OrderedDict[str, nn.Module] = OrderedDict(
            conv0=nn.Conv2d(3, width, 7, 2, 3, bias=False), norm0=nn.BatchNorm2d(width), relu0=nn.ReLU(),
            pool0=nn.MaxPool2d(3, 2, 1),
        )  # fmt: skip
        inputs = width
        for number, count in enumerate(blocks, 1):
            layers: OrderedDict[str, nn.Module] = OrderedDict()
            for index in range(1, count + 1):
                layers[f"denselayer{index}"] = DenseLayer(inputs, growth, squeeze)
                inputs += growth
            features[f"denseblock{number}"] = nn.Sequential(layers)
            if number < len(blocks):
                features[f"transition{number}"] = nn.Sequential(
                    OrderedDict(
                        norm=nn.BatchNorm2d(inputs), relu=nn.ReLU(), conv=nn.Conv2d(inputs, inputs // 2, 1, bias=False),
                        pool=nn.AvgPool2d(2),
                    )
                )  # fmt: skip
                inputs //= 2
        features["norm5"] = nn.BatchNorm2d(inputs)
        self.features = nn.Sequential(features)
        self.classifier = nn.Linear(inputs, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.relu(self.features(x)).mean((2, 3)))


class DoubleConv(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.double_conv = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.double_conv(x)


class Down(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(inputs, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.maxpool_conv(x)


class Up(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 2, stride=2)
        self.conv = DoubleConv(2 * outputs, outputs)

    def forward(self, below: Tensor, skip: Tensor) -> Tensor:
        return self.conv(torch.cat([skip, self.up(below)], 1))


class UNet(nn.Module):
    def __init__(self, channels: int = 3, width: int = 64, num_classes: int = 2) -> None:
        super().__init__()
        self.inc = DoubleConv(channels, width)
        for level in range(1, 5):
            self.add_module(f"down{level}", Down(width * 2 ** (level - 1), width * 2**level))
        for level in range(4):
            self.add_module(f"up{level + 1}", Up(width * 2 ** (4 - level), width * 2 ** (3 - level)))
        self.outc = nn.Module()
        self.outc.conv = nn.Conv2d(width, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        ways = [self.inc(x)]
        for level in range(1, 5):
            ways.append(self.get_submodule(f"down{level}")(ways[-1]))
        x = ways.pop()
        for level in range(1, 5):
            x = self.get_submodule(f"up{level}")(x, ways.pop())
        return functional.conv2d(x, self.outc.conv.weight, self.outc.conv.bias)
