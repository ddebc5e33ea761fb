"""A grown checkpoint loads strictly into a hand-written class of the new size, and computes the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import reference_models as reference
import torch
from torch import nn

import fptdsl

ROOT = Path(__file__).resolve().parents[2]


def grow(spec: str, network: nn.Module, growth: str, folder: Path, **settings: object) -> dict[str, torch.Tensor]:
    """Save the network's state dict, apply the growth, and give the grown one."""
    torch.save(network.state_dict(), folder / "small.pt")
    out = folder / "grown.pt"
    result = fptdsl.apply(ROOT / "specs" / spec, folder / "small.pt", out=out, grow=[growth], settings=settings)
    assert result.passed
    grown: dict[str, torch.Tensor] = torch.load(out, weights_only=True)
    return grown


def difference(old: nn.Module, new: nn.Module, shape: tuple[int, ...]) -> float:
    """Largest relative difference in float64 and eval mode."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(3, *shape, dtype=torch.float64, generator=generator)
    with torch.no_grad():
        a, b = old.double().eval()(x), new.double().eval()(x)
    return float((a - b).abs().max() / a.abs().max())


# `widen layer2 to 64` in a CIFAR ResNet with option A: pads of 24, layer3's stream 96, its inner widths 64.
CIFAR = [
    (
        {"option": "A"},
        "widen layer2 to 64; deepen layer3 by 2",
        {"widths": (16, 64, 96), "inner": (16, 64, 64), "blocks": (3, 3, 5), "pads": (None, (24, 24), (16, 16))},
    ),
    ({"option": "A"}, "widen * by 1.5x", {"widths": (24, 48, 96), "inner": (24, 48, 96)}),
    ({"option": "B"}, "widen layer2 to 64; deepen layer1 by 1",
     {"widths": (16, 64, 64), "inner": (16, 64, 64), "blocks": (4, 3, 3)}),
    ({"option": "B"}, "widen layer1.*.conv1 to 24 using net2net", {"inner": (24, 32, 64)}),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "growth", "grown_arguments"), CIFAR)
def test_cifar_resnet(
    settings: dict[str, object], growth: str, grown_arguments: dict[str, object], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    old = reference.randomise(reference.ResNetCifar(**settings))
    state = grow("resnet_cifar.fpt", old, growth, tmp_path, **settings)
    new = reference.ResNetCifar(**settings, **grown_arguments)
    new.load_state_dict(state, strict=True)
    assert difference(old, new, (3, 32, 32)) < 1e-11


def test_imagenet_resnet(tmp_path: Path) -> None:
    torch.manual_seed(0)
    old = reference.randomise(reference.ResNet(18, num_classes=10))
    growth = "widen layer*.*.conv1 by 2x; deepen layer4 by 1"
    state = grow("resnet.fpt", old, growth, tmp_path, layers=18, num_classes=10, size=64)
    new = reference.ResNet(18, num_classes=10, inner_factor=2, blocks=(2, 2, 2, 3))
    new.load_state_dict(state, strict=True)
    assert difference(old, new, (3, 64, 64)) < 1e-11


def test_resnet50_grows_into_wide_resnet50_2() -> None:
    growth = ["widen layer*.*.conv1 by 2x; widen layer*.*.conv2 by 2x"]
    plan = fptdsl.plan(ROOT / "specs" / "resnet.fpt", grow=growth, settings={"layers": 50})
    with torch.device("meta"):
        wide = reference.ResNet(50, inner_factor=2)
    assert {t.name: t.new_shape for t in plan.tensors} == {k: tuple(v.shape) for k, v in wide.state_dict().items()}
    # The parameter count that torchvision's page gives for wide_resnet50_2.
    assert plan.to_json()["totals"]["params_after"] == 68_883_240


def test_vgg(tmp_path: Path) -> None:
    torch.manual_seed(0)
    small = {"layers": 11, "width": 4, "hidden": 8, "num_classes": 5, "pool": 1}
    old = reference.randomise(reference.VggBn(**small))
    state = grow("vgg_bn.fpt", old, "widen * by 2x", tmp_path, size=32, **small)
    new = reference.VggBn(**{**small, "width": 8, "hidden": 16})
    new.load_state_dict(state, strict=True)
    assert difference(old, new, (3, 32, 32)) < 1e-11


@pytest.mark.parametrize(
    ("growth", "n", "widths", "name"),
    [
        ("widen * by 2x", 3, (32, 64, 128), "resnet20-12fca82f.th"),
        ("widen * by 1.5x using net2net", 5, (24, 48, 96), "resnet32-d509ac18.th"),
    ],
)
def test_published_resnet(
    shared_path: Callable[[str], Path], growth: str, n: int, widths: tuple[int, ...], name: str, tmp_path: Path
) -> None:
    file = shared_path(f"checkpoints/{name}")
    out = tmp_path / "grown.th"
    result = fptdsl.apply(ROOT / "specs" / "resnet_cifar.fpt", file, out=out, grow=[growth], settings={"n": n})
    assert result.passed
    assert result.max_relative_error <= 1e-11
    states = [torch.load(path, weights_only=True, map_location="cpu") for path in (file, out)]
    assert states[0]["best_prec1"] == states[1]["best_prec1"]
    old, new = reference.ResNetCifar(n), reference.ResNetCifar(n, widths=widths, inner=widths)
    for network, saved in zip((old, new), states, strict=True):
        tensors = {key.removeprefix("module."): value for key, value in saved["state_dict"].items()}
        missing, unexpected = network.load_state_dict(tensors, strict=False)
        assert not unexpected
        assert all(key.endswith("num_batches_tracked") for key in missing)
    assert difference(old, new, (3, 32, 32)) < 1e-11
