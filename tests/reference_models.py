"""Hand-written PyTorch networks, independent of the package, with the names that users' checkpoints have.

The widths of the residual ones are arguments, so that a grown checkpoint can be loaded strictly into
the class of the new size.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class Mlp(nn.Module):
    def __init__(self, inputs: int = 784, hidden: int = 256, depth: int = 2, num_classes: int = 10) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for index in range(depth):
            layer = nn.Module()
            layer.fc = nn.Linear(inputs if index == 0 else hidden, hidden)
            self.layers.append(layer)
        self.head = nn.Linear(hidden, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.relu(layer.fc(x))
        return self.head(x)


class LeNet(nn.Module):
    def __init__(self, channels: int = 1, size: int = 28, padding: int = 2, num_classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 6, 5, padding=padding)
        self.conv2 = nn.Conv2d(6, 16, 5)
        side = ((size + 2 * padding - 4) // 2 - 4) // 2
        self.fc1 = nn.Linear(16 * side * side, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(torch.relu(self.conv2(x)), 2)
        x = torch.relu(self.fc1(torch.flatten(x, 1)))
        return self.fc3(torch.relu(self.fc2(x)))


VGG_STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


class VggBn(nn.Module):
    """As torchvision's ``vgg*_bn``: ``features.N``, ``classifier.N``."""

    def __init__(
        self, layers: int = 16, width: int = 64, hidden: int = 4096, num_classes: int = 1000, pool: int = 7
    ) -> None:
        super().__init__()
        modules: list[nn.Module] = []
        channels = 3
        for stage, count in enumerate(VGG_STAGES[layers]):
            for _ in range(count):
                outputs = width * min(2**stage, 8)
                modules += [nn.Conv2d(channels, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
                channels = outputs
            modules.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*modules)
        self.avgpool = nn.AdaptiveAvgPool2d((pool, pool))
        self.classifier = nn.Sequential(
            nn.Linear(channels * pool * pool, hidden), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(hidden, num_classes),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class CifarBlock(nn.Module):
    """Two convolutions; shortcut A (``pads`` zero channels before and after) or B (projection)."""

    def __init__(
        self, inputs: int, inner: int, outputs: int, stride: int, option: str, pads: tuple[int, int] | None = None
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inner, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride = stride
        self.pads = pads or ((outputs - inputs) // 2, (outputs - inputs) // 2)
        if stride != 1 and option == "B":
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        if hasattr(self, "shortcut"):
            x = self.shortcut(x)
        elif self.stride != 1:
            x = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, *self.pads))
        return torch.relu(y + x)


class ResNetCifar(nn.Module):
    """He et al. 2015, section 4.2.  ``inner`` are the widths between the two convolutions of a block.

    ``blocks`` may give the stages different lengths (after growth); ``pads`` those of stages 2 and 3.
    """

    def __init__(
        self,
        n: int = 3,
        num_classes: int = 10,
        option: str = "A",
        widths: Sequence[int] = (16, 32, 64),
        inner: Sequence[int] | None = None,
        blocks: Sequence[int] | None = None,
        pads: Sequence[tuple[int, int] | None] = (None, None, None),
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        inputs = widths[0]
        for stage, outputs in enumerate(widths):
            elements = []
            for index in range((blocks or (n, n, n))[stage]):
                stride = 2 if stage > 0 and index == 0 else 1
                between = (inner or (16, 32, 64))[stage]
                elements.append(CifarBlock(inputs, between, outputs, stride, option, pads[stage]))
                inputs = outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*elements))
        self.linear = nn.Linear(inputs, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean(dim=(2, 3)))


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, inputs: int, width: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = _projection(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class BottleneckBlock(nn.Module):
    expansion = 4

    def __init__(self, inputs: int, width: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = _projection(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        return torch.relu(self.bn3(self.conv3(y)) + self.downsample(x))


def _projection(inputs: int, outputs: int, stride: int) -> nn.Module:
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs))


RESNET_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


class ResNet(nn.Module):
    """As torchvision's ``resnet*``; ``inner_factor=2`` is ``wide_resnet*_2``."""

    def __init__(
        self,
        layers: int = 18,
        num_classes: int = 1000,
        inner_factor: int = 1,
        blocks: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        block = BottleneckBlock if layers >= 50 else BasicBlock
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for stage, count in enumerate(blocks or RESNET_BLOCKS[layers]):
            width = 64 * 2**stage
            outputs = block.expansion * width
            elements = []
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 else 1
                elements.append(block(inputs, inner_factor * width, outputs, stride))
                inputs = outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*elements))
        self.fc = nn.Linear(inputs, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, stride=2, padding=1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean(dim=(2, 3)))


class MnistBacon(nn.Module):
    """One of the two networks of ``mnist_cnn_bn_bacon.pt``."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn = nn.Module()
        modules: list[nn.Module] = []
        for inputs, outputs in ((1, 32), (32, 64), (64, 64)):
            modules += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]
        self.cnn.conv = nn.Sequential(*modules[:-1])
        self.cnn.fc = nn.Sequential(nn.Flatten(), nn.Linear(3136, 128), nn.ReLU())
        self.fc_digit = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc_digit(self.cnn.fc(self.cnn.conv(x)))


def randomise(model: nn.Module, seed: int = 0) -> nn.Module:
    """Give batch norms statistics, scales and shifts as after training, so that no check is empty."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            with torch.no_grad():
                module.weight.uniform_(0.5, 1.5, generator=generator)
                module.bias.normal_(0, 0.2, generator=generator)
                module.running_mean.normal_(0, 0.2, generator=generator)
                module.running_var.uniform_(0.5, 1.5, generator=generator)
    return model
