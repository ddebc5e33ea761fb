"""Depth behind depthwise and grouped convolutions: pairs and mirror images inside each group (D-7, D-8, G-5)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from growth.support import Outcome, grow, plan_of
from torch.nn.functional import conv2d, gelu

from fptdsl.diagnostics import FptError

SPEC = """\
model Grouped {
  input image: float[3, 7, 7]
  stem: conv2d(6, 3, padding=1)
  gelu
  dw: conv2d(6, 3, padding=1, groups=6)
  gelu
  pw: conv2d(8, 1)
  gelu
  gc: conv2d(8, 3, padding=1, groups=2)
  batchnorm: batchnorm2d
  silu
  gd: conv2d(12, 3, padding=1, groups=4)
  silu
  up: conv_transpose2d(6, 3, stride=2, padding=1, output_padding=1)
  gelu
  first: conv2d(4, [1, 3], padding=[0, 1])
  relu
  second: conv2d(10, [3, 1], padding=[1, 0])
  relu
  flatten
  head: linear(5)
}
"""
PAIRED = "using netmorph(activation=paired)"


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "grouped.fpt"
    path.write_text(SPEC)
    return str(path)


KEPT = [
    ("deepen dw by 1 using r2r", "exact", {"dw_1.weight": (12, 1, 3, 3), "dw_2.weight": (6, 2, 3, 3)}),
    ("deepen dw by 1 to 24 using r2r", "exact", {"dw_1.weight": (24, 1, 3, 3), "dw_2.weight": (6, 4, 3, 3)}),
    ("deepen dw by 2 using r2r; widen pw by 2x", "exact", {"dw_4.weight": None}),
    ("deepen dw by 1 using r2r; widen stem by 2x using net2net", "exact", {"dw_1.weight": (24, 1, 3, 3)}),
    ("deepen gc by 1 using r2r", "exact", {"gc_1.weight": (8, 4, 3, 3), "gc_2.weight": (8, 4, 3, 3)}),
    ("deepen gd by 1 to 20 using r2r", "exact", {"gd_1.weight": (20, 3, 3, 3), "gd_2.weight": (12, 5, 3, 3)}),
    ("deepen up by 1 using r2r", "exact", {"up_1.weight": (6, 6, 3, 3)}),
    (f"deepen gc by 1 {PAIRED}", "eval-only", {"gc_1.weight": (16, 4, 3, 3), "gd.weight": (12, 4, 3, 3)}),
    (f"deepen pw by 1 {PAIRED}", "exact", {"pw_1.weight": (16, 8, 1, 1), "gc.weight": (8, 8, 3, 3)}),
    (f"deepen gd by 1 {PAIRED}", "exact", {"gd_1.weight": (24, 3, 3, 3)}),
    (f"deepen gd by 2 {PAIRED}; widen gc by 2x; widen stem by 3", "exact", {"gd_2.weight": None}),
    ("deepen first, second by 2", "bitwise", {"first_1.weight": (10, 10, 1, 3), "second_2.weight": (10, 10, 3, 1)}),
]


@pytest.mark.parametrize(("directive", "exactness", "shapes"), KEPT)
def test_the_function_is_kept(
    spec: str, directive: str, exactness: str, shapes: dict[str, tuple[int, ...] | None]
) -> None:
    outcome = grow(spec, directive)
    assert outcome.plan.exactness == exactness
    for name, shape in shapes.items():
        assert shape is None or tuple(outcome.grown[name].shape) == shape
        assert name in outcome.grown
    assert outcome.unrounded <= 1e-13
    assert outcome.stored <= 1e-11


def test_twins_lie_in_one_group(spec: str) -> None:
    """The branch by torch: depthwise twins, which the next depthwise layer takes with opposite signs."""
    outcome = grow(spec, "deepen dw by 1 using r2r")
    first, second = outcome.grown["dw_1.weight"].double(), outcome.grown["dw_2.weight"].double()
    assert bool((first[0::2] == first[1::2]).all())
    assert bool((second[:, 0] == -second[:, 1]).all())
    assert float(first.abs().min()) > 0
    assert float(second.abs().min()) > 0
    x = torch.randn(2, 6, 7, 7, dtype=torch.float64)
    bias = outcome.grown["dw_1.bias"].double(), outcome.grown["dw_2.bias"].double()
    inner = gelu(conv2d(x, first, bias[0], padding=1, groups=6))
    assert float(inner.abs().max()) > 0.1
    assert float(conv2d(inner, second, bias[1], padding=1, groups=6).abs().max()) < 1e-13


def _same_sign(outcome: Outcome) -> None:
    weight = outcome.grown["dw_2.weight"]
    weight[:, 1] = weight[:, 0]


def _unlike_twins(outcome: Outcome) -> None:
    outcome.grown["dw_1.weight"][1] = outcome.grown["dw_1.weight"][2]


def _twins_across_groups(outcome: Outcome) -> None:
    """Tiled in place of interleaved."""
    weight = outcome.grown["dw_1.weight"]
    outcome.grown["dw_1.weight"] = torch.cat([weight[0::2], weight[1::2]])


@pytest.mark.parametrize("fault", [_same_sign, _unlike_twins, _twins_across_groups])
def test_planted_faults_of_twins(spec: str, fault) -> None:  # type: ignore[no-untyped-def]
    outcome = grow(spec, "deepen dw by 1 using r2r")
    fault(outcome)
    assert outcome.error_of(outcome.grown) > 1e-4


@pytest.mark.parametrize(("name", "axis"), [("pw_1.weight", 0), ("gc.weight", 1)])
def test_planted_faults_of_mirror_images(spec: str, name: str, axis: int) -> None:
    outcome = grow(spec, f"deepen pw by 1 {PAIRED}")
    weight = outcome.grown[name]
    outcome.grown[name] = weight.index_select(axis, torch.arange(weight.shape[axis]).roll(1))
    assert outcome.error_of(outcome.grown) > 1e-4


def test_pairs_of_maxout_units_hold_all_their_pieces() -> None:
    settings = {"inputs": 12, "units": 6, "pieces": 3, "num_classes": 4}
    outcome = grow("maxout_mlp", "deepen layers.0.fc by 1 to 24 using r2r", settings=settings)
    assert outcome.unrounded <= 1e-14
    assert tuple(outcome.grown["layers.0.fc_1.weight"].shape) == (24, 6)
    first = outcome.grown["layers.0.fc_1.weight"].reshape(4, 2, 3, 6)
    assert bool((first[:, 0] == first[:, 1]).all())
    assert tuple(outcome.grown["layers.0.fc_2.weight"].shape) == (6, 8)
    outcome.grown["layers.0.fc_1.weight"][:3] += 0.1
    assert outcome.error_of(outcome.grown) > 1e-4


REFUSED = [
    ("deepen dw by 1 to 9 using r2r", "6 groups"),
    ("deepen gd by 1 to 4 using r2r", "4 groups"),
    (f"deepen stem by 1 {PAIRED}", "reads each of them by itself"),
    (f"deepen dw by 1 {PAIRED}", "no units of its own"),
]


@pytest.mark.parametrize(("directive", "words"), REFUSED)
def test_refused_with_the_reason(spec: str, directive: str, words: str) -> None:
    with pytest.raises(FptError) as refused:
        plan_of(spec, directive)
    assert words in refused.value.diagnostics[0].message
