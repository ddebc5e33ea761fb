"""What the views say."""

from __future__ import annotations

import io
from typing import Any

import pytest

from fptdsl.views import VIEWS, render_warnings
from fptdsl.views.grouping import group, spell
from fptdsl.views.page import Page
from views.documents import plan, residual_network, step, tensor, tie


def draw(kind: str, document: dict[str, Any], *, full: bool = False) -> str:
    page = Page(80, full=full)
    VIEWS[kind](document, page)
    return "\n".join(line.plain for line in page.lines())


@pytest.mark.parametrize(
    ("names", "spelling"),
    [
        (["a.weight"], "a.weight"),
        (["l.0.w", "l.1.w", "l.2.w"], "l.{0..2}.w"),
        (["l.0.w", "l.1.w"], "l.{0,1}.w"),
        (["l.0.w", "l.5.w", "l.7.w"], "l.{0,5,7}.w"),
        (["l.0.1.w", "l.0.2.w", "l.1.1.w", "l.1.2.w"], "l.{0,1}.{1,2}.w"),
        (["l.0.1.w", "l.1.2.w"], "l.*.*.w"),
        ([f"l.{3 * n}.w" for n in range(9)], "l.*.w"),
    ],
)
def test_spelling_of_like_names(names: list[str], spelling: str) -> None:
    assert spell(names) == spelling


def test_names_with_other_numbers_are_not_alike() -> None:
    names = ["l.1.w", "l.01.w", "l." + "9" * 5000 + ".w", "l.١.w"]
    assert len(group(names, name=str, alike=lambda _: 0)) == 4


def test_the_plan_says_what_how_why_and_what_is_tied() -> None:
    found = draw(
        "plan",
        plan(
            residual_network(),
            [step(ties=[tie("layer3", 64, 96, "residual sum at layer3.0")])],
            skipped=[{"directive": "widen *", "path": "linear", "reason": "the model's output"}],
        ),
    )
    for part in (
        "Function-preserving, class exact",
        "1. widen layer2 to 64",
        "32 → 64 units · netmorph · exact · 123,456 parameters more",
        "why: the first legal one",
        "tied: layer3 64 → 96  residual sum at layer3.0",
        "skipped linear: the model's output",
        "(float32 assumed)",
        "1/10 of the initial learning rate",
    ):
        assert part in found


def test_parameters_are_shown_as_a_spec_writes_them() -> None:
    parameters = {"bias": False, "cap": None, "act": "silu", "width": 8, "kinds": ["a", "b"]}
    totals = {"params": 0, "bytes": 0, "macs": 0}
    document = {"model": "M", "parameters": parameters, "inputs": [], "tree": [], "groups": [], "totals": totals}
    assert 'M(bias = false, cap = none, act = "silu", width = 8, kinds = ["a", "b"])' in draw("show", document)


def test_warnings_are_drawn_apart_and_not_twice() -> None:
    advice = step()["advice"]
    document = plan(residual_network(), [step()], warnings=["something to know", *advice])
    assert "something to know" not in draw("plan", document)
    file = io.StringIO()
    render_warnings(document, file)
    assert file.getvalue() == "warning: something to know\n"


@pytest.mark.parametrize("exactness", ["approximate", "baseline"])
def test_other_classes_are_not_called_function_preserving(exactness: str) -> None:
    found = draw("plan", plan(residual_network(), [step(exactness=exactness)], exactness=exactness))
    assert found.splitlines()[1].startswith("Not function-preserving")


@pytest.mark.parametrize("kind", ["plan", "apply"])
def test_no_changes_is_a_result_of_its_own(kind: str) -> None:
    document = plan([tensor("a.weight", [3], [3])], [])
    assert draw(kind, document).startswith("No changes.")


def test_diff_of_equal_checkpoints() -> None:
    assert draw("diff", plan([tensor("a.weight", [3], [3])], [])).startswith("No changes.")


def test_diff_groups_like_tensors_and_explains_only_the_signs_in_use() -> None:
    found = draw("diff", plan([*residual_network(), tensor("new.weight", None, [3, 3])], [step()]))
    assert "~ layer2.{0..2}.conv1.weight  32×32×3×3 → 64×64×3×3  ×3" in found
    assert "axis 0: 0–31 as it was, 32–63 new, random" in found
    assert found.splitlines()[-1] == "~ grows   + is new"


def test_full_diff_lists_every_tensor_the_kept_ones_too() -> None:
    found = draw("diff", plan(residual_network(), [step()]), full=True)
    assert "= conv1.weight" in found
    assert "~ layer2.2.conv1.weight" in found


def verification(**other: Any) -> dict[str, Any]:
    return {
        "passed": True,
        "verdict": "Function-preserving (exact): largest relative error 3.1e-16 in float64, relative to this spec",
        "exactness": "exact",
        "max_relative_error": 3.1e-16,
        "dtype": "float32",
        "storage_drift": 0.0,
        "gates": [
            {"name": "unrounded recipe", "error": 3.1e-16, "limit": 1e-12, "basis": "", "passed": True},
            {"name": "stored file", "error": "inf", "limit": 1e-7, "basis": "", "passed": False},
        ],
        "float32": {"drift": 1e-7, "old": 2e-7, "new": None},
        "reproduction": {"error": 1e-7, "tolerance": 1e-5, "dtype": "float32", "passed": True},
        "inconclusive": [],
        "notes": ["something was not compared"],
        **other,
    }


def test_verification_shows_both_gates() -> None:
    found = draw("verify", {"verification": verification()})
    assert "unrounded recipe                     3.1e-16  limit 1.0e-12  passed" in found
    assert "stored file                              inf  limit 1.0e-07  failed" in found
    assert "storage drift in float32                   0" in found
    assert "the old network gives the expected outputs" in found
    assert "relative to this spec" in " ".join(found.split())


def test_apply_lists_its_files_and_what_to_do_next() -> None:
    document = plan(residual_network(), [step()], verification=verification())
    document |= {
        "outputs": {"checkpoint": "grown.pt", "spec": "grown.fpt", "receipt": "grown.receipt.json"},
        "seconds": {"plan": 0.02, "write": 12.3},
    }
    found = draw("apply", document)
    for part in ("grown.receipt.json", 'fptdsl.load("grown.fpt", "grown.pt")', "plan 0.02 s, write 12 s", "passed"):
        assert part in found


def test_a_diagnostic_underlines_its_place() -> None:
    span = {"source": "a.fpt", "line": 3, "column": 9, "length": 6, "text": "  widen laier2 to 64"}
    item = {
        "code": "F301", "severity": "error", "summary": "", "message": "`laier2` matches nothing", "path": None,
        "span": span, "hint": "did you mean `layer2`?", "notes": [{"message": "also here", "span": None}],
    }  # fmt: skip
    found = draw("diagnostics", {"diagnostics": [item]}, full=True).splitlines()
    assert found == [
        "error[F301]: `laier2` matches nothing",
        "  --> a.fpt:3:9",
        "    3 |   widen laier2 to 64",
        "      |         ^^^^^^",
        "  note: also here",
        "  hint: did you mean `layer2`?",
        "",
        "1 error",
    ]


def test_diagnostics_look_as_without_colour() -> None:
    """The same text as the renderer of the library, where nothing has to be wrapped."""
    from fptdsl.diagnostics import Diagnostic, Note, Source, Span
    from fptdsl.diagnostics.document import document
    from fptdsl.diagnostics.render import render

    source = Source("net.fpt", "model M {\n\tconv: conv2d(16 3) # 中文 é\u202e\n" + "x" * 300 + "\n}\n")
    items = [
        Diagnostic(
            "F101", "a comma is missing", Span(source, 27, 28), "write one", (Note("here", Span(source, 0, 5)),)
        ),
        Diagnostic("F101", "something in a long line", Span(source, 200, 210)),
        Diagnostic("F108", "no place", None, "a hint", path="net.fpt", severity="warning"),
    ]
    assert draw("diagnostics", document(items), full=True) + "\n" == render(items)


def test_a_diagnostic_in_a_long_line_shows_the_part_around_its_place() -> None:
    text = "x" * 5000 + "here" + "y" * 5000
    span = {"source": "a.fpt", "line": 1, "column": 5001, "length": 4, "text": text}
    item = {"code": "F301", "severity": "warning", "message": "m", "span": span, "hint": None, "notes": []}
    found = draw("diagnostics", {"diagnostics": [item]}, full=True).splitlines()
    assert len(found) == 6
    assert max(map(len, found)) <= 80
    assert found[2].index("here") == found[3].index("^^^^")
