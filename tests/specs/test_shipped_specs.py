"""Each shipped spec against a hand-written torch network of the same architecture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import reference_models as reference
import torch
from torch import nn

from fptdsl.architecture import elaborate, lower
from fptdsl.architecture.graph import Graph
from fptdsl.language import load
from fptdsl.modules import build

SPECS = Path(__file__).resolve().parents[2] / "specs"


def graph_of(spec: str, **settings: object) -> Graph:
    return lower(elaborate(load(SPECS / f"{spec}.fpt"), settings))


# Published counts: torchvision's model pages for ResNet and VGG; for ResNet-20 and -32 the 0.27M and
# 0.46M of He et al. 2015, table 6, to the digit as counted by the reference class.
COUNTS = [
    ("mlp", {}, reference.Mlp, 269_322),
    ("lenet", {}, reference.LeNet, 61_706),
    ("vgg_bn", {"layers": 11}, reference.VggBn, 132_868_840),
    ("vgg_bn", {"layers": 13}, reference.VggBn, 133_053_736),
    ("vgg_bn", {"layers": 16}, reference.VggBn, 138_365_992),
    ("vgg_bn", {"layers": 19}, reference.VggBn, 143_678_248),
    ("resnet_cifar", {}, reference.ResNetCifar, 269_722),
    ("resnet_cifar", {"n": 5}, reference.ResNetCifar, 464_154),
    ("resnet_cifar", {"option": "B"}, reference.ResNetCifar, 272_474),
    ("resnet", {"layers": 18}, reference.ResNet, 11_689_512),
    ("resnet", {"layers": 34}, reference.ResNet, 21_797_672),
    ("resnet", {"layers": 50}, reference.ResNet, 25_557_032),
    ("resnet", {"layers": 101}, reference.ResNet, 44_549_160),
    ("resnet", {"layers": 152}, reference.ResNet, 60_192_808),
]


@pytest.mark.parametrize(("spec", "settings", "network", "count"), COUNTS)
def test_state_dict_has_the_published_size_and_the_reference_keys(
    spec: str, settings: dict[str, object], network: Callable[..., nn.Module], count: int
) -> None:
    graph = graph_of(spec, **settings)
    with torch.device("meta"):
        expected = network(**settings)
    assert graph.parameters() == count == sum(p.numel() for p in expected.parameters())
    shapes = {name: tuple(value.shape) for name, value in expected.state_dict().items()}
    assert {name: tensor.shape for name, tensor in graph.tensors.items()} == shapes
    assert list(graph.tensors) == list(shapes), "the order of keys is that of state_dict()"


FUNCTIONS = [
    ("mlp", {}, reference.Mlp, {}, (784,)),
    ("mlp", {"inputs": 10, "hidden": 7, "depth": 4, "num_classes": 3}, reference.Mlp, None, (10,)),
    ("lenet", {}, reference.LeNet, {}, (1, 28, 28)),
    ("lenet", {"channels": 3, "size": 32, "padding": 0}, reference.LeNet, None, (3, 32, 32)),
    ("vgg_bn", {"width": 8, "hidden": 16, "num_classes": 5, "size": 64}, reference.VggBn,
     {"width": 8, "hidden": 16, "num_classes": 5}, (3, 64, 64)),
    ("vgg_bn", {"layers": 11, "width": 4, "hidden": 8, "num_classes": 5, "size": 32, "pool": 1}, reference.VggBn,
     {"layers": 11, "width": 4, "hidden": 8, "num_classes": 5, "pool": 1}, (3, 32, 32)),
    ("resnet_cifar", {}, reference.ResNetCifar, {}, (3, 32, 32)),
    ("resnet_cifar", {"option": "B", "n": 2}, reference.ResNetCifar, None, (3, 32, 32)),
    ("resnet", {"layers": 18, "size": 64, "num_classes": 7}, reference.ResNet,
     {"layers": 18, "num_classes": 7}, (3, 64, 64)),
    ("resnet", {"layers": 50, "size": 64, "num_classes": 7}, reference.ResNet,
     {"layers": 50, "num_classes": 7}, (3, 64, 64)),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "settings", "network", "arguments", "shape"), FUNCTIONS)
def test_computes_what_the_reference_computes(
    spec: str,
    settings: dict[str, object],
    network: Callable[..., nn.Module],
    arguments: dict[str, object] | None,
    shape: tuple[int, ...],
) -> None:
    torch.manual_seed(0)
    expected = reference.randomise(network(**(settings if arguments is None else arguments))).double().eval()
    built = build(graph_of(spec, **settings)).double().eval()
    built.load_state_dict(expected.state_dict(), strict=True)
    expected.load_state_dict(built.state_dict(), strict=True)
    x = torch.randn(2, *shape, dtype=torch.float64)
    with torch.no_grad():
        a, b = expected(x), built(x)
    assert a.shape == b.shape
    assert ((a - b).abs().max() / a.abs().max()).item() < 1e-13


def test_train_mode_uses_batch_statistics() -> None:
    torch.manual_seed(0)
    expected = reference.randomise(reference.ResNetCifar(1)).double().train()
    built = build(graph_of("resnet_cifar", n=1)).double().train()
    built.load_state_dict(expected.state_dict(), strict=True)
    x = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    a, b = expected(x), built(x)
    assert ((a - b).abs().max() / a.abs().max()).item() < 1e-13
    assert torch.allclose(expected.bn1.running_mean, built.bn1.running_mean, rtol=1e-12, atol=0)


def test_every_spec_says_what_it_is() -> None:
    files = sorted(SPECS.glob("*.fpt"))
    assert len(files) >= 5
    table = (SPECS / "README.md").read_text(encoding="utf-8")
    for file in files:
        assert file.read_text(encoding="utf-8").startswith("# "), f"{file.name} has no header"
        assert f"`{file.name}`" in table, f"{file.name} is not in specs/README.md"
