"""Shipped specs against hand-written networks with the original module names: keys, sizes, functions, growth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import reference_networks as reference
import torch
from growth.support import grown_state, plan_of
from torch import nn

from fptdsl.architecture import elaborate, lower
from fptdsl.architecture.graph import Graph
from fptdsl.language import load
from fptdsl.modules import build

SPECS = Path(__file__).resolve().parents[2] / "specs"
Settings = dict[str, Any]


def graph_of(spec: str, settings: Settings) -> Graph:
    return lower(elaborate(load(SPECS / f"{spec}.fpt"), settings))


# Counts that torchvision's and timm's pages give; for U-Net that of milesial's README (31.0M) to the digit,
# for the pre-activation ResNet-164 the 1.7M of the paper; those of maxout and text are their classes'.
PUBLISHED: list[tuple[str, Settings, Callable[..., nn.Module], Settings, int]] = [
    ("squeezenet", {}, reference.SqueezeNet, {}, 1_248_424),
    ("squeezenet", {"version": "1_1"}, reference.SqueezeNet, {"version": "1_1"}, 1_235_496),
    ("googlenet", {}, reference.GoogLeNet, {}, 6_624_904),
    ("inception_v3", {}, reference.InceptionV3, {}, 23_834_568),
    ("inception_bn", {}, reference.InceptionBn, {}, 11_295_240),
    ("densenet", {}, reference.DenseNet, {}, 7_978_856),
    ("densenet", {"layers": 169}, reference.DenseNet, {"blocks": (6, 12, 32, 32)}, 14_149_480),
    ("densenet", {"layers": 201}, reference.DenseNet, {"blocks": (6, 12, 48, 32)}, 20_013_928),
    ("mobilenet_v2", {}, reference.MobileNetV2, {}, 3_504_872),
    ("mobilenet_v3", {}, reference.MobileNetV3, {}, 5_483_032),
    ("mobilenet_v3", {"large": False}, reference.MobileNetV3, {"large": False}, 2_542_856),
    ("efficientnet_b0", {}, reference.EfficientNetB0, {}, 5_288_548),
    ("resnet", {"layers": 50, "groups": 32, "width_per_group": 4}, reference.ResNeXt, {}, 25_028_904),
    ("resnet", {"layers": 101, "groups": 32, "width_per_group": 8}, reference.ResNeXt,
     {"blocks": (3, 4, 23, 3), "width_per_group": 8}, 88_791_336),
    ("resnet", {"layers": 50, "width_per_group": 128}, reference.ResNeXt,
     {"groups": 1, "width_per_group": 128}, 68_883_240),
    ("regnet_y", {}, reference.RegNetY, {}, 4_344_144),
    ("senet", {}, reference.SeResNet, {}, 28_088_024),
    ("preact_resnet", {}, reference.PreActResNet, {}, 1_703_258),
    ("unet", {}, reference.UNet, {}, 31_037_698),
    ("convnext", {}, reference.ConvNeXt, {}, 28_589_128),
    ("convnext", {"width": 128, "blocks3": 27}, reference.ConvNeXt, {"width": 128, "blocks": (3, 3, 27, 3)},
     88_591_464),
    ("mlp_mixer", {}, reference.MlpMixer, {}, 59_880_472),
    ("maxout_mlp", {}, reference.MaxoutMlp, {}, 1_233_610),
    ("lstm_text", {}, reference.LstmText, {}, 2_893_442),
    ("gru_text", {}, reference.GruText, {}, 2_177_154),
]  # fmt: skip


def file_keys(spec: str, graph: Graph) -> dict[str, tuple[int, ...]]:
    """Shapes by the keys of a file: those of the spec with the renaming of its ``checkpoint`` section undone."""
    section = load(SPECS / f"{spec}.fpt").checkpoint
    entries = section.entries if section is not None else ()
    rules = [(entry.first, entry.second or "") for entry in entries if entry.kind == "rename"]
    found = {}
    for name, tensor in graph.tensors.items():
        for old, new in rules:
            name = old + name[len(new) :] if name.startswith(new) else name
        found[name] = tensor.shape
    return found


@pytest.mark.parametrize(("spec", "settings", "network", "arguments", "count"), PUBLISHED)
def test_published_size_and_keys(
    spec: str, settings: Settings, network: Callable[..., nn.Module], arguments: Settings, count: int
) -> None:
    graph = graph_of(spec, settings)
    with torch.device("meta"):
        expected = network(**arguments)
    assert graph.parameters() == count == sum(p.numel() for p in expected.parameters())
    shapes = {name: tuple(value.shape) for name, value in expected.state_dict().items()}
    ours = file_keys(spec, graph)
    assert ours == shapes
    if spec != "regnet_y":  # The class defines the projection of a shortcut before the branch, a residual after it.
        assert list(ours) == list(shapes), "the order of keys is that of state_dict()"


@dataclass(frozen=True)
class Small:
    """A network small enough to run, and one growth of it with the arguments of the class it becomes."""

    spec: str
    settings: Settings
    network: Callable[..., nn.Module]
    arguments: Settings
    shape: tuple[int, ...]
    growth: str = "widen * by 2x"
    grown: Settings = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.spec} {self.growth}"


SMALL = [
    Small("squeezenet", {"width": 2, "size": 48, "num_classes": 5}, reference.SqueezeNet,
          {"width": 2, "num_classes": 5}, (3, 48, 48), grown={"width": 4}),
    Small("squeezenet", {"width": 2, "size": 48, "num_classes": 5, "version": "1_1"}, reference.SqueezeNet,
          {"width": 2, "num_classes": 5, "version": "1_1"}, (3, 48, 48), "widen * by 1.5x using net2net", {"width": 3}),
    Small("googlenet", {"width": 2, "size": 32, "num_classes": 5}, reference.GoogLeNet,
          {"width": 2, "num_classes": 5}, (3, 32, 32), grown={"width": 4}),
    Small("inception_v3", {"width": 1, "size": 80, "num_classes": 5}, reference.InceptionV3,
          {"width": 1, "num_classes": 5}, (3, 80, 80), grown={"width": 2}),
    Small("inception_bn", {"width": 2, "size": 32, "num_classes": 5}, reference.InceptionBn,
          {"width": 2, "num_classes": 5}, (3, 32, 32), "widen * by 1.5x using net2net", {"width": 3}),
    Small("densenet",
          {"growth": 4, "width": 8, "size": 32, "num_classes": 5, "blocks1": 2, "blocks2": 2, "blocks3": 3,
           "blocks4": 2},
          reference.DenseNet, {"growth": 4, "width": 8, "num_classes": 5, "blocks": (2, 2, 3, 2)}, (3, 32, 32),
          grown={"growth": 8, "width": 16}),
    Small("mobilenet_v2", {"width": 1, "size": 32, "num_classes": 5}, reference.MobileNetV2,
          {"width": 1, "num_classes": 5}, (3, 32, 32), grown={"width": 2}),
    Small("mobilenet_v3", {"width": 1, "size": 32, "num_classes": 5}, reference.MobileNetV3,
          {"width": 1, "num_classes": 5}, (3, 32, 32), "widen * by 2x using r2r", {"width": 2}),
    Small("mobilenet_v3", {"width": 1, "size": 32, "num_classes": 5, "large": False}, reference.MobileNetV3,
          {"width": 1, "num_classes": 5, "large": False}, (3, 32, 32), grown={"width": 2}),
    Small("efficientnet_b0", {"width": 4, "size": 32, "num_classes": 5}, reference.EfficientNetB0,
          {"width": 4, "num_classes": 5}, (3, 32, 32), grown={"width": 8}),
    Small("resnet", {"layers": 50, "groups": 4, "width_per_group": 2, "size": 32, "num_classes": 5, "blocks1": 2,
                     "blocks2": 1, "blocks3": 1, "blocks4": 1},
          reference.ResNeXt, {"groups": 4, "width_per_group": 2, "num_classes": 5, "blocks": (2, 1, 1, 1)},
          (3, 32, 32), "widen layer*.*.conv2 by 2x", {"groups": 8}),
    Small("resnet", {"layers": 50, "groups": 1, "width_per_group": 8, "size": 32, "num_classes": 5, "blocks1": 2,
                     "blocks2": 1, "blocks3": 1, "blocks4": 1},
          reference.ResNeXt, {"groups": 1, "width_per_group": 8, "num_classes": 5, "blocks": (2, 1, 1, 1)},
          (3, 32, 32), "widen layer*.*.conv1 by 2x; widen layer*.*.conv2 by 2x; deepen layer1 by 1",
          {"width_per_group": 16, "blocks": (3, 1, 1, 1)}),
    Small("senet", {"width": 8, "size": 32, "num_classes": 5, "blocks1": 2, "blocks2": 1, "blocks3": 1, "blocks4": 1},
          reference.SeResNet, {"width": 8, "num_classes": 5, "blocks": (2, 1, 1, 1)}, (3, 32, 32),
          grown={"width": 16, "least": 16}),
    Small("senet", {"layers": 18, "width": 4, "size": 32, "num_classes": 5, "blocks2": 1, "blocks3": 1, "blocks4": 1},
          reference.SeResNet, {"width": 4, "num_classes": 5, "blocks": (2, 1, 1, 1), "bottleneck": False},
          (3, 32, 32), "deepen layer1 by 2; deepen layer2 by 1", {"blocks": (4, 2, 1, 1)}),
    Small("preact_resnet", {"n": 2, "width": 4}, reference.PreActResNet, {"n": 2, "width": 4}, (3, 32, 32),
          "widen * by 2x; deepen layer1 by 1; deepen layer2 by 1; deepen layer3 by 1", {"width": 8, "n": 3}),
    Small("preact_resnet", {"n": 2, "width": 4, "bottleneck": False}, reference.PreActResNet,
          {"n": 2, "width": 4, "bottleneck": False}, (3, 32, 32), grown={"width": 8}),
    Small("unet", {"width": 2, "size": 32}, reference.UNet, {"width": 2}, (3, 32, 32), grown={"width": 4}),
    Small("unet", {"width": 2, "size": 32}, reference.UNet, {"width": 2}, (3, 32, 32),
          "widen * by 2x using net2net", {"width": 4}),
    Small("convnext", {"width": 4, "size": 32, "num_classes": 5, "blocks1": 2, "blocks2": 1, "blocks3": 1,
                       "blocks4": 1},
          reference.ConvNeXt, {"width": 4, "num_classes": 5, "blocks": (2, 1, 1, 1)}, (3, 32, 32), grown={"width": 8}),
    Small("convnext", {"width": 4, "size": 32, "num_classes": 5, "blocks1": 2, "blocks2": 1, "blocks3": 1,
                       "blocks4": 1},
          reference.ConvNeXt, {"width": 4, "num_classes": 5, "blocks": (2, 1, 1, 1)}, (3, 32, 32),
          "widen features.*.*.block.3 by 1.5x; deepen features.5 by 2", {"hidden": 6, "blocks": (2, 1, 3, 1)}),
    Small("mlp_mixer", {"width": 6, "depth": 2, "tokens": 5, "channels": 7, "patch": 4, "size": 16},
          reference.MlpMixer, {"width": 6, "depth": 2, "tokens": 5, "channels": 7, "patch": 4, "size": 16},
          (3, 16, 16), "widen * by 2x; deepen blocks by 1 at start",
          {"width": 12, "depth": 3, "tokens": 10, "channels": 14}),
    Small("maxout_mlp", {"inputs": 12, "units": 6, "pieces": 3}, reference.MaxoutMlp,
          {"inputs": 12, "units": 6, "pieces": 3}, (12,), grown={"units": 12}),
    Small("lstm_text", {"vocabulary": 20, "width": 5, "hidden": 6}, reference.LstmText,
          {"vocabulary": 20, "width": 5, "hidden": 6}, (20, 7), "widen lstm to 9; widen embedding to 8",
          {"width": 8, "hidden": 9}),
    Small("gru_text", {"vocabulary": 20, "width": 5, "hidden": 6}, reference.GruText,
          {"vocabulary": 20, "width": 5, "hidden": 6}, (20, 7), "widen gru hidden_size by 3 using net2net",
          {"hidden": 9}),
]  # fmt: skip


def difference(a: torch.Tensor, b: torch.Tensor) -> float:
    assert a.shape == b.shape
    assert float(b.abs().max()) > 0
    return float((a - b).abs().max() / b.abs().max())


@pytest.mark.parametrize("small", SMALL, ids=str)
def test_computes_and_grows_as_the_class(small: Small) -> None:
    """The spec computes what the class computes, and what it grows to loads strictly into the class of the new size."""
    torch.manual_seed(0)
    old = reference.shake(small.network(**small.arguments)).eval()
    built = build(graph_of(small.spec, small.settings)).eval()
    built.load_state_dict(old.state_dict(), strict=True)
    state = {key: value.clone() for key, value in old.state_dict().items()}
    x = torch.randn(2, *small.shape, dtype=torch.float64)
    if "text" in small.spec:  # Tokens below the first size, as many as the second.
        x = torch.randint(small.shape[0], (2, small.shape[1]))
    plan = plan_of(small.spec, small.growth, settings=small.settings)
    new = small.network(**{**small.arguments, **small.grown}).eval()
    new.load_state_dict(grown_state(plan, state), strict=True)
    with torch.no_grad():
        expected = old.double()(x)
        assert difference(built.double()(x), expected) < 1e-13
        assert difference(new.double()(x), expected) < 1e-11
    assert sum(p.numel() for p in new.parameters()) > sum(p.numel() for p in old.parameters())
