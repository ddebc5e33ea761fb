"""The grown spec where elements differ, where files are used, and where nothing but numbers helps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from growth.respell_specs import MIXED, RESNET, WIDTHS
from growth.respell_tools import document, edited, grown_text, with_args, with_elements, with_siblings

from fptdsl.architecture import elaborate
from fptdsl.architecture.digest import same
from fptdsl.architecture.tree import Layer, Network, Scope, Tree
from fptdsl.diagnostics import FptError
from fptdsl.growth.edit_tree import clone
from fptdsl.growth.respell import respell
from fptdsl.growth.respell.check import difference
from fptdsl.growth.respell.plain import plain_items
from fptdsl.language import load, syntax, unparse

UNITS = """\
block Unit(width) {
  fc: linear(width)
  relu
}

model Units(depth = 6) {
  input x: float[8]
  body: repeat depth { Unit(8) }
  tail: sequential {
    repeat 3 as k linear(4 * (k + 1))
    relu
  }
}
"""


def widths(*sizes: int) -> dict[str, dict[str, int]]:
    return {f"body.{number}.fc": {"out_features": size} for number, size in enumerate(sizes)}


@pytest.mark.parametrize(
    ("sizes", "line"),
    [
        ((9, 9, 9, 9, 9, 9), "body: repeat depth { Unit(9) }"),
        ((9, 8, 8, 8, 8, 8), "body: repeat depth as i { Unit(9 if i == 0 else 8) }"),
        ((9, 9, 8, 8, 8, 8), "body: repeat depth as i { Unit(9 if i < 2 else 8) }"),
        ((8, 8, 8, 8, 9, 9), "body: repeat depth as i { Unit(9 if i >= 4 else 8) }"),
        ((9, 8, 9, 8, 9, 8), "body: repeat depth as i { Unit(9 if i % 2 == 0 else 8) }"),
        ((8, 9, 8, 8, 9, 8), "body: repeat depth as i { Unit(9 if i % 3 == 1 else 8) }"),
        ((9, 10, 11, 11, 11, 11), "body: repeat depth as i { Unit(9 if i == 0 else 10 if i == 1 else 11) }"),
    ],
)
def test_values_by_index(sizes: tuple[int, ...], line: str) -> None:
    assert f"  {line}\n" in grown_text(UNITS, lambda network: with_args(network, widths(*sizes)))


def test_elements_too_different_for_one_text_are_listed() -> None:
    text = grown_text(UNITS, lambda network: with_args(network, widths(9, 12, 10, 10, 13, 11)))
    listed = ["Unit(9)", "Unit(12)", "repeat 2 { Unit(10) }", "Unit(13)", "Unit(11)"]
    assert "  body: sequential {\n" + "".join(f"    {line}\n" for line in listed) + "  }\n" in text


def test_a_repeat_inside_a_sequential_keeps_its_number() -> None:
    text = grown_text(UNITS, lambda network: with_elements(network, "tail", [3], 2))
    assert "    repeat 4 as k linear(12 if k == 3 else 4 * (k + 1))\n" in text


def test_another_kind_of_layer_inside_a_repeat() -> None:
    def grow(network: Network) -> Network:
        return edited(network, lambda name, node: exchanged(node) if name == "body.2" else node)

    def exchanged(node: Tree) -> Tree:
        if not isinstance(node, Layer) or node.op != "relu":
            return node
        return next(
            replace(other, origin=None, old=None)
            for other in elaborate(document("model M {\n  input x: float[3]\n  tanh\n}")).body
            if isinstance(other, Layer)
        )

    text = grown_text(UNITS, grow)
    assert "tanh" in text
    assert "block Unit(" in text
    assert "repeat" in text


def test_a_block_of_a_used_file_comes_in(tmp_path: Path) -> None:
    blocks, model = RESNET.split("\nmodel ")
    (tmp_path / "blocks.fpt").write_text(blocks + "\nblock Unused(a) {\n  relu\n}\n")
    (tmp_path / "net.fpt").write_text('# A model.\nuse "blocks.fpt"\n\nmodel ' + model.split("grow {")[0])
    (tmp_path / "growth.fpt").write_text('use "net.fpt" as ResNetCifar(n = 2)\nwiden layer2 to 64\n')
    spec = load(tmp_path / "growth.fpt")
    old = elaborate(spec)
    grown = with_args(old, {"layer1.1.conv1": {"out_channels": 24}})
    text = respell(spec, old, grown)
    assert same(elaborate(document(text)), grown) is None
    assert not any(word in text for word in ("use", "widen", "Unused"))
    assert "model ResNetCifar(n = 2, num_classes = 10) {" in text
    assert 'select "state_dict"      # inside the loaded object' in text
    assert "    if stride != 1 {                       # option A: no parameters\n" in text


def test_an_if_that_growth_contradicts() -> None:
    def without_shortcut(name: str, node: Tree) -> Tree:
        if name == "layer2.0" and isinstance(node, Scope) and node.kind == "residual":
            return replace(node, shortcut=())
        return node

    text = grown_text(WIDTHS, lambda network: edited(network, without_shortcut))
    assert text.count("proj") <= 2


def test_an_inserted_composite_without_a_model_is_written_out() -> None:
    text = "model M {\n  input x: float[3]\n  extra: residual { fc: linear(3) }\n}"
    added = elaborate(document(text)).body[1]

    def grow(network: Network) -> Network:
        def bare(name: str, node: Tree) -> Tree:
            return replace(node, origin=None, old=None)

        inserted = edited(replace(network, body=(added,)), bare).body
        return replace(network, body=(*network.body, *inserted))

    assert "  extra: residual { fc: linear(3) }\n" in grown_text(UNITS, grow)


@pytest.mark.parametrize("text", [RESNET, WIDTHS, MIXED, UNITS])
def test_every_number_written_out_is_always_possible(text: str) -> None:
    network = elaborate(document(text))
    written = unparse(syntax.File(plain_items(network)))
    assert difference(written, network) is None
    assert ("repeat" in written) == (text is not MIXED)


def test_what_no_text_can_say_is_refused_with_a_reason() -> None:
    spec = document(UNITS)
    old = elaborate(spec)
    broken = edited(old, lambda name, node: replace(node, key="fc.fc") if name == "body.1.fc" else node)
    with pytest.raises(FptError) as caught:
        respell(spec, old, broken)
    assert [fault.code for fault in caught.value.diagnostics] == ["F350"]


def test_siblings_in_several_stages_share_one_switch() -> None:
    def grow(network: Network) -> Network:
        for place in ("layer1.1", "layer2.1", "layer2.2"):
            network = with_siblings(network, place, 3, ["conv1_1", "bn1_1", None])
        return network

    text = grown_text(RESNET, grow)
    assert "  layer1: repeat n as i { Basic(16, with_conv1_1 = i == 1) }\n" in text
    assert "with_conv1_1 = i != 0) }\n" in text
    assert len(text.splitlines()) <= len(RESNET.splitlines()) + 6


def test_comments_stay_where_they_were() -> None:
    spec = """\
# A licence.

# The unit.
block Unit(width) {   # one argument
  # a layer
  fc: linear(width)   # wide
  relu
}  # end of the unit


# Between the two, detached.

# Above the model.
model Units {
  input x: float[8]

  # first
  one: Unit(8)  # eight
  two: Unit(8)
}
# The growth.
widen one to 9
# The end.
"""
    text = grown_text(spec, lambda network: with_args(network, {"one.fc": {"out_features": 9}}))
    wanted = spec.replace("one: Unit(8)", "one: Unit(9)").split("# The growth")[0]
    assert text == wanted


def test_lines_that_get_too_long_are_broken() -> None:
    call = "Unit(8, with_a_rather_long_name = 1, and_another_rather_long_name = 1, and_a_third_long_name = 1)"
    names = "width, with_a_rather_long_name, and_another_rather_long_name, and_a_third_long_name"
    spec = f"""\
block Unit({names}) {{
  fc: linear(width)
  gc: linear(with_a_rather_long_name)
  hc: linear(width)
}}

model Units {{
  input x: float[8]
  body: repeat 3 {{ {call} }}   # three
}}
"""
    text = grown_text(spec, lambda network: with_args(network, {"body.1.fc": {"out_features": 9}}))
    assert max(map(len, text.splitlines())) <= 120
    assert "  body: repeat 3 as i {\n" in text


def test_a_branch_that_becomes_several_layers_keeps_its_expressions() -> None:
    spec = """\
model Branches(width = 8) {
  input x: float[4]
  both: parallel(add) {
    left: linear(width)
    right: linear(width, bias=false)
  }
}
"""

    def grow(network: Network) -> Network:
        def edit(name: str, node: Tree) -> Tree:
            if not isinstance(node, Scope) or node.kind != "parallel":
                return node
            left, right = node.children
            inside = (left, clone(left, key="left_1"))
            return replace(node, children=(Scope(kind="group", children=inside, origin=left.origin), right))

        return edited(network, edit)

    text = grown_text(spec, grow)
    assert "    {\n      left: linear(width)\n      left_1: linear(width)\n    }\n" in text
