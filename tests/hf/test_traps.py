"""The traps of transformers on the classes themselves: what the naive construction costs, and that ours does not.

Each naive network is ours with one step left out, or built by hand where ours is a refusal.  Errors are relative to the
largest logit, in float64, with the casts of the class lifted.  More of them, on modules made from the specs, are in
``test_growth.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("transformers")

import fptdsl
from fptdsl.diagnostics import FptError
from hf.clients import Pair, open_folder, save, shaken
from hf.families import FAMILIES

State = dict[str, Tensor]
K = math.sqrt(40 / 32)


def grown(name: str, growth: str, folder: Path) -> Pair:
    family = FAMILIES[name]
    old = save(name, folder / "old")
    fptdsl.apply(f"hf/{family.spec}", folder / "old", out=folder / "new", grow=[growth])
    return Pair(family, old, open_folder(family, folder / "new"))


def refusal(name: str, growth: str, folder: Path) -> str:
    save(name, folder / "old")
    with pytest.raises(FptError) as caught:
        fptdsl.apply(f"hf/{FAMILIES[name].spec}", folder / "old", out=folder / "new", grow=[growth])
    return caught.value.diagnostics[0].message


def scale(state: State, factor: float, *endings: str) -> None:
    for name, tensor in state.items():
        if name.endswith(endings):
            tensor *= factor


def stream_not_rescaled(state: State) -> None:
    """Padded with zeros or means, gains divided by k, the same eps (N-4); a tied head is put right."""
    scale(state, 1 / K, "embed_tokens.weight", "o_proj.weight", "down_proj.weight")
    scale(state, 1 / K, "wte.weight", "wpe.weight", "c_proj.weight", "c_proj.bias")
    scale(state, K, "ln_f.weight", "ln_f.bias")


def branches_not_rescaled(state: State) -> None:
    """T-9: a norm behind the branch takes the factor away again, all but the eps."""
    scale(state, 1 / K, "o_proj.weight", "down_proj.weight")


def gains_not_divided(state: State) -> None:
    scale(state, K, "layernorm.weight", "ln_1.weight", "ln_2.weight")


def heads_appended(state: State) -> None:
    """T-4: the new query heads behind all others, not behind those of their group."""
    order = torch.tensor([0, 1, 4, 5, 2, 3, 6, 7])
    for name, tensor in state.items():
        if name.endswith("q_proj.weight"):
            tensor.copy_(tensor.unflatten(0, (8, 8))[order].flatten(0, 1))
        elif name.endswith("o_proj.weight"):
            tensor.copy_(tensor.unflatten(1, (8, 8))[:, order].flatten(1, 2))


def readers_not_divided(state: State) -> None:
    """T-1, T-3: copies that are read as often as they are there."""
    scale(state, 2.0, "o_proj.weight")


def copies_not_scaled(state: State) -> None:
    """N-5: plain copies of what a branch writes, with norms that keep eps."""
    for name, tensor in state.items():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            tensor *= math.sqrt(2)


def heads_copied_plainly(state: State) -> None:
    """N-5: copies of one group of two, as they are, under norms over all queries and over all keys."""
    for name, gain in state.items():
        if name.endswith(("q_norm.weight", "k_norm.weight")):
            groups = gain.unflatten(0, (3, -1))
            twice = [torch.equal(group, groups[2]) for group in groups]
            assert sum(twice) == 2
            s = torch.tensor([math.sqrt(3 / 4 if each else 3 / 2) for each in twice], dtype=gain.dtype)[:, None]
            groups *= s
            state[name.replace("norm", "proj")].unflatten(0, (3, -1)).div_(s[..., None])


def tied_head_not_compensated(state: State) -> None:
    scale(state, 2.0, "ln_f.weight", "ln_f.bias")


TRAPS: list[tuple[str, str, Callable[[State], None], tuple[float, float]]] = [
    ("llama", "widen model.embed_tokens to 40", stream_not_rescaled, (1e-6, 1.4e-3)),
    ("gpt2", "widen transformer.wte by 6", stream_not_rescaled, (1e-6, 1e-3)),
    ("gemma2", "widen model.embed_tokens to 40", branches_not_rescaled, (1e-7, 1e-3)),
    ("olmo2", "widen model.embed_tokens to 40", branches_not_rescaled, (1e-7, 1e-3)),
    ("llama", "widen model.embed_tokens to 40", gains_not_divided, (5e-2, 2.0)),
    ("gpt2", "widen transformer.wte by 6", gains_not_divided, (5e-2, 2.0)),
    ("llama", "widen model.layers.*.self_attn.q_proj by 2x", heads_appended, (1e-1, 3.0)),
    ("llama", "widen model.layers.*.self_attn kv_heads by 2x using net2net(split=equal)", readers_not_divided,
     (1e-1, 3.0)),
    ("llama", "widen model.embed_tokens to 72 using rescale(copies=true)", copies_not_scaled, (1e-2, 2.0)),
    ("olmo2", "widen model.embed_tokens to 72 using rescale(copies=true)", copies_not_scaled, (1e-7, 1e-2)),
    ("olmo2", "widen model.layers.*.self_attn kv_heads to 3", heads_copied_plainly, (1e-3, 1.0)),
    ("gpt2", "widen transformer.wte by 2x using net2net", tied_head_not_compensated, (0.99, 1.01)),
]  # fmt: skip
"""Family, growth, the step left out, and what that costs: between these."""


@pytest.mark.parametrize(
    ("name", "growth", "naive", "size"), TRAPS, ids=[f"{name}: {naive.__name__}" for name, _, naive, _ in TRAPS]
)
def test_a_step_left_out(
    name: str, growth: str, naive: Callable[[State], None], size: tuple[float, float], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    pair = grown(name, growth, tmp_path).in_float64(monkeypatch.setattr)
    assert pair.error() <= 1e-12
    with torch.no_grad():
        naive(pair.new.state_dict())
    low, high = size
    assert low <= pair.error() <= high


def test_a_larger_head_under_rotary_embedding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T-6: zeros for the new part of queries and keys, with the scale put right; the frequencies are others."""
    family, old = FAMILIES["llama"], shaken("llama")
    new = shaken("llama", head_dim=16)
    state, larger = old.state_dict(), new.state_dict()
    for name, tensor in larger.items():
        value = state[name]
        if name.endswith(("q_proj.weight", "k_proj.weight", "v_proj.weight")):
            # Each half of a head is rotated with the other, so each half grows.
            halves = value.unflatten(0, (-1, 2, 4)) * (math.sqrt(2) if "q_proj" in name else 1.0)
            value = torch.cat([halves, torch.zeros_like(halves)], 2).flatten(0, 2)
        elif name.endswith("o_proj.weight"):
            halves = value.unflatten(1, (-1, 2, 4))
            value = torch.cat([halves, torch.zeros_like(halves)], 3).flatten(1, 3)
        tensor.copy_(value)
    pair = Pair(family, old, new).in_float64(monkeypatch.setattr)
    assert 0.05 <= pair.error() <= 2.0
    for module in new.modules():
        if hasattr(module, "inv_freq"):  # with the old frequencies, the rest is right
            module.inv_freq = torch.cat([_frequencies(old), torch.zeros(4)])
    assert pair.error() <= 1e-12
    message = refusal("llama", "widen model.layers.*.self_attn.v_proj to 20", tmp_path)
    assert "inv_freq depends on head_dim" in message


def _frequencies(model: nn.Module) -> Tensor:
    return next(module.inv_freq for module in model.modules() if hasattr(module, "inv_freq"))


@pytest.mark.parametrize("copied", [False, True], ids=["unit gains", "copied gains"])
def test_a_block_inserted_into_a_post_norm_network(copied: bool, tmp_path: Path) -> None:
    """T-11: both branches end in zero, and still the norms behind the sums change what comes in."""
    family, old, new = FAMILIES["bert"], shaken("bert"), shaken("bert", num_hidden_layers=3)
    state, last = old.state_dict(), "bert.encoder.layer.2."
    for name, tensor in new.state_dict().items():
        tensor.copy_(state[name.replace(last, "bert.encoder.layer.1.")])
        if name.startswith(last) and "output.dense" in name:
            tensor.zero_()
        if name.startswith(last) and "LayerNorm" in name and not copied:
            tensor.fill_(1.0 if name.endswith("weight") else 0.0)
    assert 0.05 <= Pair(family, old, new).error() <= 1.0
    message = refusal("bert", "deepen bert.encoder.layer by 1", tmp_path)
    assert "a post-norm block cannot be inserted exactly" in message


class PostNorm(nn.Module):
    """A sum behind which a layer norm stands, twice, and a layer that reads the result."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed, self.branch, self.head = nn.Linear(7, width), nn.Linear(width, width), nn.Linear(width, 5)
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(self.embed(x))
        result: Tensor = self.head(self.second(x + self.branch(x)))
        return result


@pytest.mark.parametrize(("constant", "low", "high"), [(True, 0.0, 1e-12), (False, 1e-2, 1.0)])
def test_means_behind_a_post_norm(constant: bool, low: float, high: float, tmp_path: Path) -> None:
    """N-7: new units that are means, behind norms whose gains are alike, or not."""
    torch.manual_seed(0)
    old, new = PostNorm(12).double(), PostNorm(17).double()
    with torch.no_grad():
        for parameter in old.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        for norm in (old.first, old.second):
            norm.weight.fill_(1.3) if constant else None
        factor = math.sqrt(17 / 12)

        def means(tensor: Tensor) -> Tensor:
            return factor * torch.cat([tensor, tensor.mean(0, keepdim=True).expand(5, *tensor.shape[1:])])

        def read(tensor: Tensor) -> Tensor:
            return torch.cat([tensor / factor, torch.zeros(len(tensor), 5, dtype=torch.float64)], 1)

        for layer, wide in ((old.embed, new.embed), (old.branch, new.branch)):
            weight = layer.weight if layer is old.embed else read(layer.weight)
            wide.weight.copy_(means(weight))
            wide.bias.copy_(means(layer.bias))
        for norm, wide_norm in ((old.first, new.first), (old.second, new.second)):
            wide_norm.weight.copy_(torch.cat([norm.weight, torch.ones(5, dtype=torch.float64)]))
            wide_norm.bias.copy_(means(norm.bias))
        new.head.weight.copy_(read(old.head.weight))
        new.head.bias.copy_(old.head.bias)
        x = torch.randn(64, 7, dtype=torch.float64)
        error = ((new(x) - old(x)).abs().max() / old(x).abs().max()).item()
    assert low <= error <= high
    if not constant:
        message = refusal("bert", "widen bert.embeddings.word_embeddings by 8", tmp_path)
        assert "only integer multiples of its units are exact" in message


def test_a_zero_projection_before_a_norm_blows_gradients_up(tmp_path: Path) -> None:
    """T-12: the function is kept either way, but a root mean square at zero multiplies gradients by ``1/sqrt(eps)``."""
    pair = grown("olmo2", "deepen model.layers by 1", tmp_path)
    assert pair.error() <= 1e-12
    ours = _steepest(pair)
    with torch.no_grad():
        for name, tensor in pair.new.state_dict().items():
            if name.startswith("model.layers.3."):
                if name.endswith(("post_attention_layernorm.weight", "post_feedforward_layernorm.weight")):
                    tensor.fill_(1.0)
                elif name.endswith(("o_proj.weight", "down_proj.weight")):
                    tensor.zero_()
    assert pair.error() <= 1e-12
    assert _steepest(pair) > 100 * ours


def _steepest(pair: Pair) -> float:
    """The largest gradient in the new block."""
    pair.new.zero_grad()
    pair.new(**pair.inputs()).logits.double().square().mean().backward()
    gradients = [p.grad for name, p in pair.new.named_parameters() if name.startswith("model.layers.3.")]
    return max(gradient.abs().max().item() for gradient in gradients if gradient is not None)
