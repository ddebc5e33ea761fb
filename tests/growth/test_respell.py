"""The grown spec: exact texts for growth whose best spelling is clear."""

from __future__ import annotations

import difflib

from growth.respell_specs import DENSE, RESNET, STAGES, VGG, WIDTHS
from growth.respell_tools import document, grown_text, with_args, with_elements, with_siblings

from fptdsl.architecture import elaborate
from fptdsl.architecture.digest import same
from fptdsl.architecture.tree import Network
from fptdsl.growth.respell import respell


def changes(text: str, grown: str) -> list[str]:
    """The lines that differ, ``-`` and ``+`` in front; removed growth sections left out."""
    before = text.split("\ngrow {")[0].splitlines()
    lines = difflib.unified_diff(before, grown.splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def layer2_to_64(network: Network) -> Network:
    """``widen layer2 to 64`` in the CIFAR ResNet: the stream of layer3 becomes 96 wide."""
    wider: dict[str, dict[str, int]] = {}
    for number in range(3):
        wider[f"layer2.{number}.conv1"] = wider[f"layer2.{number}.conv2"] = {"out_channels": 64}
        wider[f"layer3.{number}.conv2"] = {"out_channels": 96}
    wider["layer2.0/pad_channels"] = {"before": 24, "after": 24}
    return with_args(network, {**wider, "layer3.0/pad_channels": {"before": 16, "after": 16}})


def test_nothing_grown_is_the_users_text_without_the_growth() -> None:
    assert changes(RESNET, grown_text(RESNET, lambda network: network)) == []
    assert "grow" not in grown_text(RESNET, lambda network: network)


def test_a_stage_is_widened() -> None:
    assert changes(RESNET, grown_text(RESNET, layer2_to_64)) == [
        "-block Basic(width, stride = 1) {",
        "+block Basic(width, stride = 1, conv2_width = width, pad = width // 4) {",
        "-    conv2: conv2d(width, 3, padding=1, bias=false)",
        "+    conv2: conv2d(conv2_width, 3, padding=1, bias=false)",
        "-      pad_channels(width // 4, width // 4)",
        "+      pad_channels(pad, pad)",
        "-  layer2: repeat n as i { Basic(32, stride = 2 if i == 0 else 1) }",
        "-  layer3: repeat n as i { Basic(64, stride = 2 if i == 0 else 1) }",
        "+  layer2: repeat n as i { Basic(64, stride = 2 if i == 0 else 1, pad=24) }",
        "+  layer3: repeat n as i { Basic(64, stride = 2 if i == 0 else 1, conv2_width=96) }",
    ]


def test_one_layer_of_one_element_is_widened() -> None:
    text = grown_text(RESNET, lambda network: with_args(network, {"layer1.1.conv1": {"out_channels": 24}}))
    assert changes(RESNET, text) == [
        "-block Basic(width, stride = 1) {",
        "+block Basic(width, stride = 1, conv1_width = width) {",
        "-    conv1: conv2d(width, 3, stride=stride, padding=1, bias=false)",
        "+    conv1: conv2d(conv1_width, 3, stride=stride, padding=1, bias=false)",
        "-  layer1: repeat n      { Basic(16) }",
        "+  layer1: repeat n as i { Basic(16, conv1_width = 24 if i == 1 else 16) }",
    ]


def test_everything_doubled_is_one_default_of_the_model() -> None:
    def double(network: Network) -> Network:
        names = ["conv1", "layer2.0.proj"]
        names += [f"layer{stage}.{number}.conv{k}" for stage in (1, 2) for number in (0, 1) for k in (1, 2)]
        widths = {name: 64 if name.startswith("layer2") else 32 for name in names}
        return with_args(network, {name: {"out_channels": width} for name, width in widths.items()})

    assert changes(WIDTHS, grown_text(WIDTHS, double)) == [
        "-model Net(n = 2, width = 16) {",
        "+model Net(n = 2, width = 32) {",
    ]


def test_new_elements_raise_the_count() -> None:
    old = "-  layer3: repeat n as i { Basic(64, stride = 2 if i == 0 else 1) }"
    new = "+  layer3: repeat 5 as i { Basic(64, stride = 2 if i == 0 else 1) }"
    for positions in ([3, 3], [1, 1], [1, 2]):
        assert changes(RESNET, grown_text(RESNET, lambda n, p=positions: with_elements(n, "layer3", p))) == [old, new]
    assert changes(RESNET, grown_text(RESNET, lambda network: with_elements(network, "layer1", [0]))) == [
        "-  layer1: repeat n      { Basic(16) }",
        "+  layer1: repeat 4      { Basic(16) }",
    ]


def test_the_same_number_everywhere_raises_the_parameter() -> None:
    def deeper(network: Network) -> Network:
        for stage in ("layer1", "layer2", "layer3"):
            network = with_elements(network, stage, [3, 3])
        return network

    assert changes(RESNET, grown_text(RESNET, deeper)) == [
        "-model ResNetCifar(n = 3, num_classes = 10) {",
        "+model ResNetCifar(n = 5, num_classes = 10) {",
    ]


def test_a_sibling_in_one_element_is_a_switch_of_the_block() -> None:
    text = grown_text(RESNET, lambda network: with_siblings(network, "layer1.1", 3, ["conv1_1", "bn1_1", None]))
    assert changes(RESNET, text) == [
        "-block Basic(width, stride = 1) {",
        "+block Basic(width, stride = 1, with_conv1_1 = false) {",
        "+    if with_conv1_1 {",
        "+      conv1_1: conv2d(width, 3, padding=1, bias=false)",
        "+      bn1_1: batchnorm2d",
        "+      relu",
        "+    }",
        "-  layer1: repeat n      { Basic(16) }",
        "+  layer1: repeat n as i { Basic(16, with_conv1_1 = i == 1) }",
    ]


def test_a_sibling_in_every_element_is_put_into_the_block() -> None:
    def grow(network: Network) -> Network:
        for place in [f"layer{stage}.{number}" for stage in (1, 2) for number in (0, 1)]:
            network = with_siblings(network, place, 2, ["conv1_1", None])
        return with_args(
            network, {"layer2.0.conv1_1": {"stride": 1, "out_channels": 32}, "layer1.0.conv1_1": {"out_channels": 16}}
        )

    assert changes(WIDTHS, grown_text(WIDTHS, grow)) == [
        "+    relu",
        "+    conv1_1: conv2d(width, 3, padding=1, bias=false)",
    ]


def test_layers_inserted_in_a_sequential_renumber_the_rest() -> None:
    def grow(network: Network) -> Network:
        network = with_elements(network, "features", [3], 0)
        network = with_elements(network, "features", [4], 1)
        return with_elements(network, "features", [5], 2)

    assert changes(VGG, grown_text(VGG, grow)) == [
        "+    conv2d(width, 3, padding=1); batchnorm2d; relu",
    ]


def test_calls_of_a_block_inside_a_block() -> None:
    def grow(network: Network) -> Network:
        wider = {f"stage2.units.{number}.b": {"out_channels": 24} for number in range(3)}
        return with_args(with_elements(network, "stage3.units", [2]), wider)

    assert changes(STAGES, grown_text(STAGES, grow)) == [
        "-block Unit(width, groups = 1) {",
        "+block Unit(width, groups = 1, b_width = width) {",
        "-    b: conv2d(width, 3, padding=1, groups=groups)",
        "+    b: conv2d(b_width, 3, padding=1, groups=groups)",
        "-block Stage(width, depth) {",
        "+block Stage(width, depth, units_b_width = width) {",
        "-  units: repeat depth as i { Unit(width, groups = 2 if i == 0 else 1) }",
        "+  units: repeat depth as i { Unit(width, groups = 2 if i == 0 else 1, b_width=units_b_width) }",
        "-  stage2: Stage(2 * base, 3)",
        "-  stage3: Stage(4 * base, 2)",
        "+  stage2: Stage(2 * base, 3, units_b_width=24)",
        "+  stage3: Stage(4 * base, 3)",
    ]


def test_a_dense_block_changes_its_rate() -> None:
    def grow(network: Network) -> Network:
        wider = {f"dense2.{number}.reduce": {"out_channels": 32} for number in range(3)}
        return with_args(network, {**wider, **{f"dense2.{number}.grow3": {"out_channels": 8} for number in range(3)}})

    assert changes(DENSE, grown_text(DENSE, grow)) == [
        "-  dense2: repeat depth { Dense(growth) }",
        "+  dense2: repeat depth { Dense(8) }",
    ]


def test_growing_the_result_again_edits_the_result() -> None:
    once = grown_text(RESNET, layer2_to_64)

    def back_in_step(network: Network) -> Network:
        wider = {f"layer3.{number}.conv1": {"out_channels": 96} for number in range(3)}
        return with_elements(with_args(network, wider), "layer3", [3, 3])

    twice = grown_text(once, back_in_step)
    assert changes(once, twice) == [
        "-  layer3: repeat n as i { Basic(64, stride = 2 if i == 0 else 1, conv2_width=96) }",
        "+  layer3: repeat 5 as i { Basic(96, stride = 2 if i == 0 else 1, pad=16) }",
    ]


def test_settings_become_defaults() -> None:
    spec = document(WIDTHS)
    old = elaborate(spec, {"width": 24, "n": 3})
    text = respell(spec, old, old)
    assert "model Net(n = 3, width = 24) {" in text
    assert same(elaborate(document(text)), old) is None


def test_line_ends_are_those_of_the_spec() -> None:
    ended = RESNET.replace("\n", "\r\n")
    for edit in (lambda network: network, layer2_to_64, lambda network: with_elements(network, "layer3", [3, 3])):
        grown = grown_text(ended, edit)
        assert grown.count("\r\n") == grown.count("\n") > 0
        assert grown.replace("\r\n", "\n") == grown_text(RESNET, edit)
