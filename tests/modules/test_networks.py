"""Whole networks against hand-written modules with the same weights."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import reference_models as reference
import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from fptdsl.architecture import elaborate, lower
from fptdsl.architecture.graph import Graph
from fptdsl.diagnostics import FptError
from fptdsl.language import load
from fptdsl.modules import build

Build = Callable[[str], fx.GraphModule]
Lower = Callable[[str], Graph]


class Attended(nn.Module):
    """Squeeze-and-excite, a dense connection, a shared layer, two inputs and two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.gate = nn.Module()
        self.gate.squeeze = nn.Conv2d(8, 2, 1)
        self.gate.excite = nn.Conv2d(2, 8, 1)
        self.mix = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.features = nn.Sequential(nn.BatchNorm2d(16), nn.ReLU(), nn.Dropout(0.2), nn.Conv2d(16, 4, 1))
        self.head = nn.Linear(4 + 5, 7)
        self.aux = nn.Linear(4, 2)

    def forward(self, image: Tensor, extra: Tensor) -> dict[str, Tensor]:
        x = F.silu(self.stem(image))
        x = x * torch.sigmoid(self.gate.excite(F.relu(self.gate.squeeze(x.mean((2, 3), keepdim=True)))))
        y = self.mix(self.mix(x))
        pooled = self.features(torch.cat([x, y], 1)).mean((2, 3))
        return {"aux": self.aux(pooled), "logits": self.head(torch.cat([pooled, extra], 1))}


SPEC = """
model Attended {
  input image: float[3, 8, 8]
  input extra: float[5]
  stem: conv2d(8, 3, padding=1) from image
  let x = silu
  gate: {
    adaptive_avgpool2d(1)
    squeeze: conv2d(2, 1)
    relu
    excite: conv2d(8, 1)
    sigmoid
  }
  let gated = mul from x, gate
  mix: conv2d(8, 3, padding=1, bias=false)
  let twice = reuse mix
  concat from gated, twice
  features: sequential {
    batchnorm2d
    relu
    dropout(0.2)
    conv2d(4, 1)
  }
  let pooled = global_avgpool
  aux: linear(2)
  concat from pooled, extra
  head: linear(7)
  output aux: aux
  output logits: head
}
"""


@pytest.fixture
def attended(build_text: Build) -> tuple[fx.GraphModule, Attended]:
    built, expected = build_text(SPEC), Attended()
    assert set(built.state_dict()) == set(expected.state_dict())
    built.load_state_dict(expected.state_dict())
    return built, expected


def test_wiring(attended: tuple[fx.GraphModule, Attended]) -> None:
    built, expected = attended
    image, extra = torch.randn(2, 3, 8, 8), torch.randn(2, 5)
    for training in (True, False):
        torch.manual_seed(1)
        outputs = built.train(training)(image, extra)
        torch.manual_seed(1)
        wanted = expected.train(training)(image, extra)
        assert list(outputs) == ["aux", "logits"]
        for name, value in wanted.items():
            torch.testing.assert_close(outputs[name], value, rtol=1e-5, atol=1e-6)
    by_name = built(extra=extra, image=image)
    assert torch.equal(by_name["logits"], outputs["logits"])


def test_gradients_reach_shared_layers(attended: tuple[fx.GraphModule, Attended]) -> None:
    built, expected = attended
    image, extra = torch.randn(2, 3, 8, 8), torch.randn(2, 5)
    for module in attended:
        module.eval()(image, extra)["logits"].square().sum().backward()
    torch.testing.assert_close(built.mix.weight.grad, expected.mix.weight.grad, rtol=1e-4, atol=1e-5)


def test_the_module_tree_has_the_names_of_the_spec(attended: tuple[fx.GraphModule, Attended]) -> None:
    built, _ = attended
    assert type(built).__name__ == "Attended"
    assert [name for name, _ in built.named_children()] == ["stem", "gate", "mix", "features", "aux", "head"]
    assert isinstance(built.features.get_submodule("2"), nn.Dropout)
    assert all(parameter.requires_grad for parameter in built.parameters())
    assert built.training


def test_forward_is_readable(attended: tuple[fx.GraphModule, Attended]) -> None:
    lines = [line.split(";")[0].strip() for line in attended[0].code.splitlines() if line.strip()]
    assert lines[:4] == [
        "def forward(self, image, extra):",
        "stem = self.stem(image)",
        "x = torch.nn.functional.silu(stem)",
        "gate_adaptive_avgpool2d = torch.nn.functional.adaptive_avg_pool2d(x, (1, 1))",
    ]
    assert "mix = self.mix(gated)" in lines
    assert "mix_again = self.mix(mix)" in lines
    assert lines[-1].startswith("return {'aux': aux, 'logits': head}")


def test_dropout_without_a_key(build_text: Build) -> None:
    built = build_text("model M {\n input x: float[6]\n a: linear(4)\n dropout(0.5)\n dropout(0.25)\n b: linear(2)\n}")
    assert list(built.state_dict()) == ["a.weight", "a.bias", "b.weight", "b.bias"]
    rates = {name: module.p for name, module in built.named_modules() if isinstance(module, nn.Dropout)}
    assert rates == {"dropout": 0.5, "dropout_2": 0.25}
    x = torch.randn(4, 6)
    assert torch.equal(built.eval()(x), built(x))
    assert not torch.equal(built.train()(x), built(x))


def resnet(root: Path, **settings: object) -> Graph:
    return lower(elaborate(load(root / "specs" / "resnet_cifar.fpt"), settings))


def test_resnet_cifar(root: Path) -> None:
    built, expected = build(resnet(root)), reference.ResNetCifar()
    assert list(built.state_dict()) == list(expected.state_dict())
    built.load_state_dict(expected.state_dict())
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(built.eval()(x), expected.eval()(x), rtol=1e-5, atol=1e-6)


def test_a_thousand_layers(root: Path) -> None:
    graph = resnet(root, n=200)
    start = time.process_time()
    built = build(graph)
    assert time.process_time() - start < 5
    assert list(built.state_dict()) == list(graph.tensors)
    with torch.no_grad():
        assert built.eval()(torch.randn(1, 3, 32, 32)).shape == (1, 10)


def test_device_and_dtype(root: Path) -> None:
    graph = resnet(root)
    meta = build(graph, device="meta")
    assert all(tensor.is_meta for tensor in meta.state_dict().values())
    double = build(graph, dtype=torch.float64)
    assert {tensor.dtype for tensor in double.state_dict().values()} == {torch.float64, torch.int64}
    assert double.eval()(torch.randn(1, 3, 32, 32, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.parametrize("key", ["graph", "train", "lambda", "code"])
def test_keys_that_no_module_can_have(graph_of: Lower, key: str) -> None:
    graph = graph_of(f"model M {{\n input x: float[6]\n {key}: linear(4)\n}}")
    with pytest.raises(FptError) as caught:
        build(graph)
    (fault,) = caught.value.diagnostics
    assert fault.code == "F257"
    assert f"`{key}` cannot be the name of a module" in fault.message
    assert fault.span is not None
    assert fault.span.line == 3


def test_inputs_with_the_names_of_builtins(build_text: Build) -> None:
    built = build_text("model M {\n input input: float[6]\n a: linear(4)\n}")
    x = torch.randn(2, 6)
    assert torch.equal(built(input=x), built(x))


def test_fresh_weights_are_those_of_torch(build_text: Build) -> None:
    torch.manual_seed(3)
    built = build_text("model M {\n input x: float[6]\n a: linear(4)\n relu\n b: linear(2)\n}")
    torch.manual_seed(3)
    first, second = nn.Linear(6, 4), nn.Linear(4, 2)
    assert torch.equal(built.a.weight, first.weight)
    assert torch.equal(built.b.bias, second.bias)
