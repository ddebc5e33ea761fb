"""Every method at every kind of place keeps the function: unrounded to 1e-12, as stored to 1e-11."""

from __future__ import annotations

import numpy as np
import pytest
from growth.support import grow

MIXTURE = "tests/growth/specs/mixture.fpt"
CIFAR = "tests/growth/specs/small_cifar.fpt"

KEPT = [
    (CIFAR, "widen layer2 to 64; deepen layer3 by 2", "exact"),
    (CIFAR, "widen layer1 to 32 using net2net", "exact"),
    (CIFAR, "widen * by 2x using net2net(split=equal)", "exact"),
    (CIFAR, "widen * by 1.5x using net2net(split=scalar)", "exact"),
    (CIFAR, "widen * by 1.4x using r2r", "exact"),
    (CIFAR, "widen * by 2x using netmorph(zero=in)", "exact"),
    (CIFAR, "widen layer1.*.conv1 to 24", "exact"),
    (CIFAR, "deepen layer1.0.conv1 by 1", "eval-only"),
    (CIFAR, "deepen layer2 by 3 interleaved; widen layer1 by 3", "exact"),
    (
        CIFAR,
        "deepen layer2.0.conv2 by 2; widen layer2.*.conv1 by 5 using net2net; deepen layer1.*.conv1 by 1",
        "eval-only",
    ),
    (CIFAR, "deepen conv1 by 2 as stem", "eval-only"),
    (MIXTURE, "widen * by 2x", "exact"),
    (MIXTURE, "widen * by 2x using net2net", "eval-only"),
    (MIXTURE, "widen * by 2x using r2r", "eval-only"),
    (MIXTURE, "widen stem by 5 using net2net(split=scalar)", "exact"),
    (MIXTURE, "widen stem by 5 using netmorph(zero=in)", "exact"),
    (MIXTURE, "widen mb.0.expand by 7 using net2net", "exact"),
    (MIXTURE, "widen gc to 48", "exact"),
    (MIXTURE, "widen gc to 36 using net2net", "exact"),
    (MIXTURE, "widen gc groups to 6", "exact"),
    (MIXTURE, "widen g1 to 15", "exact"),
    (MIXTURE, "widen sh to 20 using r2r", "exact"),
    (MIXTURE, "widen d1 by 2x", "exact"),
    (MIXTURE, "widen inc to 32", "exact"),
    (MIXTURE, "widen up to 20 using net2net", "exact"),
    (MIXTURE, "widen fc1 to 30 using net2net", "eval-only"),
    (MIXTURE, "widen * to multiple of 8", "exact"),
    (MIXTURE, "deepen mb by 2", "bitwise"),
    (MIXTURE, "deepen inc.b.c by 1", "eval-only"),
    (MIXTURE, "deepen inc.a.c by 1", "bitwise"),
    (MIXTURE, "deepen d1.r by 2; widen d1.r by 2x using net2net", "exact"),
    (MIXTURE, "deepen gc by 1", "bitwise"),
    (MIXTURE, "deepen sh by 1", "bitwise"),
]


@pytest.mark.parametrize(("spec", "directives", "exactness"), KEPT)
def test_function_is_kept(spec: str, directives: str, exactness: str) -> None:
    outcome = grow(spec, directives)
    assert outcome.plan.exactness == exactness
    assert outcome.plan.new.parameters() > outcome.plan.old.parameters()
    assert outcome.unrounded <= 1e-12
    assert outcome.stored <= 1e-11
    if exactness == "bitwise":
        assert outcome.stored == 0.0


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
@pytest.mark.parametrize("using", ["netmorph", "net2net", "net2net(split=equal)", "r2r"])
def test_shares_lie_on_the_grid_of_every_dtype(dtype: str, using: str) -> None:
    """S-1, S-2: as stored, widening costs nothing in any file dtype."""
    outcome = grow(CIFAR, f"widen * by 1.4x using {using}", dtype=dtype)
    assert outcome.stored <= 1e-14


@pytest.mark.parametrize(
    ("dtype", "limit"), [("float64", 1e-14), ("float32", 1e-11), ("float16", 1e-4), ("bfloat16", 1e-2)]
)
def test_identity_norms_are_as_near_as_the_grid_allows(dtype: str, limit: float) -> None:
    outcome = grow(CIFAR, "deepen layer1.*.conv1 by 1", dtype=dtype)
    assert outcome.unrounded <= 1e-12
    assert outcome.stored <= limit


@pytest.mark.parametrize(
    ("using", "exactness", "least", "most"),
    [("random_pad", "baseline", 1e-2, float("inf")), ("net2net(noise=0.001)", "approximate", 1e-6, 1e-1)],
)
def test_what_is_not_exact_says_so(using: str, exactness: str, least: float, most: float) -> None:
    outcome = grow(CIFAR, f"widen * by 1.5x using {using}")
    assert outcome.plan.exactness == exactness
    assert least < outcome.unrounded < most


def test_old_values_stay_where_readers_are_zero() -> None:
    """W-4: every old tensor is a corner of the new one, bit by bit."""
    outcome = grow(CIFAR, "widen layer1.*.conv1 to 24")
    old, new = outcome.state["layer1.0.conv1.weight"], outcome.grown["layer1.0.conv1.weight"]
    assert new.shape == (24, 16, 3, 3)
    assert bool((new[:16] == old).all())
    reader = outcome.grown["layer1.0.conv2.weight"]
    assert bool((reader[:, :16] == outcome.state["layer1.0.conv2.weight"]).all())
    assert float(reader[:, 16:].abs().max()) == 0.0
    assert float(new[16:].std()) == pytest.approx(float(old.std()), rel=0.1)


def test_same_seed_same_bytes_and_other_seed_other_bytes() -> None:
    first, again = (grow(CIFAR, "widen layer1 to 20 using net2net", seed=3).grown for _ in range(2))
    other = grow(CIFAR, "widen layer1 to 20 using net2net", seed=4).grown
    assert all(bool((first[name] == again[name]).all()) for name in first)
    assert any(not bool((first[name] == other[name]).all()) for name in first)


def test_copies_of_one_unit_are_equal_rows_and_shares_sum_to_the_old_weight() -> None:
    """(L1) and (L2) on the tensors themselves, in the arithmetic of the file."""
    outcome = grow(CIFAR, "widen layer1.0.conv1 to 40 using net2net")
    classes = outcome.plan.tables[0].classes
    writer, reader = outcome.grown["layer1.0.conv1.weight"], outcome.grown["layer1.0.conv2.weight"].double()
    for unit in range(16):
        members = [position for position, source in enumerate(classes) if source == unit]
        assert all(bool((writer[m] == outcome.state["layer1.0.conv1.weight"][unit]).all()) for m in members)
        summed = reader[:, members].sum(dim=1)
        assert bool((summed == outcome.state["layer1.0.conv2.weight"][:, unit].double()).all())
    assert np.bincount(classes).max() > 2


@pytest.mark.parametrize(
    ("spec", "directives"),
    [
        (CIFAR, "enlarge layer1.*.conv1 kernel_size to 5"),
        (CIFAR, "enlarge conv1 kernel_size to (3, 7)"),
        (CIFAR, "branch layer1.0.conv2 into 3"),
        (CIFAR, "branch linear into 2; enlarge layer2.0.conv1 kernel_size to 7; widen layer2 to 64 using net2net"),
        (CIFAR, "widen layer1 to 20 using r2r; branch layer1.1.conv2 into 2; enlarge layer1.1.conv1 kernel_size to 5"),
        (MIXTURE, "enlarge stem kernel_size to 5; branch gc into 2; enlarge up kernel_size to 4"),
        (MIXTURE, "branch inc.a.c into 2; enlarge mb.*.dw kernel_size to 7; branch fc1 into 4"),
    ],
)
def test_layers_in_another_form_keep_the_function(spec: str, directives: str) -> None:
    outcome = grow(spec, directives)
    assert outcome.plan.exactness == "exact"
    assert outcome.unrounded <= 1e-12
    assert outcome.stored <= 1e-11


def test_shares_of_a_branched_layer_add_up_on_the_grid() -> None:
    outcome = grow(CIFAR, "branch layer1.0.conv2 into 3")
    parts = [outcome.grown[f"layer1.0.{key}.weight"].double() for key in ("conv2", "conv2_1", "conv2_2")]
    assert bool((sum(parts) == outcome.state["layer1.0.conv2.weight"].double()).all())
