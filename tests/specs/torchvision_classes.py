"""torchvision's classes in small sizes: by their arguments where they take them, else by replaced modules.

Beside a torch without CUDA, torchvision's wheel imports once the two operators exist that its kernels would
define; no network here uses them.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from functools import partial
from types import ModuleType

import pytest
import torch
from torch import nn

_OPERATORS = ("nms", "qnms")
_defined: list[torch.library.Library] = []


def models() -> ModuleType:
    """``torchvision.models``; skips where it is not installed."""
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("needs torchvision (pip install --no-deps torchvision)")
    try:
        return importlib.import_module("torchvision.models")
    except RuntimeError:
        if _defined:
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
    library = torch.library.Library("torchvision", "DEF")
    for name in _OPERATORS:
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _defined.append(library)
    return importlib.import_module("torchvision.models")


def resnet(blocks: tuple[int, ...], *, bottleneck: bool = False, groups: int = 1, per_group: int = 64) -> nn.Module:
    module = models().resnet
    block = module.Bottleneck if bottleneck else module.BasicBlock
    return module.ResNet(block, list(blocks), num_classes=5, groups=groups, width_per_group=per_group)


def vgg(plan: list[int | str], hidden: int) -> nn.Module:
    """The classifier of the class has a hundred million weights: a small one is in its place."""
    module = models().vgg
    features = module.make_layers(plan, batch_norm=True)
    with torch.device("meta"):
        network = module.VGG(features, init_weights=False)
    last = [width for width in plan if width != "M"][-1]
    network.avgpool = nn.AdaptiveAvgPool2d(1)
    network.classifier = nn.Sequential(
        nn.Linear(last, hidden), nn.ReLU(), nn.Dropout(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(),
        nn.Linear(hidden, 5),
    )  # fmt: skip
    return network


def densenet(growth: int, width: int) -> nn.Module:
    return models().DenseNet(
        growth_rate=growth, block_config=(2, 2, 2, 1), num_init_features=width, bn_size=2, num_classes=5
    )


def _scaled(conv: type[nn.Module], width: int) -> partial[nn.Module]:
    """The class's convolution with all channels but the image's three in sixteenths of ``width``."""

    def make(inputs: int, outputs: int, **options: object) -> nn.Module:
        return conv(inputs if inputs == 3 else inputs * width // 16, outputs * width // 16, **options)

    return partial(make)


def googlenet(width: int) -> nn.Module:
    module = importlib.import_module("torchvision.models.googlenet") if models() else None
    assert module is not None
    conv = _scaled(module.BasicConv2d, width)
    blocks = [conv, partial(module.Inception, conv_block=conv), module.InceptionAux]
    network = module.GoogLeNet(num_classes=5, aux_logits=False, init_weights=False, blocks=blocks)
    network.fc = nn.Linear(64 * width, 5)
    return network


def inception_v3(width: int) -> nn.Module:
    module = models().inception
    conv = _scaled(module.BasicConv2d, width)
    kinds = (module.InceptionA, module.InceptionB, module.InceptionC, module.InceptionD, module.InceptionE)
    blocks = [conv, *(partial(kind, conv_block=conv) for kind in kinds), module.InceptionAux]
    network = module.Inception3(num_classes=5, aux_logits=False, init_weights=False, inception_blocks=blocks)
    network.fc = nn.Linear(128 * width, 5)
    return network


def mobilenet_v2(width: float = 1.0, **blocks: int) -> nn.Module:
    setting = [
        [1, 16, 1, 1], [6, 24, 2, 2], [6, 32, blocks.get("third", 3), 2], [6, 64, 4, 2], [6, 96, 3, 1],
        [6, 160, 3, 2], [6, 320, 1, 1],
    ]  # fmt: skip
    return models().MobileNetV2(num_classes=5, width_mult=width, inverted_residual_setting=setting, round_nearest=1)


def mobilenet_v3(rows: list[tuple[object, ...]], last: int) -> nn.Module:
    module = models().mobilenetv3
    setting = [module.InvertedResidualConfig(*row, 1, 1.0) for row in rows]
    return module.MobileNetV3(setting, last, num_classes=5)


MOBILENET_V3_SMALL: list[tuple[object, ...]] = [
    (16, 3, 16, 16, True, "RE", 2), (16, 3, 72, 24, False, "RE", 2), (24, 3, 88, 24, False, "RE", 1),
    (24, 5, 96, 40, True, "HS", 2), (40, 5, 240, 40, True, "HS", 1), (40, 5, 240, 40, True, "HS", 1),
    (40, 5, 120, 48, True, "HS", 1), (48, 5, 144, 48, True, "HS", 1), (48, 5, 288, 96, True, "HS", 2),
    (96, 5, 576, 96, True, "HS", 1), (96, 5, 576, 96, True, "HS", 1),
]  # fmt: skip
"""Input channels, kernel, expanded channels, output channels, squeeze-and-excitation, activation, stride."""


def efficientnet(width: float, third: int = 2) -> nn.Module:
    module = models().efficientnet
    rows = (
        (1, 3, 1, 32, 16, 1), (6, 3, 2, 16, 24, 2), (6, 5, 2, 24, 40, third), (6, 3, 2, 40, 80, 3),
        (6, 5, 1, 80, 112, 3), (6, 5, 2, 112, 192, 4), (6, 3, 1, 192, 320, 1),
    )  # fmt: skip
    setting = [module.MBConvConfig(*row, width_mult=width) for row in rows]
    return module.EfficientNet(setting, dropout=0.2, num_classes=5)


def squeezenet(width: int) -> nn.Module:
    """The class has no argument for widths: its fire modules are replaced by ones of other widths."""
    module = models().squeezenet
    network = module.SqueezeNet("1_0", num_classes=5)
    channels = 6 * width
    network.features[0] = nn.Conv2d(3, channels, kernel_size=7, stride=2)
    for place, layer in enumerate(network.features):
        if isinstance(layer, module.Fire):
            squeezed = layer.squeeze.out_channels * width // 16
            network.features[place] = module.Fire(channels, squeezed, 4 * squeezed, 4 * squeezed)
            channels = 8 * squeezed
    network.classifier[1] = nn.Conv2d(channels, 5, kernel_size=1)
    return network


def regnet(width: int, depths: tuple[int, ...] = (1, 1, 2, 1), group: int | None = None) -> nn.Module:
    """``width`` is what the spec calls ``group_width``."""
    module = models().regnet
    parameters = module.BlockParams(
        list(depths), [width * n for n in (6, 13, 26, 55)], [group or width] * 4, [1.0] * 4, [2] * 4, 0.25
    )
    return module.RegNet(parameters, num_classes=5, stem_width=4 * width)


def convnext(width: int, third: int = 2) -> nn.Module:
    module = models().convnext
    rows = ((1, 2, 1), (2, 4, 1), (4, 8, third), (8, None, 1))
    setting = [module.CNBlockConfig(a * width, b and b * width, n) for a, b, n in rows]
    return module.ConvNeXt(setting, num_classes=5)
