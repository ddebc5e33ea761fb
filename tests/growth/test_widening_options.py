"""Options of the widening methods: projection, scale, variance transfer, and the baselines."""

from __future__ import annotations

import pytest
from growth.support import grow, plan_of, relative_error, run

from fptdsl.diagnostics import FptError

CIFAR = "tests/growth/specs/small_cifar.fpt"
DEEP = "tests/growth/specs/deepening.fpt"


def test_projection_is_exact_and_parts_the_copies() -> None:
    outcome = grow(CIFAR, "widen * by 1.5x using net2net(split=projection)")
    assert outcome.plan.exactness == "exact"
    assert outcome.unrounded <= 1e-12
    # The shares lie on no grid with the old weight: rounding shows (S-4).
    assert outcome.stored <= 1e-6
    assert grow(CIFAR, "widen * by 1.5x using net2net(split=projection)", dtype="float64").stored <= 1e-12


def test_projection_is_the_nearest_to_a_fresh_kernel() -> None:
    """Shares of a class differ from the fresh values by one and the same amount, so they are no multiples."""
    outcome = grow(CIFAR, "widen layer1.0.conv1 to 32 using net2net(split=projection)", dtype="float64")
    classes = outcome.plan.tables[0].classes
    reader, old = outcome.grown["layer1.0.conv2.weight"], outcome.state["layer1.0.conv2.weight"]
    for unit in range(16):
        members = [place for place, source in enumerate(classes) if source == unit]
        assert float((reader[:, members].sum(1) - old[:, unit]).abs().max()) <= 1e-15
        if len(members) > 1:
            ratio = reader[:, members[0]] / old[:, unit]
            assert float(ratio.std()) > 0.1


@pytest.mark.parametrize(
    ("directive", "exactness", "error"),
    [
        ("widen seq.0 by 4 using r2r(transfer=true)", "exact", 1e-12),
        ("widen bottleneck.0.conv1 by 4 using r2r(transfer=true)", "approximate", float("inf")),
        ("widen conv1 by 4 using r2r(transfer=true)", "approximate", float("inf")),
        ("widen conv2 by 3 using r2r(transfer=true)", "approximate", float("inf")),
    ],
)
def test_variance_transfer_is_exact_where_everything_scales(directive: str, exactness: str, error: float) -> None:
    outcome = grow(DEEP, directive)
    assert outcome.plan.exactness == exactness
    assert outcome.unrounded <= error
    if exactness == "approximate" and "conv1 by 4" in directive and "bottleneck" not in directive:
        assert outcome.unrounded > 1e-4  # GELU does not scale
        assert any("changes it" in warning for warning in outcome.plan.warnings)


def test_variance_transfer_scales_old_units_up_and_their_readers_down() -> None:
    outcome = grow(DEEP, "widen seq.0 by 9 using r2r(transfer=true)", dtype="float64")
    factor = 2**0.5
    new, old = outcome.grown, outcome.state
    assert float((new["seq.0.weight"][:9] - factor * old["seq.0.weight"]).abs().max()) <= 1e-15
    assert float((new["seq.0.bias"][:9] - factor * old["seq.0.bias"]).abs().max()) <= 1e-15
    assert float((new["seq.2.weight"][:, :9] - old["seq.2.weight"] / factor).abs().max()) <= 1e-15


def test_variance_transfer_without_the_readers_is_seen() -> None:
    outcome = grow(DEEP, "widen seq.0 by 4 using r2r(transfer=true)")
    state = dict(outcome.grown)
    state["seq.2.weight"] = state["seq.2.weight"] * 1.2
    assert relative_error(run(outcome.plan.new, state, outcome.inputs), outcome.old_outputs) > 1e-4


@pytest.mark.parametrize(("scale", "told"), [(1.0, False), (2.0, False), (3.0, True), (9.9, True)])
def test_large_fresh_values_are_warned_of(scale: float, told: bool) -> None:
    plan = plan_of(CIFAR, f"widen layer1.0.conv1 to 20 using r2r(scale={scale})")
    assert any("cost digits" in warning for warning in plan.warnings) == told


@pytest.mark.parametrize("scale", [10, 100])
def test_fresh_values_at_the_cliff_are_refused(scale: int) -> None:
    with pytest.raises(FptError, match="cancel to rounding errors") as caught:
        plan_of(CIFAR, f"widen layer1.0.conv1 to 20 using r2r(scale={scale})")
    assert "below 10" in (caught.value.diagnostics[0].hint or "")


def test_a_fresh_initialisation_changes_what_it_touches_and_nothing_else() -> None:
    outcome = grow(CIFAR, "widen layer1.0.conv1 to 24 using random_init")
    assert outcome.plan.exactness == "baseline"
    assert outcome.unrounded > 1e-3
    touched = {"layer1.0.conv1.weight", "layer1.0.conv2.weight"}
    touched |= {f"layer1.0.bn1.{part}" for part in ("weight", "bias", "running_mean", "running_var")}
    changed = {t.name for t in outcome.plan.tensors if t.action != "keep"}
    assert changed == touched
    assert outcome.grown["layer1.0.conv1.weight"].shape == (24, 16, 3, 3)
    assert not bool((outcome.grown["layer1.0.conv1.weight"][:16] == outcome.state["layer1.0.conv1.weight"]).any())
    assert outcome.grown["layer1.0.bn1.running_var"].tolist() == [1.0] * 24
    assert float(outcome.grown["layer1.0.conv1.weight"].std()) == pytest.approx((16 * 9) ** -0.5, rel=0.1)
