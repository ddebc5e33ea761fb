"""Every method of deepening at every kind of place: exact, respelled, seen when wrong, refused with a way out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from growth.support import Outcome, StateDict, grow, plan_of

from fptdsl.architecture import elaborate, lower
from fptdsl.architecture.digest import same
from fptdsl.diagnostics import FptError
from fptdsl.growth import make_plan
from fptdsl.growth.respell import respell
from fptdsl.growth.respell.check import standalone
from fptdsl.language import load, parse
from fptdsl.language.document import Document

SPEC = "tests/growth/specs/deepening.fpt"
PAIRED = "using netmorph(activation=paired)"
FACTOR = "using netmorph(factor=true)"

KEPT = [
    # Wider than what comes in, in one step (D-6).
    ("deepen conv3 by 1 to 20", "exact"),
    ("deepen conv3 by 2 to 20 using net2net", "exact"),
    ("deepen seq.0 by 1 to 20; widen seq.0 by 4 using net2net", "exact"),
    ("deepen conv1 by 1 to 20 using netmorph; widen conv1 by 3", "exact"),
    # A parametric activation (D-11).
    ("deepen conv1 by 2 using netmorph", "bitwise"),
    ("deepen conv2 by 1 using netmorph", "eval-only"),
    ("deepen fc1 by 1 using netmorph", "bitwise"),
    ("deepen fc2 by 1 using netmorph", "bitwise"),
    ("deepen seq.2 by 1 using netmorph", "bitwise"),
    ("deepen soft by 1 using netmorph", "bitwise"),
    # Branches that cancel (D-8).
    ("deepen plain by 1 using r2r; widen plain by 1.5x using net2net", "exact"),
    ("deepen bottleneck by 2 using r2r", "eval-only"),
    ("deepen bottleneck by 1 using r2r; widen bottleneck by 1.5x using r2r", "eval-only"),
    ("deepen pre by 1 at start using r2r", "exact"),
    ("deepen conv1 by 1 to 7 using r2r", "exact"),
    ("deepen conv2 by 2 using r2r; widen conv2 by 3 using net2net", "exact"),
    ("deepen fc1 by 1 using r2r", "exact"),
    ("deepen seq.0 by 1 to 20 using r2r", "exact"),
    # Mirror images (D-7).
    (f"deepen conv1 by 1 {PAIRED}", "exact"),
    (f"deepen conv2 by 1 {PAIRED}; widen conv2 by 3", "eval-only"),
    (f"deepen conv1 by 1 to 30 {PAIRED}; widen conv2 by 3 using net2net", "exact"),
    # Maxout (D-5).
    ("deepen mo1 by 1", "bitwise"),
    ("deepen mo2 by 2", "bitwise"),
    ("deepen mo1 by 1; widen mo1 by 2x using net2net", "exact"),
]
DRIFTING = [
    # No grid solution: the class stays exact, the file's rounding shows (S-4).
    f"deepen seq.2 by 1 {PAIRED}",
    f"deepen fc1 by 1 {FACTOR}",
    f"deepen fc1 by 1 to 12 {FACTOR}",
    f"deepen fc1 by 1 to 64 {FACTOR}; widen fc1 by 30 using net2net; widen seq.2 by 2",
    f"deepen conv3 by 1 {FACTOR}",
    f"deepen conv2 by 1 to 12 {FACTOR}",
    f"deepen conv3 by 1 to 9 {FACTOR}",
    f"deepen seq.0 by 1 {FACTOR}",
    "deepen seq.0 by 1 to 30 using netmorph(factor=true, kernel=3)",
]


def respelled(directives: str) -> str:
    """The grown spec of a plan, held against the grown network."""
    document = load(SPEC, grow=[directives])
    network = elaborate(document)
    plan = make_plan(network, lower(network), document.grows)
    text = respell(document, network, plan.network)
    assert same(elaborate(standalone(parse(text, "grown.fpt"))), plan.network) is None
    return text


@pytest.mark.parametrize(("directives", "exactness"), KEPT)
def test_the_function_is_kept(directives: str, exactness: str) -> None:
    outcome = grow(SPEC, directives)
    assert outcome.plan.exactness == exactness
    assert outcome.plan.new.parameters() > outcome.plan.old.parameters()
    assert outcome.unrounded <= 1e-12
    assert outcome.stored <= 1e-11
    if exactness == "bitwise":
        assert outcome.stored == 0.0
    respelled(directives)


@pytest.mark.parametrize("directives", DRIFTING)
def test_the_function_is_kept_but_for_the_rounding_of_the_file(directives: str) -> None:
    outcome = grow(SPEC, directives)
    assert outcome.plan.exactness == "exact"
    assert outcome.unrounded <= 1e-12
    assert outcome.stored <= 1e-6
    assert grow(SPEC, directives, dtype="float64").stored <= 1e-12
    respelled(directives)


def test_factors_have_the_width_that_is_asked_for() -> None:
    plan = plan_of(SPEC, f"deepen fc1 by 1 to 40 {FACTOR}")
    assert plan.new.tensors["fc1_1.weight"].shape == (40, 32)
    assert plan.new.tensors["fc1.weight"].shape == (12, 40)
    assert [step.kind for step in plan.steps] == ["deepen"]
    assert plan.steps[0].parameters == plan.new.parameters() - plan.old.parameters()


def test_the_first_factor_takes_all_the_padding() -> None:
    plan = plan_of(SPEC, "deepen seq.0 by 1 to 30 using netmorph(factor=true, kernel=3)")
    nodes = {node.name: node for node in plan.new.nodes}
    assert nodes["seq.0"].args.padding == 2
    assert nodes["seq.2"].args.padding == 0


def test_what_a_method_adds_is_written_as_a_person_would() -> None:
    assert '  conv1_1: conv2d(8, 3, padding=1)\n  conv1_1_act: parametric("gelu")\n' in respelled(
        "deepen conv1 by 1 using netmorph"
    )
    assert "  conv3_1_act: prelu(init=1.0)\n" in respelled("deepen conv3 by 1 using netmorph")
    branch = "  residual {\n    conv1_1: conv2d(8, 3, padding=1)\n    gelu\n    conv1_2: conv2d(8, 3, padding=1)\n  }\n"
    assert branch in respelled("deepen conv1 by 1 using r2r")


def test_pieces_of_an_inserted_maxout_differ_where_they_can() -> None:
    outcome = grow(SPEC, "deepen mo1 by 1")
    weight, bias = outcome.grown["mo1_1.weight"], outcome.grown["mo1_1.bias"]
    assert bool((weight == torch.eye(5).repeat_interleave(3, 0)).all())
    assert bias.tolist() == [0.0, -0.125, -0.25] * 5


def test_an_automatic_choice_adds_no_other_kind_of_thing() -> None:
    for directive in ("deepen conv3 by 1", "deepen plain by 1", "deepen mo1 by 1"):
        plan = plan_of(SPEC, directive)
        assert {n.op for n in plan.new.nodes} == {n.op for n in plan.old.nodes}
        assert plan.steps[0].method in ("net2net", "zero")


def test_noise_on_request_is_approximate() -> None:
    outcome = grow(SPEC, "deepen conv3 by 1 using net2net(noise=0.001)")
    assert outcome.plan.exactness == "approximate"
    assert 1e-7 < outcome.unrounded < 1e-2


@pytest.mark.parametrize("using", ["random_init", "random_pad"])
def test_baselines_say_what_they_are(using: str) -> None:
    outcome = grow(SPEC, f"deepen fc1 by 1 to 20 using {using}")
    assert outcome.plan.exactness == "baseline"
    assert outcome.unrounded > 1e-2
    assert outcome.grown["fc1_1.weight"].shape == (20, 12)
    assert bool((outcome.grown["fc1.weight"] == outcome.state["fc1.weight"]).all())


# --- negative controls -----------------------------------------------------------------------------


def _bent(state: StateDict, outcome: Outcome) -> None:
    state["conv1_1_act.weight"].fill_(0.9)


def _same_sign(state: StateDict, outcome: Outcome) -> None:
    """``[Z, Z]`` for ``[Z, -Z]``."""
    weight = state["plain.2.conv2.weight"]
    weight[:, 1::2] = weight[:, 0::2]


def _mean_not_zero(state: StateDict, outcome: Outcome) -> None:
    state["bottleneck.2.bn3.running_mean"].fill_(0.1)


def _not_mirrored(state: StateDict, outcome: Outcome) -> None:
    """``[R, R]`` for ``[R, -R]``."""
    state["conv2.weight"][:, 8:] = state["conv2.weight"][:, :8]


def _tiled(state: StateDict, outcome: Outcome) -> None:
    state["mo1_1.weight"] = torch.eye(5).repeat(3, 1)


def _unsolved(state: StateDict, outcome: Outcome) -> None:
    state["fc1.weight"][:, 0] = 0.0


def _not_divided(state: StateDict, outcome: Outcome) -> None:
    state["bottleneck.0.conv1.weight"] *= 1.01


FAULTS: list[tuple[str, Callable[[StateDict, Outcome], None]]] = [
    ("deepen conv1 by 1 using netmorph", _bent),
    ("deepen plain by 1 using r2r", _same_sign),
    ("deepen bottleneck by 1 using r2r", _mean_not_zero),
    (f"deepen conv1 by 1 {PAIRED}", _not_mirrored),
    ("deepen mo1 by 1", _tiled),
    (f"deepen fc1 by 1 {FACTOR}", _unsolved),
    ("deepen conv3 by 1 to 20 using net2net", _not_divided),
]


@pytest.mark.parametrize(("directive", "fault"), FAULTS, ids=[fault.__name__.strip("_") for _, fault in FAULTS])
def test_a_planted_fault_is_seen(directive: str, fault: Callable[[StateDict, Outcome], None]) -> None:
    outcome = grow(SPEC, directive)
    assert outcome.stored <= 1e-6
    state = {name: tensor.clone() for name, tensor in outcome.grown.items()}
    fault(state, outcome)
    assert outcome.error_of(state) > 1e-5


# --- refusals --------------------------------------------------------------------------------------

REFUSED = [
    ("deepen conv1 by 1", "F321", "not idempotent", "netmorph(activation=paired)"),
    ("deepen fc1 by 1", "F321", "not idempotent", "r2r"),
    ("deepen conv3 by 1 to 5", "F321", "8 units, and 5 cannot hold them", "8 or more"),
    ("deepen plain by 1 to 20 using r2r", "F323", "`to` sets the width", "widen plain to 20"),
    ("deepen plain by 1 using netmorph", "F321", "zero branch", "r2r"),
    ("deepen plain by 1 using net2net", "F321", "zero branch", "r2r"),
    ("deepen saturated by 1 using r2r", "F321", "sigmoid) makes something of zero", "netmorph"),
    (f"deepen fc1 by 1 {PAIRED}", "F321", "`sigmoid` has no pair", "netmorph"),
    (f"deepen fc2 by 1 {PAIRED}", "F321", "no activation follows", "netmorph"),
    (f"deepen conv3 by 1 {PAIRED}", "F321", "other layers write the same units", "r2r"),
    (f"deepen conv1 by 1 to 12 {PAIRED}", "F321", "mirror images, which 12 cannot hold", "16 or more"),
    (f"deepen plain by 1 {PAIRED}", "F321", "zero branch", "r2r"),
    (f"deepen fc1 by 2 {FACTOR}", "F323", "makes two layers of one", "by 1"),
    ("deepen seq.0 by 1 to 10 using netmorph(factor=true, kernel=3)", "F321", "kernels 3x3 and 3x3", "23 units"),
    ("deepen seq.0 by 1 using netmorph(factor=true, kernel=9)", "F321", "no kernel of 9", "kernel"),
    ("deepen bottleneck.0.conv1 by 1 using net2net(bn=data)", "F321", "needs data to measure", "--calibrate DATA.npz"),
]


@pytest.mark.parametrize(("directive", "code", "message", "hint"), REFUSED)
def test_a_refusal_says_what_works(directive: str, code: str, message: str, hint: str) -> None:
    with pytest.raises(FptError) as caught:
        plan_of(SPEC, directive)
    first = caught.value.diagnostics[0]
    assert first.code == code
    assert message in first.message
    assert hint in (first.hint or "")


LIST = """
block Same(width) {{ residual {{ fc: linear(width); relu }} }}
model M {{
  input x: float[6]
  stack: sequential {{
    {{ first: linear(6); relu }}
    repeat {count} {{ inner: Same(6) }}
  }}
  head: linear(3)
}}
"""


def unlike_first(count: int, directive: str, folder: Path) -> Document:
    """A list of an element of its own and ``count`` alike."""
    spec = folder / "list.fpt"
    spec.write_text(LIST.format(count=count), encoding="utf-8")
    return load(spec, grow=[directive])


@pytest.mark.parametrize(
    ("place", "names"),
    [
        ("", ["0.first", "1.inner.fc", "2.inner.fc", "3.inner.fc"]),
        ("after 0", ["0.first", "1.inner.fc", "2.inner.fc", "3.inner.fc"]),
        ("after 1", ["0.first", "1.inner.fc", "2.inner.fc", "3.inner.fc"]),
    ],
)
def test_a_list_whose_first_element_is_unlike_gets_elements_of_the_others(
    place: str, names: list[str], tmp_path: Path
) -> None:
    document = unlike_first(2, f"deepen stack by 1 {place}", tmp_path)
    network = elaborate(document)
    plan = make_plan(network, lower(network), document.grows)
    assert [name for name in plan.new.tensors if "weight" in name] == [
        *(f"stack.{name}.weight" for name in names),
        "head.weight",
    ]
    text = respell(document, network, plan.network)
    assert "repeat 3" in text
    assert same(elaborate(standalone(parse(text, "grown.fpt"))), plan.network) is None


@pytest.mark.parametrize(
    ("count", "directive", "code", "words"),
    [
        (2, "deepen stack by 1 at start", "F323", "which read its `first`"),
        (0, "deepen stack by 1", "F322", "has only its first element"),
    ],
)
def test_nothing_comes_before_a_first_element_that_is_unlike(
    count: int, directive: str, code: str, words: str, tmp_path: Path
) -> None:
    document = unlike_first(count, directive, tmp_path)
    network = elaborate(document)
    with pytest.raises(FptError) as caught:
        make_plan(network, lower(network), document.grows)
    assert caught.value.diagnostics[0].code == code
    assert words in caught.value.diagnostics[0].message
