"""Copies under a mean over the units (N-2, N-3, G-3), and of the pieces of a maxout (G-7)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from growth.support import grow, plan_of
from torch.nn.functional import conv2d, gelu, group_norm, layer_norm

from fptdsl.diagnostics import FptError

SPEC = """\
model Joined {
  input image: float[3, 6, 6]
  stem: conv2d(4, 3, padding=1)
  own: groupnorm(1)
  relu
  let h = identity
  a: conv2d(4, 1)
  b: conv2d(6, 3, padding=1) from h
  both: concat from a, b
  gn: groupnorm(1)
  gelu
  c: conv2d(5, 1)
  concat from both, c
  permute([0, 2, 3, 1])
  ln: layernorm
  permute([0, 3, 1, 2])
  parted: conv2d(12, 3, padding=1)
  four: groupnorm(4)
  relu
  flatten
  head: linear(5)
}
"""
MAXOUT: dict[str, object] = {"inputs": 12, "units": 6, "pieces": 3, "num_classes": 4}


@pytest.fixture
def joined(tmp_path: Path) -> str:
    path = tmp_path / "joined.fpt"
    path.write_text(SPEC)
    return str(path)


KEPT = [
    ("widen stem by 2x", {"net2net"}),
    ("widen stem to 12 using net2net(split=equal)", {"net2net"}),
    ("widen a by 2x; widen b by 2x; widen c by 2x", {"net2net"}),
    ("widen a by 3x; widen b by 3x using net2net(split=scalar); widen c by 3x", {"net2net"}),
    ("widen * by 2x", {"net2net", "netmorph"}),
    ("widen parted by 2x", {"netmorph"}),
    ("widen parted by 3 using r2r", {"r2r"}),
    ("widen parted to 15 using net2net", {"net2net"}),
    ("widen four num_groups to 7", {"netmorph"}),
]


@pytest.mark.parametrize(("directive", "methods"), KEPT)
def test_the_function_is_kept(joined: str, directive: str, methods: set[str]) -> None:
    outcome = grow(joined, directive)
    assert {step.method for step in outcome.plan.steps} == methods
    assert outcome.plan.exactness == "exact"
    assert outcome.unrounded <= 1e-13
    assert outcome.stored <= 1e-12


def test_norms_over_a_concatenation_by_torch(joined: str) -> None:
    outcome = grow(joined, "widen a by 2x; widen b by 2x; widen c by 2x")
    s = {name: values.double() for name, values in outcome.grown.items()}

    def conv(name: str, x: torch.Tensor, padding: int = 0) -> torch.Tensor:
        return conv2d(x, s[f"{name}.weight"], s[f"{name}.bias"], padding=padding)

    h = torch.relu(group_norm(conv("stem", outcome.inputs[0], 1), 1, s["own.weight"], s["own.bias"]))
    both = torch.cat([conv("a", h), conv("b", h, 1)], 1)
    c = conv("c", gelu(group_norm(both, 1, s["gn.weight"], s["gn.bias"])))
    joint = torch.cat([both, c], 1).permute(0, 2, 3, 1)
    x = layer_norm(joint, (30,), s["ln.weight"], s["ln.bias"]).permute(0, 3, 1, 2)
    x = torch.relu(group_norm(conv("parted", x, 1), 4, s["four.weight"], s["four.bias"]))
    new = x.flatten(1) @ s["head.weight"].T + s["head.bias"]
    old = outcome.old_outputs[0]
    assert float((new - old).abs().max() / old.abs().max()) <= 1e-13


@pytest.mark.parametrize("fault", ["copied twice", "unlike another", "norm left"])
def test_planted_faults(joined: str, fault: str) -> None:
    outcome = grow(joined, "widen a by 2x; widen b by 2x; widen c by 2x")
    state = outcome.grown
    if fault == "copied twice":
        for name in ("weight", "bias"):
            state[f"a.{name}"][5] = state[f"a.{name}"][4]
    elif fault == "unlike another":
        state["b.weight"][7] = 0.0
    else:
        state["ln.weight"][20:] = 1.0
    assert outcome.error_of(state) > 1e-4


REFUSED = [
    ("widen a by 2x", "must all be copied alike"),
    ("widen a by 2x; widen b by 2x", "`ln` takes a mean over these and other units"),
    ("widen a by 2x; widen b by 2x; widen c by 3x", "must all be copied alike"),
    ("widen a by 3; widen b by 2x; widen c by 2x", "copies of all alike"),
    ("widen a by 2x using r2r; widen b by 2x; widen c by 2x", "a mean over these units is taken"),
    ("widen stem by 5", "copies of all alike"),
]


@pytest.mark.parametrize(("directive", "words"), REFUSED)
def test_unlike_copies_are_refused(joined: str, directive: str, words: str) -> None:
    with pytest.raises(FptError) as refused:
        plan_of(joined, directive)
    assert any(words in d.message and d.hint for d in refused.value.diagnostics)


def test_a_further_norm_over_more_units_is_seen(tmp_path: Path) -> None:
    """The first norm is over these units alone, the second over others too."""
    spec = tmp_path / "two.fpt"
    spec.write_text(
        "model Two {\n  input x: float[5]\n  a: linear(4)\n  one: layernorm\n  b: linear(3)\n"
        "  concat from one, b\n  two: layernorm\n  head: linear(2)\n}\n"
    )
    with pytest.raises(FptError) as refused:
        plan_of(str(spec), "widen a by 2x")
    assert "`two` takes a mean over these and other units" in refused.value.diagnostics[0].message
    assert grow(str(spec), "widen a by 2x; widen b by 2x").unrounded <= 1e-13


# --- pieces of a maxout ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "directive",
    [
        "widen layers.0 pieces to 4",
        "widen layers.* pieces to 7",
        "widen layers.1 pieces by 2; widen layers.0.fc by 2x; deepen layers by 1",
    ],
)
def test_pieces_are_copied(directive: str) -> None:
    outcome = grow("maxout_mlp", directive, settings=MAXOUT)
    assert outcome.plan.exactness in ("exact", "eval-only")
    assert outcome.unrounded <= 1e-14
    assert any("equal gradients" in warning for warning in outcome.plan.warnings)


def test_each_unit_gets_pieces_of_its_own() -> None:
    outcome = grow("maxout_mlp", "widen layers.0 pieces to 5", settings=MAXOUT)
    old = outcome.state["layers.0.fc.weight"].reshape(6, 3, 12)
    new = outcome.grown["layers.0.fc.weight"].reshape(6, 5, 12)
    assert bool((new[:, :3] == old).all())
    for unit in range(6):
        for piece in new[unit, 3:]:
            assert any(bool((piece == each).all()) for each in old[unit])
    swapped = outcome.grown["layers.0.fc.weight"].reshape(6, 5, 12)
    swapped[:, 4] = swapped[:, 4].roll(1, 0)
    assert outcome.error_of(outcome.grown) > 1e-4


@pytest.mark.parametrize("method", ["r2r", "netmorph", "netmorph(zero=in)"])
def test_new_pieces_that_are_no_copies_are_refused(method: str) -> None:
    with pytest.raises(FptError) as refused:
        plan_of("maxout_mlp", f"widen layers.0 pieces to 4 using {method}", settings=MAXOUT)
    assert refused.value.diagnostics[0].code == "F310"


# --- what is said of units that are positions ------------------------------------------------------


def test_units_that_are_positions_are_explained() -> None:
    settings = {"width": 6, "depth": 2, "tokens": 5, "channels": 7, "patch": 4, "size": 16, "num_classes": 5}
    with pytest.raises(FptError) as refused:
        plan_of("mlp_mixer", "widen blocks.0.mlp_tokens.fc2 by 5", settings=settings)
    told = refused.value.diagnostics[0]
    assert "positions (height, width or length)" in told.message
    assert "channels" in (told.hint or "")
    with pytest.raises(FptError) as refused:
        plan_of("mlp_mixer", "widen stem.proj by 5", settings=settings)
    told = refused.value.diagnostics[0]
    assert "what `blocks.0.norm1` gives for each unit" in told.message
    assert told.hint == "widen to a multiple of 6"
    assert grow("mlp_mixer", "widen stem.proj to 12", settings=settings).unrounded <= 1e-13
