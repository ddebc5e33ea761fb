"""``specs/nanogpt.fpt`` against a hand-written GPT with the same names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fptdsl.architecture import elaborate, lower
from fptdsl.checkpoint import open_checkpoint
from fptdsl.language import load
from fptdsl.modules import build

SETTINGS = {"vocab_size": 30, "block_size": 16, "n_layer": 2, "n_head": 3, "n_embd": 12}


class Norm(nn.Module):
    def __init__(self, size: int, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.bias = nn.Parameter(torch.zeros(size)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)


class Attention(nn.Module):
    def __init__(self, size: int, heads: int, bias: bool) -> None:
        super().__init__()
        self.c_attn = nn.Linear(size, 3 * size, bias=bias)
        self.c_proj = nn.Linear(size, size, bias=bias)
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        batch, length, size = x.shape
        parts = [part.view(batch, length, self.heads, -1).transpose(1, 2) for part in self.c_attn(x).split(size, 2)]
        y = F.scaled_dot_product_attention(*parts, is_causal=True)
        return self.c_proj(y.transpose(1, 2).reshape(batch, length, size))


class Mlp(nn.Module):
    def __init__(self, size: int, bias: bool) -> None:
        super().__init__()
        self.c_fc = nn.Linear(size, 4 * size, bias=bias)
        self.c_proj = nn.Linear(4 * size, size, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.c_proj(F.gelu(self.c_fc(x)))


class Block(nn.Module):
    def __init__(self, size: int, heads: int, bias: bool) -> None:
        super().__init__()
        self.ln_1, self.attn = Norm(size, bias), Attention(size, heads, bias)
        self.ln_2, self.mlp = Norm(size, bias), Mlp(size, bias)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Gpt(nn.Module):
    def __init__(self, vocab_size: int, block_size: int, n_layer: int, n_head: int, n_embd: int, bias: bool) -> None:
        super().__init__()
        self.transformer = nn.ModuleDict({
            "wte": nn.Embedding(vocab_size, n_embd),
            "wpe": nn.Embedding(block_size, n_embd),
            "h": nn.ModuleList(Block(n_embd, n_head, bias) for _ in range(n_layer)),
            "ln_f": Norm(n_embd, bias),
        })  # fmt: skip
        self.lm_head = nn.Linear(n_embd, vocab_size, bias=False)
        self.lm_head.weight = self.transformer["wte"].weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.transformer["wte"](tokens) + self.transformer["wpe"](torch.arange(tokens.shape[1]))
        for block in self.transformer["h"]:
            x = block(x)
        return self.lm_head(self.transformer["ln_f"](x))


@pytest.mark.parametrize("bias", [True, False])
def test_the_spec_is_the_class(bias: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    expected = Gpt(**SETTINGS, bias=bias).eval()
    with torch.no_grad():
        for parameter in expected.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    torch.save({"model": expected.state_dict(), "iter_num": 5}, tmp_path / "ckpt.pt")
    document = load("nanogpt")
    graph = lower(elaborate(document, {**SETTINGS, "bias": bias}))
    with open_checkpoint(tmp_path / "ckpt.pt", document.checkpoint) as checkpoint:
        state = {name: checkpoint.tensor(name).double() for name in graph.tensors}
        assert {name: tuple(value.shape) for name, value in state.items()} == {
            name: tensor.shape for name, tensor in graph.tensors.items()
        }
        assert set(checkpoint.keys()) - {"lm_head.weight"} == set(graph.tensors)
    built = build(graph).double().eval()
    built.load_state_dict(state, strict=True)
    tokens = torch.randint(30, (2, 9))
    with torch.no_grad():
        a, b = expected.double()(tokens), built(tokens)
    assert ((a - b).abs().max() / a.abs().max()).item() < 1e-13
