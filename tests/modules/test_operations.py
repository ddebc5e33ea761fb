"""Every operation, with and without a key, computes what torch's own layer computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from fptdsl.architecture.ops import OPERATIONS
from fptdsl.modules.factories import MODULES
from fptdsl.modules.functions import FUNCTIONS
from fptdsl.modules.parameters import PARAMETERS

Build = Callable[[str], fx.GraphModule]
IMAGE, SEQUENCE, VECTOR = "[6, 8, 9]", "[6, 8]", "[6]"

CASES: list[tuple[str, str, nn.Module | Callable[[Tensor], Tensor]]] = [
    (IMAGE, "linear(5)", nn.Linear(9, 5)),
    (VECTOR, "linear(5, bias=false)", nn.Linear(6, 5, bias=False)),
    (SEQUENCE, "conv1d(4, 3, 2, 1, groups=2)", nn.Conv1d(6, 4, 3, 2, 1, groups=2)),
    (IMAGE, "conv2d(4, 3)", nn.Conv2d(6, 4, 3)),
    (IMAGE, "conv2d(4, [1, 3], stride=[2, 1], padding=[0, 1], bias=false)",
     nn.Conv2d(6, 4, (1, 3), (2, 1), (0, 1), bias=False)),
    (IMAGE, "conv2d(12, 3, padding=\"same\", dilation=2, groups=6)",
     nn.Conv2d(6, 12, 3, padding="same", dilation=2, groups=6)),
    (IMAGE, "conv2d(4, 3, padding=2, padding_mode=\"reflect\")", nn.Conv2d(6, 4, 3, padding=2, padding_mode="reflect")),
    (IMAGE, "conv2d(4, 3, padding=1, padding_mode=\"circular\")",
     nn.Conv2d(6, 4, 3, padding=1, padding_mode="circular")),
    (IMAGE, "conv2d(4, 3, padding=\"same\", padding_mode=\"replicate\")",
     nn.Conv2d(6, 4, 3, padding="same", padding_mode="replicate")),
    (IMAGE, "conv_transpose2d(4, 3, stride=2, padding=1, output_padding=1, groups=2)",
     nn.ConvTranspose2d(6, 4, 3, 2, 1, 1, groups=2)),
    (VECTOR, "batchnorm1d", nn.BatchNorm1d(6)),
    (SEQUENCE, "batchnorm1d(eps=0.1, momentum=none)", nn.BatchNorm1d(6, eps=0.1, momentum=None)),
    (IMAGE, "batchnorm2d(affine=false)", nn.BatchNorm2d(6, affine=False)),
    (IMAGE, "batchnorm2d(track_running_stats=false)", nn.BatchNorm2d(6, track_running_stats=False)),
    (IMAGE, "groupnorm(3, eps=1e-3)", nn.GroupNorm(3, 6, eps=1e-3)),
    (IMAGE, "instancenorm2d", nn.InstanceNorm2d(6)),
    (IMAGE, "instancenorm2d(affine=true, track_running_stats=true)",
     nn.InstanceNorm2d(6, affine=True, track_running_stats=True)),
    (IMAGE, "prelu", nn.PReLU()),
    (IMAGE, "prelu(6, 0.1)", nn.PReLU(6, 0.1)),
    (IMAGE, "parametric(\"gelu\")", lambda x: x),
    (IMAGE, "parametric(\"gelu\", 0.25, approximate=\"tanh\")",
     lambda x: torch.lerp(nn.functional.gelu(x, approximate="tanh"), x, torch.tensor([0.25]))),
    (VECTOR, "parametric(\"sigmoid\", 0)", torch.sigmoid),
    (SEQUENCE, "maxpool1d(3, 2, 1, 2, true)", nn.MaxPool1d(3, 2, 1, 2, ceil_mode=True)),
    (IMAGE, "maxpool2d(3, 2, 1)", nn.MaxPool2d(3, 2, 1)),
    (IMAGE, "maxpool2d([2, 3], dilation=2, ceil_mode=true)", nn.MaxPool2d((2, 3), dilation=2, ceil_mode=True)),
    (SEQUENCE, "avgpool1d(3, count_include_pad=false, padding=1)", nn.AvgPool1d(3, padding=1, count_include_pad=False)),
    (IMAGE, "avgpool2d(3, 2, 1, divisor_override=5)", nn.AvgPool2d(3, 2, 1, divisor_override=5)),
    (IMAGE, "adaptive_avgpool2d(1)", nn.AdaptiveAvgPool2d(1)),
    (IMAGE, "adaptive_avgpool2d([none, 4])", nn.AdaptiveAvgPool2d((None, 4))),
    (IMAGE, "adaptive_maxpool2d([3, 4])", nn.AdaptiveMaxPool2d((3, 4))),
    (IMAGE, "global_avgpool", lambda x: x.mean((2, 3))),
    (SEQUENCE, "global_avgpool", lambda x: x.mean(2)),
    (IMAGE, "global_maxpool", lambda x: x.flatten(2).max(2).values),
    (IMAGE, "flatten", nn.Flatten()),
    (IMAGE, "flatten(2)", nn.Flatten(2)),
    (IMAGE, "flatten(1, 2)", nn.Flatten(1, 2)),
    (IMAGE, "upsample(scale_factor=2)", nn.Upsample(scale_factor=2)),
    (IMAGE, "upsample([4, 5])", nn.Upsample((4, 5))),
    (IMAGE, "upsample(scale_factor=[1.5, 2], mode=\"bilinear\", align_corners=true)",
     nn.Upsample(scale_factor=(1.5, 2), mode="bilinear", align_corners=True)),
    (IMAGE, "subsample2d(2)", lambda x: x[:, :, ::2, ::2]),
    (IMAGE, "pad_channels(2, 3)", lambda x: F.pad(x, (0, 0, 0, 0, 2, 3))),
    (VECTOR, "pad_channels(0, 3)", lambda x: F.pad(x, (0, 3))),
    (IMAGE, "add from input, input", lambda x: x + x),
    (IMAGE, "add from input, input, input", lambda x: x + x + x),
    (IMAGE, "mul from input, input, input", lambda x: x * x * x),
    (IMAGE, "concat from input, input", lambda x: torch.cat([x, x], 1)),
    (IMAGE, "concat(dim=-1) from input, input", lambda x: torch.cat([x, x], 3)),
    (IMAGE, "maxout(3)", lambda x: torch.stack([x[:, :3].amax(1), x[:, 3:].amax(1)], 1)),
    (IMAGE, "permute([0, 2, 3, 1])", lambda x: x.permute(0, 2, 3, 1)),
    (SEQUENCE, "transpose(1, -1)", lambda x: x.transpose(1, 2)),
    (SEQUENCE, "select(1, -1)", lambda x: x[:, -1]),
    (IMAGE, "mean([2, -1])", lambda x: x.mean((2, 3))),
    (SEQUENCE, "mean(1)", lambda x: x.mean(1)),
    (IMAGE, "local_response_norm(3, k=2.0)", nn.LocalResponseNorm(3, k=2.0)),
    (IMAGE, "softmax", nn.Softmax(1)),
    (VECTOR, "log_softmax(-1)", nn.LogSoftmax(-1)),
    (IMAGE, "identity", nn.Identity()),
    (IMAGE, "relu", nn.ReLU()),
    (IMAGE, "relu6", nn.ReLU6()),
    (IMAGE, "leaky_relu", nn.LeakyReLU()),
    (IMAGE, "leaky_relu(0.2)", nn.LeakyReLU(0.2)),
    (IMAGE, "elu(0.5)", nn.ELU(0.5)),
    (IMAGE, "selu", nn.SELU()),
    (IMAGE, "mish", nn.Mish()),
    (IMAGE, "softplus(2.0, 10.0)", nn.Softplus(2.0, 10.0)),
    (IMAGE, "gelu", nn.GELU()),
    (IMAGE, "gelu(\"tanh\")", nn.GELU("tanh")),
    (IMAGE, "silu", nn.SiLU()),
    (IMAGE, "tanh", nn.Tanh()),
    (IMAGE, "sigmoid", nn.Sigmoid()),
    (IMAGE, "hardsigmoid", nn.Hardsigmoid()),
    (IMAGE, "hardswish", nn.Hardswish()),
    (IMAGE, "hardtanh(0, 6)", nn.Hardtanh(0, 6)),
    (IMAGE, "dropout(0.3)", nn.Dropout(0.3)),
    (IMAGE, "dropout2d(0.3)", nn.Dropout2d(0.3)),
]  # fmt: skip


def randomise(module: nn.Module) -> None:
    """Values unlike the initial ones everywhere, running statistics included."""
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand_like(tensor) + (0.5 if "var" in name else -0.5))


def operation(text: str) -> str:
    return text.split("(")[0].split(" ")[0]


# A layer with parameters needs a key; everything else may go without.
BOTH = [
    pytest.param(shape, text, reference, keyed, id=f"{text}-{shape}-{'key' if keyed else 'no key'}")
    for shape, text, reference in CASES
    for keyed in (True, False)
    if keyed or not OPERATIONS[operation(text)].has_parameters
]


@pytest.mark.parametrize(("shape", "text", "reference", "keyed"), BOTH)
def test_operation(
    build_text: Build, shape: str, text: str, reference: nn.Module | Callable[[Tensor], Tensor], keyed: bool
) -> None:
    built = build_text(f"model M {{\n input x: float{shape}\n {'layer: ' if keyed else ''}{text}\n}}")
    size: list[int] = [int(n) for n in shape.strip("[]").split(",")]
    x = torch.randn(3, *size)
    for training in (True, False):
        if isinstance(reference, nn.Module):
            randomise(reference)
            built.load_state_dict({f"layer.{name}": tensor for name, tensor in reference.state_dict().items()})
            reference.train(training)
        built.train(training)
        torch.manual_seed(0)
        expected = reference(x)
        torch.manual_seed(0)
        result = built(x)
        assert torch.equal(result, expected)


def test_every_operation_has_a_torch_side() -> None:
    covered: set[Any] = {operation(text) for _, text, _ in CASES}
    elsewhere = {"layernorm", "rmsnorm", "embedding", "lstm", "gru", "scale", "stochastic_depth"}
    elsewhere |= {"shift", "multiply", "softcap", "narrow", "split_heads", "rotary", "attention", "class_token"}
    elsewhere |= {"relative_position_bias", "transposed_linear", "tied_linear"}
    elsewhere |= {"positions", "full_like", "position_table"}
    operations = set(OPERATIONS) - {"refuse"}  # which is never built
    assert covered | elsewhere == operations, "see test_layered_operations and test_transformer_operations"
    assert set(MODULES) | set(FUNCTIONS) | set(PARAMETERS) == operations
    held = set(MODULES) | set(PARAMETERS)
    assert all(name in held for name, operation in OPERATIONS.items() if operation.has_parameters)
