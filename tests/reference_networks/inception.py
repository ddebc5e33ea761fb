"""GoogLeNet and Inception-v3 under torchvision's module names, without auxiliary classifiers.

``width`` is a sixteenth of torchvision's channels: 16 is the published network.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class BasicConv2d(nn.Module):
    def __init__(self, inputs: int, outputs: int, **options: object) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, bias=False, **options)  # type: ignore[arg-type]
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.bn(self.conv(x)))


class Inception(nn.Module):
    def __init__(self, inputs: int, one: int, red3: int, three: int, red5: int, five: int, pool: int) -> None:
        super().__init__()
        self.branch1 = BasicConv2d(inputs, one, kernel_size=1)
        self.branch2 = nn.Sequential(
            BasicConv2d(inputs, red3, kernel_size=1), BasicConv2d(red3, three, kernel_size=3, padding=1)
        )
        self.branch3 = nn.Sequential(
            BasicConv2d(inputs, red5, kernel_size=1), BasicConv2d(red5, five, kernel_size=3, padding=1)
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True), BasicConv2d(inputs, pool, kernel_size=1)
        )
        self.outputs = one + three + five + pool

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


GOOGLENET = {
    "3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64), "4b": (160, 112, 224, 24, 64, 64), "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64), "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128), "5b": (384, 192, 384, 48, 128, 128),
}  # fmt: skip
"""Channels of plain, reduced 3 x 3, 3 x 3, reduced 5 x 5, 5 x 5 and pooled branch, at ``width`` 16."""


class GoogLeNet(nn.Module):
    def __init__(self, width: int = 16, num_classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = BasicConv2d(3, 4 * width, kernel_size=7, stride=2, padding=3)
        self.conv2 = BasicConv2d(4 * width, 4 * width, kernel_size=1)
        self.conv3 = BasicConv2d(4 * width, 12 * width, kernel_size=3, padding=1)
        inputs = 12 * width
        for name, channels in GOOGLENET.items():
            module = Inception(inputs, *(n * width // 16 for n in channels))
            self.add_module(f"inception{name}", module)
            inputs = module.outputs
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(inputs, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(self.conv1(x), 3, stride=2, ceil_mode=True)
        x = functional.max_pool2d(self.conv3(self.conv2(x)), 3, stride=2, ceil_mode=True)
        for name in GOOGLENET:
            x = self.get_submodule(f"inception{name}")(x)
            if name == "3b":
                x = functional.max_pool2d(x, 3, stride=2, ceil_mode=True)
            elif name == "4e":
                x = functional.max_pool2d(x, 2, stride=2, ceil_mode=True)
        return self.fc(self.dropout(x.mean((2, 3))))


class MixedA(nn.Module):
    def __init__(self, inputs: int, w: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = BasicConv2d(inputs, 4 * w, kernel_size=1)
        self.branch5x5_1 = BasicConv2d(inputs, 3 * w, kernel_size=1)
        self.branch5x5_2 = BasicConv2d(3 * w, 4 * w, kernel_size=5, padding=2)
        self.branch3x3dbl_1 = BasicConv2d(inputs, 4 * w, kernel_size=1)
        self.branch3x3dbl_2 = BasicConv2d(4 * w, 6 * w, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = BasicConv2d(6 * w, 6 * w, kernel_size=3, padding=1)
        self.branch_pool = BasicConv2d(inputs, pooled, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        pool = self.branch_pool(functional.avg_pool2d(x, 3, stride=1, padding=1))
        return torch.cat([self.branch1x1(x), self.branch5x5_2(self.branch5x5_1(x)), double, pool], 1)


class MixedB(nn.Module):
    def __init__(self, inputs: int, w: int) -> None:
        super().__init__()
        self.branch3x3 = BasicConv2d(inputs, 24 * w, kernel_size=3, stride=2)
        self.branch3x3dbl_1 = BasicConv2d(inputs, 4 * w, kernel_size=1)
        self.branch3x3dbl_2 = BasicConv2d(4 * w, 6 * w, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = BasicConv2d(6 * w, 6 * w, kernel_size=3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, functional.max_pool2d(x, 3, stride=2)], 1)


class MixedC(nn.Module):
    def __init__(self, inputs: int, w: int, c7: int) -> None:
        super().__init__()
        out = 12 * w
        self.branch1x1 = BasicConv2d(inputs, out, kernel_size=1)
        self.branch7x7_1 = BasicConv2d(inputs, c7, kernel_size=1)
        self.branch7x7_2 = BasicConv2d(c7, c7, kernel_size=(1, 7), padding=(0, 3))
        self.branch7x7_3 = BasicConv2d(c7, out, kernel_size=(7, 1), padding=(3, 0))
        self.branch7x7dbl_1 = BasicConv2d(inputs, c7, kernel_size=1)
        self.branch7x7dbl_2 = BasicConv2d(c7, c7, kernel_size=(7, 1), padding=(3, 0))
        self.branch7x7dbl_3 = BasicConv2d(c7, c7, kernel_size=(1, 7), padding=(0, 3))
        self.branch7x7dbl_4 = BasicConv2d(c7, c7, kernel_size=(7, 1), padding=(3, 0))
        self.branch7x7dbl_5 = BasicConv2d(c7, out, kernel_size=(1, 7), padding=(0, 3))
        self.branch_pool = BasicConv2d(inputs, out, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        pool = self.branch_pool(functional.avg_pool2d(x, 3, stride=1, padding=1))
        return torch.cat([self.branch1x1(x), single, double, pool], 1)


class MixedD(nn.Module):
    def __init__(self, inputs: int, w: int) -> None:
        super().__init__()
        self.branch3x3_1 = BasicConv2d(inputs, 12 * w, kernel_size=1)
        self.branch3x3_2 = BasicConv2d(12 * w, 20 * w, kernel_size=3, stride=2)
        self.branch7x7x3_1 = BasicConv2d(inputs, 12 * w, kernel_size=1)
        self.branch7x7x3_2 = BasicConv2d(12 * w, 12 * w, kernel_size=(1, 7), padding=(0, 3))
        self.branch7x7x3_3 = BasicConv2d(12 * w, 12 * w, kernel_size=(7, 1), padding=(3, 0))
        self.branch7x7x3_4 = BasicConv2d(12 * w, 12 * w, kernel_size=3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        three = self.branch3x3_2(self.branch3x3_1(x))
        return torch.cat([three, self.branch7x7x3_4(seven), functional.max_pool2d(x, 3, stride=2)], 1)


class MixedE(nn.Module):
    def __init__(self, inputs: int, w: int) -> None:
        super().__init__()
        wide, tall = {"kernel_size": (1, 3), "padding": (0, 1)}, {"kernel_size": (3, 1), "padding": (1, 0)}
        self.branch1x1 = BasicConv2d(inputs, 20 * w, kernel_size=1)
        self.branch3x3_1 = BasicConv2d(inputs, 24 * w, kernel_size=1)
        self.branch3x3_2a = BasicConv2d(24 * w, 24 * w, **wide)
        self.branch3x3_2b = BasicConv2d(24 * w, 24 * w, **tall)
        self.branch3x3dbl_1 = BasicConv2d(inputs, 28 * w, kernel_size=1)
        self.branch3x3dbl_2 = BasicConv2d(28 * w, 24 * w, kernel_size=3, padding=1)
        self.branch3x3dbl_3a = BasicConv2d(24 * w, 24 * w, **wide)
        self.branch3x3dbl_3b = BasicConv2d(24 * w, 24 * w, **tall)
        self.branch_pool = BasicConv2d(inputs, 12 * w, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        return torch.cat(
            [
                self.branch1x1(x),
                self.branch3x3_2a(single),
                self.branch3x3_2b(single),
                self.branch3x3dbl_3a(double),
                self.branch3x3dbl_3b(double),
                self.branch_pool(functional.avg_pool2d(x, 3, stride=1, padding=1)),
            ],
            1,
        )


class InceptionV3(nn.Module):
    def __init__(self, width: int = 16, num_classes: int = 1000) -> None:
        super().__init__()
        w = width
        self.Conv2d_1a_3x3 = BasicConv2d(3, 2 * w, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = BasicConv2d(2 * w, 2 * w, kernel_size=3)
        self.Conv2d_2b_3x3 = BasicConv2d(2 * w, 4 * w, kernel_size=3, padding=1)
        self.maxpool1 = nn.MaxPool2d(3, stride=2)
        self.Conv2d_3b_1x1 = BasicConv2d(4 * w, 5 * w, kernel_size=1)
        self.Conv2d_4a_3x3 = BasicConv2d(5 * w, 12 * w, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(3, stride=2)
        self.Mixed_5b = MixedA(12 * w, w, 2 * w)
        self.Mixed_5c = MixedA(16 * w, w, 4 * w)
        self.Mixed_5d = MixedA(18 * w, w, 4 * w)
        self.Mixed_6a = MixedB(18 * w, w)
        self.Mixed_6b = MixedC(48 * w, w, 8 * w)
        self.Mixed_6c = MixedC(48 * w, w, 10 * w)
        self.Mixed_6d = MixedC(48 * w, w, 10 * w)
        self.Mixed_6e = MixedC(48 * w, w, 12 * w)
        self.Mixed_7a = MixedD(48 * w, w)
        self.Mixed_7b = MixedE(80 * w, w)
        self.Mixed_7c = MixedE(128 * w, w)
        self.fc = nn.Linear(128 * w, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        *body, fc = self.children()
        for module in body:
            x = module(x)
        return fc(x.mean((2, 3)))
