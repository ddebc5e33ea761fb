"""The operations of transformers against torch's own modules and plain formulas."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

Build = Callable[[str], fx.GraphModule]


def fill(module: nn.Module) -> nn.Module:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.uniform_(-1, 1)
    return module.double()


def by_hand(q: Tensor, k: Tensor, v: Tensor, scale: float, change: Callable[[Tensor, int], Tensor]) -> Tensor:
    """Attention of ``[batch, positions, heads, size]`` one head at a time; ``change`` edits the scores of a head."""
    heads = []
    for head in range(q.shape[2]):
        served = head // (q.shape[2] // k.shape[2])
        scores = change(q[:, :, head] @ k[:, :, served].transpose(1, 2) * scale, head)
        heads.append(F.softmax(scores, -1) @ v[:, :, served])
    return torch.cat(heads, -1)


def masked(scores: Tensor, window: int | None = None) -> Tensor:
    rows, columns = (torch.arange(n) for n in scores.shape[-2:])
    distance = rows[:, None] - columns[None]
    hidden = (distance < 0) if window is None else (distance < 0) | (distance >= window)
    return scores.masked_fill(hidden, -math.inf)


ATTENTION: list[tuple[str, float, Callable[[Tensor, int], Tensor]]] = [
    ("", 8**-0.5, lambda s, h: s),
    ("causal=true", 8**-0.5, lambda s, h: masked(s)),
    ("scale=0.3", 0.3, lambda s, h: s),
    ("scale_dim=25", 0.2, lambda s, h: s),
    ("causal=true, window=3", 8**-0.5, lambda s, h: masked(s, 3)),
    ("softcap=0.5", 8**-0.5, lambda s, h: 0.5 * torch.tanh(s / 0.5)),
    ("causal=true, softcap=2, window=2, scale=1.5", 1.5, lambda s, h: masked(2 * torch.tanh(s / 2), 2)),
]


@pytest.mark.parametrize(("args", "scale", "change"), ATTENTION, ids=[case[0] or "plain" for case in ATTENTION])
@pytest.mark.parametrize("kv_heads", [1, 2, 6])
def test_attention(
    build_text: Build, args: str, scale: float, change: Callable[[Tensor, int], Tensor], kv_heads: int
) -> None:
    built = build_text(
        f"model M {{\n input q: float[seq, 48]\n input k: float[seq, {kv_heads * 8}]\n"
        f" input v: float[seq, {kv_heads * 5}]\n let a = split_heads(6) from q\n"
        f" let b = split_heads({kv_heads}) from k\n let c = split_heads({kv_heads}) from v\n"
        f" attention({args}) from a, b, c\n}}"
    )
    q, k, v = (torch.randn(2, 7, n, dtype=torch.float64) for n in (48, kv_heads * 8, kv_heads * 5))
    expected = by_hand(q.view(2, 7, 6, 8), k.view(2, 7, kv_heads, 8), v.view(2, 7, kv_heads, 5), scale, change)
    assert torch.allclose(built(q, k, v), expected, rtol=1e-12, atol=1e-13)


def test_attention_with_a_bias_of_the_scores_and_other_positions(build_text: Build) -> None:
    built = build_text(
        "model M {\n input x: float[5, 12]\n input y: float[7, 12]\n input bias: float[3, 5, 7]\n"
        " let q = split_heads(3) from x\n let k = split_heads(3) from y\n attention(causal=true) from q, k, k, bias\n}"
    )
    x, y = torch.randn(2, 5, 12).double(), torch.randn(2, 7, 12).double()
    bias = torch.randn(2, 3, 5, 7).double()
    keys = y.view(2, 7, 3, 4)
    expected = by_hand(x.view(2, 5, 3, 4), keys, keys, 0.5, lambda s, h: masked(s + bias[:, h]))
    assert torch.allclose(built(x, y, bias), expected, rtol=1e-12, atol=1e-13)


def test_fused_projection_is_torchs_multihead_attention(build_text: Build) -> None:
    built = build_text(
        "model M {\n input x: float[seq, 12]\n qkv: linear(36)\n narrow(-1, 0, 12)\n let q = split_heads(4)\n"
        " narrow(-1, 12, 12) from qkv\n let k = split_heads(4)\n narrow(-1, 24, 12) from qkv\n"
        " let v = split_heads(4)\n attention from q, k, v\n out: linear(12)\n}"
    ).double()
    reference = fill(nn.MultiheadAttention(12, 4, batch_first=True))
    state = dict(reference.state_dict())
    built.load_state_dict({
        "qkv.weight": state["in_proj_weight"], "qkv.bias": state["in_proj_bias"],
        "out.weight": state["out_proj.weight"], "out.bias": state["out_proj.bias"],
    })  # fmt: skip
    x = torch.randn(3, 9, 12).double()
    assert torch.allclose(built(x), reference(x, x, x)[0], rtol=1e-12, atol=1e-13)


def turned(x: Tensor, theta: float, dim: int, interleaved: bool) -> Tensor:
    """Rotation as multiplication of complex numbers (the form in which the paper has it)."""
    part = x[..., :dim]
    pairs = part.unflatten(-1, (dim // 2, 2)) if interleaved else torch.stack(part.chunk(2, -1), -1)
    angles = torch.arange(x.shape[1])[:, None] * theta ** (-torch.arange(0, dim, 2) / dim)
    result = torch.view_as_complex(pairs.contiguous()) * torch.polar(torch.ones_like(angles), angles)[None, :, None]
    real = torch.view_as_real(result)
    back = real.flatten(-2) if interleaved else torch.cat([real[..., 0], real[..., 1]], -1)
    return torch.cat([back, x[..., dim:]], -1)


@pytest.mark.parametrize("dim", [None, 4])
@pytest.mark.parametrize("interleaved", [False, True])
def test_rotary(build_text: Build, dim: int | None, interleaved: bool) -> None:
    more = f", dim={dim}" if dim else ""
    built = build_text(
        f"model M {{\n input x: float[seq, 16]\n split_heads(2)\n"
        f" rotary(500{more}, interleaved={str(interleaved).lower()})\n flatten(2)\n}}"
    )
    x = torch.randn(2, 11, 16)
    expected = turned(x.view(2, 11, 2, 8), 500.0, dim or 8, interleaved).flatten(2)
    assert torch.allclose(built(x), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["linear", "llama3"])
def test_scaled_rotary_has_the_frequencies_of_transformers(build_text: Build, kind: str) -> None:
    rope = pytest.importorskip("transformers.modeling_rope_utils")
    transformers = pytest.importorskip("transformers")
    numbers = {
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    }
    given = {"rope_type": kind, "rope_theta": 500.0, **(numbers if kind == "llama3" else {"factor": 8.0})}
    try:
        config = transformers.LlamaConfig(
            hidden_size=32, num_attention_heads=1, max_position_embeddings=512, rope_parameters=given
        )
        frequencies, _ = rope.ROPE_INIT_FUNCTIONS[kind](config, "cpu")
    except (TypeError, KeyError, AttributeError) as error:
        pytest.skip(f"this version of transformers takes other arguments: {error}")
    args = ", ".join(f"{name}={value}" for name, value in numbers.items())
    built = build_text(
        f"model M {{\n input x: float[seq, 32]\n split_heads(1)\n"
        f' rotary(500, scaling="{kind}", {args})\n flatten(2)\n}}'
    )
    one = torch.zeros(1, 2, 32)
    one[..., :16] = 1.0
    assert torch.allclose(torch.acos(built(one)[0, 1, :16]), frequencies.double().float(), atol=2e-4)
    assert torch.allclose(torch.asin(built(one)[0, 1, 16:]), frequencies, atol=1e-6)


def buckets(distance: int, count: int, farthest: int, bidirectional: bool) -> int:
    """The bucket of one distance (key minus query), straight from section 2.1 of the paper."""
    base = 0
    if bidirectional:
        count //= 2
        base = count if distance > 0 else 0
        distance = abs(distance)
    else:
        distance = max(-distance, 0)
    near = count // 2
    if distance < near:
        return base + distance
    share = math.log(distance / near) / math.log(farthest / near)
    return base + min(near + int(share * (count - near) + 1e-6), count - 1)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_relative_position_bias(build_text: Build, bidirectional: bool) -> None:
    built = build_text(
        "model M {\n input x: float[seq, 4]\n input y: float[other, 4]\n"
        f" bias: relative_position_bias(3, 8, 20, {str(bidirectional).lower()}) from x, y\n}}"
    )
    table = torch.randn(8, 3)
    built.load_state_dict({"bias.weight": table})
    result = built(torch.zeros(2, 30, 4), torch.zeros(2, 25, 4))
    assert result.shape[-3:] == (3, 30, 25)
    for row in (0, 3, 29):
        for column in (0, 7, 24):
            expected = table[buckets(column - row, 8, 20, bidirectional)]
            assert torch.equal(result.reshape(-1, 3, 30, 25)[0, :, row, column], expected), (row, column)


def test_transposed_linear_is_a_product_with_the_stored_weight(build_text: Build) -> None:
    for bias in ("true", "false"):
        built = fill(build_text(f"model M {{\n input x: float[5, 6]\n fc: transposed_linear(4, {bias})\n}}"))
        x = torch.randn(2, 5, 6).double()
        state = built.state_dict()
        assert state["fc.weight"].shape == (6, 4)
        expected = x @ state["fc.weight"] + state.get("fc.bias", torch.zeros(4).double())
        assert torch.allclose(built(x), expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(("shape", "dim"), [("[5, 6]", -1), ("[6, 4, 3]", 1)])
def test_rms_norm_with_an_offset(build_text: Build, shape: str, dim: int) -> None:
    text = f"rmsnorm(1e-3, dim={dim}, unit_offset=true)"
    built = build_text(f"model M {{\n input x: float{shape}\n norm: {text}\n}}")
    assert torch.equal(built.state_dict()["norm.weight"], torch.zeros(6)), "fresh factors are one"
    fill(built)
    x = torch.randn(2, *(int(n) for n in shape.strip("[]").split(","))).double()
    reference = nn.RMSNorm(6, 1e-3).double()
    reference.weight.data = built.state_dict()["norm.weight"] + 1
    expected = reference(x.movedim(dim, -1)).movedim(-1, dim)
    assert torch.allclose(built(x), expected, rtol=1e-13)


def test_class_token_and_position_table(build_text: Build) -> None:
    built = fill(build_text("model M {\n input x: float[4, 6]\n cls: class_token\n e: { pos: position_table }\n}"))
    x = torch.randn(3, 4, 6).double()
    state = built.state_dict()
    assert {name: tuple(value.shape) for name, value in state.items()} == {"cls": (1, 1, 6), "e.pos": (1, 5, 6)}
    expected = torch.cat([state["cls"].expand(3, 1, 6), x], 1) + state["e.pos"]
    assert torch.equal(built(x), expected)


def test_positions_and_full_like_number_the_tokens(build_text: Build) -> None:
    built = fill(build_text(
        "model M {\n input ids: int[seq]\n positions(2)\n p: embedding(40, 6)\n full_like(1) from ids\n"
        " t: embedding(2, 6)\n add from p, t\n}"
    ))  # fmt: skip
    state = built.state_dict()
    for length in (3, 9):
        expected = state["p.weight"][2 : 2 + length] + state["t.weight"][1]
        assert torch.equal(built(torch.zeros(2, length, dtype=torch.long)), expected.expand(2, -1, -1))


def test_tied_linear_uses_the_table_of_the_embedding(build_text: Build) -> None:
    built = fill(build_text(
        "model M {\n input ids: int[seq]\n m: { table: embedding(9, 6)\n relu }\n"
        ' head: tied_linear("m.table")\n bias: shift\n}'
    ))  # fmt: skip
    ids = torch.randint(9, (2, 5))
    state = built.state_dict()
    assert set(state) == {"m.table.weight", "bias"}
    expected = F.relu(state["m.table.weight"][ids]) @ state["m.table.weight"].T + state["bias"]
    assert torch.allclose(built(ids), expected, rtol=1e-13)
    built(ids).sum().backward()
    assert dict(built.named_parameters())["m.table.weight"].grad.abs().sum() > 0


def test_constants(build_text: Build) -> None:
    x = torch.randn(2, 3, 16).double()
    head = "model M {\n input x: float[3, 16]\n "
    assert torch.equal(build_text(head + "multiply(0.5)\n}")(x), 0.5 * x)
    assert torch.equal(build_text(head + "multiply(3.0, width_power=0.5)\n}")(x), 12 * x)
    assert torch.equal(build_text(head + "softcap(2.0)\n}")(x), 2 * torch.tanh(x / 2))
    assert torch.equal(build_text(head + "narrow(2, 4, 5)\n}")(x), x[..., 4:9])
    assert torch.equal(build_text(head + "split_heads(4)\n}")(x), x.view(2, 3, 4, 4))


def test_a_transformer_is_an_ordinary_module(build_text: Build) -> None:
    built = build_text(
        "model M {\n input ids: int[seq]\n table: embedding(9, 8)\n"
        " residual {\n norm: rmsnorm(1e-6, unit_offset=true)\n"
        "  q: linear(8)\n split_heads(2)\n let a = rotary\n k: transposed_linear(4) from norm\n split_heads(1)\n"
        "  let b = rotary\n attention(causal=true, window=3) from a, b, b\n o: linear(8)\n }\n"
        ' tied_linear("table")\n}'
    )
    ids = torch.randint(9, (2, 5))
    expected = built(ids)
    for other in (copy.deepcopy(built), pickle.loads(pickle.dumps(built))):
        assert torch.equal(other(ids), expected)
    length = torch.export.Dim("seq", min=2, max=64)
    exported = torch.export.export(built, (ids,), dynamic_shapes=({1: length},)).module()
    longer = torch.randint(9, (2, 12))
    assert torch.allclose(exported(longer), built(longer), atol=1e-6)
