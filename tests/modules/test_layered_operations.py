"""Operations whose layer is one step of several, or a bare parameter: what torch's own layers compute."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, fx, nn

Build = Callable[[str], fx.GraphModule]

CASES: list[tuple[str, str, nn.Module, Callable[[nn.Module, Tensor], Tensor]]] = [
    ("float[5, 6]", "layernorm", nn.LayerNorm(6), lambda layer, x: layer(x)),
    ("float[6]", "layernorm(eps=0.1, bias=false)", nn.LayerNorm(6, eps=0.1, bias=False), lambda layer, x: layer(x)),
    ("float[6]", "layernorm(elementwise_affine=false)", nn.LayerNorm(6, elementwise_affine=False),
     lambda layer, x: layer(x)),
    ("float[6, 4, 3]", "layernorm(dim=1)", nn.LayerNorm(6),
     lambda layer, x: layer(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)),
    ("float[4, 6]", "rmsnorm(1e-6)", nn.RMSNorm(6, eps=1e-6), lambda layer, x: layer(x)),
    ("float[6, 4]", "rmsnorm(dim=-2)", nn.RMSNorm(6), lambda layer, x: layer(x.transpose(1, 2)).transpose(1, 2)),
    ("int[5]", "embedding(8, 6)", nn.Embedding(8, 6), lambda layer, x: layer(x)),
    ("int[length]", "embedding(8, 6)", nn.Embedding(8, 6), lambda layer, x: layer(x)),
    ("float[5, 6]", "lstm(4)", nn.LSTM(6, 4, batch_first=True), lambda layer, x: layer(x)[0]),
    ("float[5, 6]", "lstm(4, 2, false, bidirectional=true)",
     nn.LSTM(6, 4, 2, False, batch_first=True, bidirectional=True), lambda layer, x: layer(x)[0]),
    ("float[5, 6]", "gru(4, num_layers=2)", nn.GRU(6, 4, 2, batch_first=True), lambda layer, x: layer(x)[0]),
    ("float[5, 6]", "gru(4, bidirectional=true)", nn.GRU(6, 4, batch_first=True, bidirectional=True),
     lambda layer, x: layer(x)[0]),
]  # fmt: skip


@pytest.mark.parametrize(("value", "text", "reference", "call"), CASES, ids=[f"{c[1]} of {c[0]}" for c in CASES])
def test_layer(
    build_text: Build, value: str, text: str, reference: nn.Module, call: Callable[[nn.Module, Tensor], Tensor]
) -> None:
    built = build_text(f"model M {{\n input x: {value}\n layer: {text}\n}}")
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter.uniform_(-1, 1)
    built.load_state_dict({f"layer.{name}": tensor for name, tensor in reference.state_dict().items()})
    kind, _, sizes = value.strip("]").partition("[")
    shape = (3, *(int(n) if n.isdecimal() else 7 for n in sizes.split(", ")))
    x = torch.randint(0, 8, shape) if kind == "int" else torch.randn(shape)
    assert torch.equal(built(x), call(reference, x))


@pytest.mark.parametrize(
    ("value", "dim", "shape"), [("[6, 4, 3]", 1, (6, 1, 1)), ("[4, 6]", -1, (6,)), ("[4, 6]", 1, (4, 1))]
)
def test_scale_is_a_parameter_under_its_own_key(
    build_text: Build, value: str, dim: int, shape: tuple[int, ...]
) -> None:
    built = build_text(f"model M {{\n input x: float{value}\n block: {{ layer_scale: scale(0.5, {dim}) }}\n}}")
    assert dict(built.named_parameters())["block.layer_scale"].shape == shape
    factors = torch.rand(shape)
    x = torch.randn(2, *(int(n) for n in value.strip("[]").split(",")))
    assert torch.equal(built(x), 0.5 * x)
    built.load_state_dict({"block.layer_scale": factors})
    assert torch.equal(built(x), x * factors)


def test_a_scale_is_shared_by_reuse(build_text: Build) -> None:
    built = build_text("model M {\n input x: float[6]\n gate: scale(2.0)\n reuse gate\n}")
    x = torch.randn(2, 6)
    assert list(built.state_dict()) == ["gate"]
    assert torch.equal(built(x), 4 * x)


@pytest.mark.parametrize("mode", ["row", "batch"])
def test_stochastic_depth_drops_whole_samples(build_text: Build, mode: str) -> None:
    built = build_text(f'model M {{\n input x: float[4, 3]\n stochastic_depth(0.25, "{mode}")\n}}')
    x = torch.randn(400, 4, 3)
    built.eval()
    assert torch.equal(built(x), x)
    built.train()
    torch.manual_seed(0)
    kept = 0.0
    for _ in range(20):
        factors = (built(x) / x).flatten(1)
        assert torch.allclose(factors, factors[:, :1])
        assert set(factors[:, 0].mul(0.75).round(decimals=4).tolist()) <= {0.0, 1.0}
        assert mode == "row" or len(set(factors[:, 0].round(decimals=4).tolist())) == 1
        kept += float((factors[:, 0] > 0).float().mean()) / 20
    assert abs(kept - 0.75) < (0.03 if mode == "row" else 0.25)
