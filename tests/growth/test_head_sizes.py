"""The size of heads: of the values it grows, of queries and keys that turn it does not (T-5, T-6)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from growth.support import plan_of, random_inputs, random_state, relative_error, run, unrounded_state

from fptdsl.diagnostics import FptError

SPEC = """\
block Attention(heads, kv_heads, qk_dim, v_dim, rotate) {{
  q: linear(heads * qk_dim)
  let queries = split_heads(heads)
  k: linear(kv_heads * qk_dim) from input
  let keys = split_heads(kv_heads)
  v: linear(kv_heads * v_dim) from input
  let values = split_heads(kv_heads)
  let turned = {{ if rotate {{ rotary from queries }} else {{ identity from queries }} }}
  attention(causal=true) from turned, keys, values
  o: linear(6)
}}

model M {{
  input x: float[seq, 6]
  attn: Attention(4, 2, 4, 3, {rotate})
  output attn
}}
"""


@pytest.fixture
def spec(tmp_path: Path) -> str:
    (tmp_path / "plain.fpt").write_text(SPEC.format(rotate="false"))
    (tmp_path / "rotated.fpt").write_text(SPEC.format(rotate="true"))
    return str(tmp_path / "plain.fpt")


@pytest.mark.parametrize("method", ["netmorph", "netmorph(zero=in)", "r2r", "net2net"])
def test_the_size_of_values_grows_inside_each_head(spec: str, method: str) -> None:
    plan = plan_of(spec, f"widen attn v_dim to 5 using {method}")
    assert plan.new.tensors["attn.v.weight"].shape == (10, 6)
    assert plan.new.tensors["attn.o.weight"].shape == (6, 20)
    assert plan.new.tensors["attn.q.weight"].shape == (16, 6)
    state, inputs = random_state(plan.old, seed=3), random_inputs(plan.old, 2)
    before = run(plan.old, state, inputs)
    grown = unrounded_state(plan, state)
    assert relative_error(run(plan.new, grown, inputs), before) <= 1e-12

    def appended(weight: torch.Tensor) -> torch.Tensor:
        """The new units of all heads behind the old ones."""
        parts = weight.reshape(2, 5, -1)
        return torch.cat([parts[:, :3].flatten(0, 1), parts[:, 3:].flatten(0, 1)]).reshape(weight.shape)

    for name in ("attn.v.weight", "attn.v.bias"):
        grown[name] = appended(grown[name])
    assert relative_error(run(plan.new, grown, inputs), before) > 0.01


@pytest.mark.parametrize(
    ("name", "size", "words"),
    [
        ("rotated.fpt", "qk_dim", "inv_freq depends on head_dim"),
        ("plain.fpt", "dim", "no size called `dim`"),
    ],
)
def test_refusals(spec: str, name: str, size: str, words: str) -> None:
    with pytest.raises(FptError) as caught:
        plan_of(str(Path(spec).with_name(name)), f"widen attn {size} to 6")
    assert words in caught.value.diagnostics[0].message
