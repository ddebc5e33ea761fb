"""Files with names of their own for some layers: grown ones are read by the class that wrote the old one."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import fptdsl

RULES = """
checkpoint {
  rename "*.gamma" to "*.weight"
  rename "*.beta" to "*.bias"
}
"""
SPEC = """
model Net {
  input x: float[4]
  inp: linear(6)
  ln: layernorm
  layers: repeat 2 {
    residual {
      norm: layernorm
      up: linear(8)
      relu
      down: linear(6)
    }
  }
  tail: sequential {
    linear(5)
    layernorm
    relu
    linear(7)
    layernorm
  }
  out: linear(3)
}
"""


class Norm(nn.Module):
    """A layer norm with names of its own."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.ones(size)), nn.Parameter(torch.zeros(size))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.layer_norm(x, self.gamma.shape, self.gamma, self.beta)


class Block(nn.Module):
    def __init__(self, norm: type[nn.Module]) -> None:
        super().__init__()
        self.norm = norm(6)
        self.up, self.down = nn.Linear(6, 8), nn.Linear(8, 6)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.down(self.up(self.norm(x)).relu())


class Net(nn.Module):
    """``norms``: those of the first layers, of the blocks and of the tail."""

    def __init__(self, norms: tuple[type[nn.Module], ...], blocks: int = 2, tail: int = 1, more: bool = False) -> None:
        super().__init__()
        first, inside, last = norms
        self.inp = nn.Linear(4, 6)
        if more:
            self.inp_1 = nn.Linear(6, 6)
        self.ln = first(6)
        self.layers = nn.Sequential(*(Block(inside) for _ in range(blocks)))
        linears = [nn.Linear(6, 5), *(nn.Linear(5, 5) for _ in range(tail - 1))]
        self.tail = nn.Sequential(*linears, last(5), nn.ReLU(), nn.Linear(5, 7), last(7))
        self.out = nn.Linear(7, 3)
        self.more = more

    def forward(self, x: Tensor) -> Tensor:
        x = self.inp(x)
        x = self.inp_1(x) if self.more else x
        found: Tensor = self.out(self.tail(self.layers(self.ln(x))))
        return found


OWN, TORCH = Norm, nn.LayerNorm
GROWTHS = {
    "deepen layers by 1": {"blocks": 3},
    "deepen inp by 1": {"more": True},
    "deepen tail.0 by 1": {"tail": 2},
}


@pytest.mark.parametrize("grow", GROWTHS)
@pytest.mark.parametrize("norms", [(OWN, OWN, OWN), (OWN, TORCH, OWN), (TORCH, OWN, TORCH), (TORCH, TORCH, OWN)])
@pytest.mark.parametrize("prefix", ["", "net."])
def test_the_class_loads_what_was_grown(
    tmp_path: Path, grow: str, norms: tuple[type[nn.Module], ...], prefix: str
) -> None:
    torch.manual_seed(0)
    old = Net(norms).double()
    with torch.no_grad():
        for value in old.parameters():
            value.copy_(torch.randn_like(value) / 2 + 0.1)
    state = OrderedDict((prefix + key, value) for key, value in old.state_dict().items())
    torch.save(state, tmp_path / "old.pt")
    section = RULES.replace("{", f'{{\n  strip "{prefix}"') if prefix else RULES
    (tmp_path / "net.fpt").write_text(SPEC + section)
    fptdsl.apply(tmp_path / "net.fpt", tmp_path / "old.pt", grow=grow, out=tmp_path / "new.pt")
    new = Net(norms, **GROWTHS[grow]).double()
    found = torch.load(tmp_path / "new.pt", weights_only=True)
    new.load_state_dict({key.removeprefix(prefix): value for key, value in found.items()}, strict=True)
    x = torch.randn(20, 4, dtype=torch.float64)
    wanted = old(x)
    assert float(((new(x) - wanted).abs() / wanted.abs().max()).max().detach()) < 1e-12
    again = tmp_path / "again.pt"
    fptdsl.apply(tmp_path / "new.fpt", tmp_path / "new.pt", grow="widen layers.*.up to 9", out=again)
    assert list(torch.load(again, weights_only=True)) == list(found)
