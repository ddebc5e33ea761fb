"""What directives ask for: the sizes, consequences and refusals of ``docs/language.md``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from growth.support import plan_of

from fptdsl.diagnostics import FptError
from fptdsl.growth.plan import Plan
from fptdsl.growth.recipe import Table

CIFAR = "tests/growth/specs/small_cifar.fpt"
MIXTURE = "tests/growth/specs/mixture.fpt"


def shape(plan: Plan, name: str) -> tuple[int, ...]:
    return plan.new.tensors[name].shape


def argument(plan: Plan, node: str, name: str) -> int:
    return next(getattr(n.args, name) for n in plan.new.nodes if n.name == node)


def test_a_stage_with_padded_shortcuts() -> None:
    """The example of the language reference: layer2 to 64."""
    plan = plan_of(CIFAR, "widen layer2 to 64")
    assert shape(plan, "layer2.0.conv1.weight") == (64, 16, 3, 3)
    assert shape(plan, "layer2.0.conv2.weight") == (64, 64, 3, 3)
    assert shape(plan, "layer1.2.conv2.weight") == (16, 16, 3, 3)
    assert argument(plan, "layer2.0.pad_channels", "before") == 24
    assert argument(plan, "layer2.0.pad_channels", "after") == 24
    assert shape(plan, "layer3.0.conv1.weight") == (64, 64, 3, 3)
    assert shape(plan, "layer3.0.conv2.weight") == (96, 64, 3, 3)
    assert argument(plan, "layer3.0.pad_channels", "before") == 16
    assert shape(plan, "linear.weight") == (10, 96)
    (tie,) = plan.steps[0].ties
    assert (tie.path, tie.old, tie.new) == ("layer3", 64, 96)
    assert "layer3.0" in tie.cause


def test_an_early_stage_widens_all_later_ones() -> None:
    """G-2, consequence 3."""
    plan = plan_of(CIFAR, "widen layer1 to 32")
    assert {(t.path, t.old, t.new) for t in plan.steps[0].ties} == {
        ("conv1", 16, 32),
        ("layer2", 32, 48),
        ("layer3", 64, 80),
    }
    assert shape(plan, "conv1.weight") == (32, 3, 3, 3)
    assert shape(plan, "layer2.0.conv1.weight") == (32, 32, 3, 3)
    assert shape(plan, "layer2.0.conv2.weight") == (48, 32, 3, 3)


def test_the_whole_model_by_a_factor() -> None:
    plan = plan_of(CIFAR, "widen * by 2x")
    assert [shape(plan, f"layer{k}.1.conv2.weight")[0] for k in (1, 2, 3)] == [32, 64, 128]
    assert argument(plan, "layer3.0.pad_channels", "before") == 32
    assert [s.path for s in plan.skipped] == ["linear"]


def test_a_dense_block_multiplies_what_it_writes() -> None:
    plan = plan_of(MIXTURE, "widen d1 by 2x")
    assert shape(plan, "d1.r.weight")[0] == 20
    assert shape(plan, "d1.c.weight")[0] == 12
    assert shape(plan, "up.weight")[0] == 24 + 12


def test_a_dense_block_to_a_width() -> None:
    """r = (N - passing) / written = (36 - 24) / 6."""
    plan = plan_of(MIXTURE, "widen d1 to 36")
    assert shape(plan, "d1.c.weight")[0] == 12
    assert shape(plan, "d1.r.weight")[0] == 20


def test_by_counts_from_the_old_size_and_ties_count_towards_it() -> None:
    plan = plan_of(CIFAR, "widen layer1 to 32; widen layer2.*.conv2 by 16")
    assert shape(plan, "layer2.0.conv2.weight")[0] == 48


def test_to_multiple_of() -> None:
    plan = plan_of(CIFAR, "widen layer1.*.conv1 to multiple of 24")
    assert shape(plan, "layer1.0.conv1.weight")[0] == 24


def test_the_more_specific_path_wins() -> None:
    plan = plan_of(CIFAR, "widen * by 2x; widen layer1.0.conv1 to 40; widen layer1.*.conv1 to 36")
    assert shape(plan, "layer1.0.conv1.weight")[0] == 40
    assert shape(plan, "layer1.1.conv1.weight")[0] == 36
    assert shape(plan, "layer2.1.conv1.weight")[0] == 64


@pytest.mark.parametrize(
    "directives",
    [
        ("widen layer2 to 64", "deepen layer3 by 2", "widen layer1.0.conv1 to 24 using net2net"),
        ("widen * by 1.5x", "widen layer1.*.conv1 to 40", "deepen layer2.1.conv1 by 1"),
    ],
)
def test_the_order_of_directives_does_not_matter(directives: tuple[str, ...]) -> None:
    forwards, backwards = plan_of(CIFAR, "; ".join(directives)), plan_of(CIFAR, "; ".join(reversed(directives)))
    assert forwards.tensors == backwards.tensors
    assert [_values(table) for table in forwards.tables] == [_values(table) for table in backwards.tables]
    assert forwards.spec == backwards.spec


def _values(table: Table) -> dict[str, object]:
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(table).items()}


def test_a_repeated_directive_counts_once() -> None:
    assert len(plan_of(CIFAR, "deepen layer3 by 1; deepen layer3 by 1").new.regions) == len(
        plan_of(CIFAR, "deepen layer3 by 1").new.regions
    )


def test_new_blocks_have_the_final_widths_of_the_old() -> None:
    plan = plan_of(CIFAR, "widen layer1.*.conv1 to 24; deepen layer1 by 1")
    assert shape(plan, "layer1.3.conv1.weight") == (24, 16, 3, 3)


def test_paths_mean_the_network_before_growth() -> None:
    plan = plan_of(CIFAR, "deepen layer1 by 2 at start; widen layer1.0.conv1 to 24")
    assert shape(plan, "layer1.2.conv1.weight")[0] == 24
    renamed = {t.source: t.name for t in plan.tensors if t.action == "rename"}
    assert renamed["layer1.2.bn2.weight"] == "layer1.4.bn2.weight"


def test_groups_of_a_grouped_convolution_grow_whole() -> None:
    plan = plan_of(MIXTURE, "widen gc to 48")
    assert argument(plan, "gc", "groups") == 8
    assert shape(plan, "gc.weight") == (48, 3, 3, 3)
    assert shape(plan, "g1.weight")[0] == 24


def test_a_pattern_passes_over_what_cannot_grow() -> None:
    plan = plan_of(CIFAR, "widen ** by 2x")
    assert shape(plan, "layer3.1.conv2.weight")[0] == 128
    assert "linear" in {skipped.path for skipped in plan.skipped}


def test_a_depthwise_layer_takes_no_width_of_its_own(tmp_path: Path) -> None:
    spec = tmp_path / "depthwise.fpt"
    spec.write_text(
        "model M { input x: float[3, 8, 8]; a: conv2d(4, 1); relu; dw: conv2d(4, 3, padding=1, groups=4); relu\n"
        "global_avgpool; c: linear(2) }"
    )
    assert plan_of(str(spec), "deepen dw by 1").new.tensors["dw_1.weight"].shape == (4, 1, 3, 3)
    with pytest.raises(FptError) as caught:
        plan_of(str(spec), "deepen dw by 1 to 8")
    assert "is depthwise" in caught.value.diagnostics[0].message


def test_several_repeats_are_deepened_each() -> None:
    plan = plan_of(CIFAR, "deepen layer1, layer2, layer3 by 1")
    assert {"layer1.3.conv1.weight", "layer2.3.conv1.weight", "layer3.3.conv1.weight"} <= set(plan.new.tensors)


def test_names_of_values_are_not_captured(tmp_path: Path) -> None:
    spec = tmp_path / "named.fpt"
    spec.write_text(
        "model M { input x: float[4, 8, 8]; a: conv2d(4, 3, padding=1); let a_1 = relu; b: conv2d(4, 3, padding=1)\n"
        "add from a_1, b; global_avgpool; c: linear(2) }"
    )
    assert "a_2.weight" in plan_of(str(spec), "deepen a by 1").new.tensors
    with pytest.raises(FptError) as caught:
        plan_of(str(spec), "deepen b by 1 as a_1")
    assert caught.value.diagnostics[0].code == "F324"


def test_what_nothing_would_read_is_not_inserted(tmp_path: Path) -> None:
    spec = tmp_path / "heads.fpt"
    spec.write_text(
        "model M { input x: float[4]; a: linear(6); relu; m: linear(3); h: linear(2) from a\n"
        "output first: a; output second: h }"
    )
    with pytest.raises(FptError) as caught:
        plan_of(str(spec), "deepen m by 1")
    assert caught.value.diagnostics[0].code == "F323"
    assert "nothing would read" in caught.value.diagnostics[0].message


REFUSED = [
    (CIFAR, "widen conv1 to 200000000", "F309", "the most that can be planned"),
    (CIFAR, "widen * by 9999999x", "F309", "the most that can be planned"),
    (CIFAR, "widen **.linear by 2", "F304", "nothing that the path matches"),
    (CIFAR, "branch * into 2", "F320", "the whole model"),
    (CIFAR, "deepen * by 1", "F320", "the whole model"),
    (CIFAR, "widen conv1 to 8", "F303", "cannot shrink"),
    (CIFAR, "widen layer2 by 0.5x", "F303", "shrinks"),
    (CIFAR, "widen linear to 20", "F304", "the model's output"),
    (CIFAR, "widen layer1 to 32; widen layer2 to 40", "F305", "other layers make it 48"),
    (CIFAR, "widen conv1 to 20; widen conv1 to 24", "F305", "cannot be both"),
    (MIXTURE, "widen inc to 33", "F306", "cannot be widened so"),
    (CIFAR, "widen * to 64", "F306", "ambiguous"),
    (CIFAR, "widen layer1.0.conv1 kernel_size to 5", "F308", "no size called"),
    (CIFAR, "widen layr2 to 64", "F301", "matches nothing"),
    (CIFAR, "deepen layer1.*.bn1 by 1", "F320", "not a layer"),
    (CIFAR, "deepen layer2 by 1 at start", "F322", "changes the shape comes first"),
    (CIFAR, "deepen layer2 by 1 after 7", "F323", "nothing comes after 7"),
    (CIFAR, "deepen layer2 by 1 using net2net", "F321", "does not apply"),
    (CIFAR, "deepen layer1.0.conv1 by 1; require exact", "F330", "eval-only"),
    (CIFAR, "widen * by 4x; require params <= 1M", "F330", "parameters"),
    (CIFAR, "widen * by 4x; require ratio <= 2.0", "F330", "times the parameters"),
    (MIXTURE, "widen gc to 37", "F306", "groups"),
    (MIXTURE, "deepen mb.0.dw by 1", "F321", "not idempotent"),
    (MIXTURE, "deepen fc1 by 1", "F321", "not idempotent"),
]


@pytest.mark.parametrize(("spec", "directives", "code", "words"), REFUSED)
def test_refusals_name_the_reason(spec: str, directives: str, code: str, words: str) -> None:
    with pytest.raises(FptError) as caught:
        plan_of(spec, directives)
    first = caught.value.diagnostics[0]
    assert first.code == code
    assert words in first.message
    assert first.span is not None


def test_zeros_do_not_pass_a_sigmoid(tmp_path: Path) -> None:
    spec = tmp_path / "sigmoid.fpt"
    spec.write_text("model M { input x: float[8]; a: linear(6); sigmoid; b: linear(3) }")
    with pytest.raises(FptError) as caught:
        plan_of(str(spec), "widen a by 2 using netmorph(zero=in)")
    assert caught.value.diagnostics[0].code == "F310"
    assert "makes something of zero" in caught.value.diagnostics[0].message


def test_deepening_after_a_sigmoid_is_refused_with_the_reason(tmp_path) -> None:  # type: ignore[no-untyped-def]
    spec = tmp_path / "sigmoid.fpt"
    spec.write_text("model M { input x: float[8]; a: linear(6); sigmoid; b: linear(3) }")
    with pytest.raises(FptError) as caught:
        plan_of(str(spec), "deepen a by 1")
    assert "`sigmoid` is not idempotent" in caught.value.diagnostics[0].message
    assert caught.value.diagnostics[0].hint


def test_all_faults_of_a_run_are_reported_together() -> None:
    with pytest.raises(FptError) as caught:
        plan_of(CIFAR, "widen layr2 to 64; widen conv1 to 8; deepen bar by 1; deepen bn1 by 1; branch bn1 into 2")
    assert [d.code for d in caught.value.diagnostics] == ["F301", "F303", "F301", "F320", "F320"]


@pytest.mark.parametrize(
    ("directive", "code", "words"),
    [
        ("enlarge conv1 kernel_size to 4", "F321", "asymmetric"),
        ("enlarge conv1 kernel_size to 1", "F303", "cannot shrink"),
        ("enlarge linear kernel_size to 3", "F308", "no size"),
        ("enlarge layer1 kernel_size to 3", "F320", "not a layer with a kernel"),
        ("branch bn1 into 2", "F320", "not a layer with a kernel"),
        ("branch conv1 into 2; enlarge conv1 kernel_size to 5", "F305", "two new forms"),
    ],
)
def test_refusals_of_new_forms(directive: str, code: str, words: str) -> None:
    with pytest.raises(FptError) as caught:
        plan_of(CIFAR, directive)
    assert caught.value.diagnostics[0].code == code
    assert words in caught.value.diagnostics[0].message
