"""Hand-written PyTorch networks, independent of the package, with the module names of their origins.

Widths are arguments, so that a grown checkpoint can be loaded strictly into the class of the new size.
"""

from __future__ import annotations

import torch
from torch import nn

from .concatenating import DenseNet, SqueezeNet, UNet
from .inception import GoogLeNet, InceptionV3
from .inception_bn import InceptionBn
from .mobile import EfficientNetB0, MobileNetV2, MobileNetV3
from .positions import ConvNeXt, MlpMixer
from .residual import PreActResNet, RegNetY, ResNeXt, SeResNet
from .units import GruText, LstmText, MaxoutMlp

__all__ = [
    "ConvNeXt", "DenseNet", "EfficientNetB0", "GoogLeNet", "GruText", "InceptionBn", "InceptionV3", "LstmText",
    "MaxoutMlp", "MlpMixer", "MobileNetV2", "MobileNetV3", "PreActResNet", "RegNetY", "ResNeXt", "SeResNet",
    "SqueezeNet", "UNet", "shake",
]  # fmt: skip


def shake(model: nn.Module, seed: int = 0) -> nn.Module:
    """Move everything that fresh networks have at zero or one, so that no comparison is empty."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if not value.is_floating_point():
                continue
            if name.endswith("running_var") or (value.ndim == 1 and name.endswith("weight")):
                value.uniform_(0.5, 1.5, generator=generator)
            elif name.endswith("layer_scale"):
                value.uniform_(0.2, 0.8, generator=generator)
            elif value.ndim == 1:
                value.normal_(0, 0.2, generator=generator)
    return model
