"""Lowering: wiring, terms, names, regions and the order of tensors."""

from __future__ import annotations

import pytest
from architecture.helpers import graph, model, network

from fptdsl.architecture.free import FreeSize
from fptdsl.architecture.terms import Cat, Space, resolve, spaces

FEATURES = "input x: float[6]\n"
CIFAR = """
block Basic(width, stride = 1) {
  residual {
    conv1: conv2d(width, 3, stride=stride, padding=1, bias=false)
    bn1: batchnorm2d
    relu
    conv2: conv2d(width, 3, padding=1, bias=false)
    bn2: batchnorm2d
  } shortcut {
    if stride != 1 { subsample2d(stride); pad_channels(width // 4, width // 4) }
  }
  relu
}
""" + model("""
  conv1: conv2d(16, 3, padding=1, bias=false)
  bn1: batchnorm2d
  relu
  layer1: repeat 2 { Basic(16) }
  layer2: repeat 2 as i { Basic(32, stride = 2 if i == 0 else 1) }
  adaptive_avgpool2d(1)
  flatten
  linear: linear(10)
""")


def wires(text: str) -> list[tuple[str, str, list[str]]]:
    """Name, operation and where the inputs come from."""
    return [
        (node.name, node.op, [v.producer.name if v.producer else v.name for v in node.inputs])
        for node in graph(text).nodes
    ]


def test_names_values_and_composites_are_wired() -> None:
    body = """
    a: linear(6)
    let h = relu
    b: { c: linear(6); add from c, input; relu from h }
    parallel(concat) { p: { q: linear(2) }; tanh; add from input, p }
    mul from b, a
    """
    assert wires(model(body.replace("add from input, p", "silu"), FEATURES)) == [
        ("a", "linear", ["x"]),
        ("h", "relu", ["a"]),
        ("b.c", "linear", ["h"]),
        ("b.add", "add", ["b.c", "h"]),
        ("b.relu", "relu", ["h"]),
        ("p.q", "linear", ["b.relu"]),
        ("tanh", "tanh", ["b.relu"]),
        ("silu", "silu", ["b.relu"]),
        ("concatenation", "concat", ["p.q", "tanh", "silu"]),
        ("mul", "mul", ["b.relu", "a"]),
    ]


def test_residual_sums_take_body_and_shortcut() -> None:
    body = "r: residual { a: linear(6) }\nresidual { b: linear(6) } shortcut { c: linear(6) }\nresidual { relu }"
    assert wires(model(body, FEATURES)) == [
        ("r.a", "linear", ["x"]),
        ("r (residual sum)", "add", ["r.a", "x"]),
        ("b", "linear", ["r (residual sum)"]),
        ("c", "linear", ["r (residual sum)"]),
        ("residual sum", "add", ["b", "c"]),
        ("relu", "relu", ["residual sum"]),
        ("residual sum_2", "add", ["relu", "residual sum"]),
    ]


def test_names_of_modules_and_places_are_unique() -> None:
    built = graph(model("relu\nrelu: relu\nrelu_2: relu\nrelu", FEATURES))
    assert [(node.name, node.keyed) for node in built.nodes] == [
        ("relu_3", False), ("relu", True), ("relu_2", True), ("relu_4", False),
    ]  # fmt: skip


def test_option_a_stream_is_nested_and_tied() -> None:
    built = graph(CIFAR)
    stream = resolve(built.tensors["linear.weight"].axes[1])
    assert isinstance(stream, Cat)
    assert [(space.size, space.home) for space in spaces(stream)] == [
        (8, "layer2.0.pad_channels"), (16, "conv1"), (8, "layer2.0.pad_channels"),
    ]  # fmt: skip
    conv1 = resolve(built.tensors["conv1.weight"].axes[0])
    assert isinstance(conv1, Space)
    assert "layer1.0 (residual sum)" in conv1.causes
    assert "layer2.0 (residual sum)" in conv1.causes
    inner = resolve(built.tensors["layer1.0.conv1.weight"].axes[0])
    assert isinstance(inner, Space)
    assert inner.home == "layer1.0.conv1"
    assert inner.frozen is None


def test_inputs_and_outputs_are_frozen_with_their_reason() -> None:
    built = graph(CIFAR)
    image, classes = built.tensors["conv1.weight"].axes[1], built.tensors["linear.weight"].axes[0]
    assert [space.frozen for space in spaces(image)] == ["model input"]
    assert [space.frozen for space in spaces(classes)] == ["model output"]


def test_tensors_come_in_the_order_of_state_dict() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class Inner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(6, 6)
            self.bn = nn.BatchNorm1d(6)

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Linear(6, 6, bias=False)
            self.body = nn.ModuleList([Inner(), Inner()])
            self.tail = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3))

    text = "block Inner { fc: linear(6); bn: batchnorm1d }\n" + model(
        "stem: linear(6, bias=false)\nbody: repeat 2 { Inner }\ntail: sequential { linear(6); relu; linear(3) }",
        FEATURES,
    )
    state = {key: tuple(value.shape) for key, value in Outer().state_dict().items()}
    built = graph(text)
    assert {name: tensor.shape for name, tensor in built.tensors.items()} == state
    assert list(built.tensors) == list(state)
    assert built.parameters() == sum(p.numel() for p in Outer().parameters())


def test_scopes_split_by_the_text_are_one_module() -> None:
    # The shortcut's layer is registered in the same module as the body's, before the next block.
    body = "b: residual { x: { one: linear(6) } } shortcut { y: linear(6) }\nz: linear(6)"
    assert list(graph(model(body, FEATURES)).tensors) == [
        "b.x.one.weight", "b.x.one.bias", "b.y.weight", "b.y.bias", "z.weight", "z.bias",
    ]  # fmt: skip


def test_regions_have_their_nodes_and_ends() -> None:
    built = graph(CIFAR)
    region = built.regions["layer2.0"]
    inside = built.nodes[region.first : region.last]
    assert inside[0].name == "layer2.0.conv1"
    assert inside[-1].name == "layer2.0.relu_2"
    assert region.output is inside[-1].output
    assert region.input is not None
    assert region.input.producer is not None
    assert region.input.producer.name == "layer1.1.relu_2"
    assert list(built.regions)[:5] == ["conv1", "bn1", "layer1", "layer1.0", "layer1.0.conv1"]
    assert "" not in built.regions


def test_reuse_shares_tensors_and_ties_both_uses() -> None:
    built = graph(model("fc: linear(6)\nrelu\nreuse fc\nhead: linear(2)", FEATURES.replace("6", "6")))
    first, again = built.nodes[0], built.nodes[2]
    assert (again.reused, again.keyed, again.tensors["weight"]) == ("fc", False, first.tensors["weight"])
    assert list(built.tensors) == ["fc.weight", "fc.bias", "head.weight", "head.bias"]
    # fc takes the model's input, and its own output the second time: one Space, frozen by the input.
    out, into = built.tensors["fc.weight"].axes
    assert resolve(out) is resolve(into)


def test_reuse_of_a_layer_inside_a_composite() -> None:
    built = graph(model("body: { fc: linear(6) }\nlet again = reuse body.fc\nhead: linear(2)", FEATURES))
    assert built.nodes[1].reused == "body.fc"


def test_reuse_from_an_inner_composite() -> None:
    built = graph(model("fc: linear(6)\nrepeat 3 { relu; reuse fc }", FEATURES))
    assert [node.reused for node in built.nodes] == [None, None, "fc", None, "fc", None, "fc"]


def test_several_outputs() -> None:
    built = graph(model("a: linear(3)\nb: linear(4)\noutput first: a\noutput second: b", FEATURES))
    assert {name: value.shape for name, value in built.outputs.items()} == {"first": (3,), "second": (4,)}
    one = graph(model("a: linear(3)\nb: linear(4)\noutput a", FEATURES))
    assert {name: value.shape for name, value in one.outputs.items()} == {"output": (3,)}
    inner = graph(model("body: { a: linear(3); b: linear(4); output a }\nc: linear(2)", FEATURES))
    assert inner.tensors["c.weight"].shape == (2, 3)


def test_several_inputs() -> None:
    built = graph("model M {\n input a: float[4]\n input b: float[5]\n fa: linear(3) from a\n fb: linear(3) from b\n"
                  " add from fa, fb\n}")  # fmt: skip
    assert list(built.inputs) == ["a", "b"]
    assert built.outputs["output"].shape == (3,)


def test_inner_names_shadow_outer_ones() -> None:
    text = model("h: linear(5)\nbody: { let h = relu; linear: linear(4) from h }\nk: linear(2) from h", FEATURES)
    assert wires(text)[-1] == ("k", "linear", ["h"])
    assert wires(text)[2][2] == ["body.h"]


def test_free_sizes_keep_their_name() -> None:
    built = graph("model M {\n input x: float[4, length]\n conv: conv1d(8, 3)\n global_avgpool\n fc: linear(2)\n}")
    size = built.nodes[0].output.shape[1]
    assert isinstance(size, FreeSize)
    assert "length" in str(size)
    assert built.outputs["output"].shape == (2,)


def test_deep_networks_need_no_recursion() -> None:
    built = graph(model("layers: repeat 5000 { residual { fc: linear(6) } }", FEATURES))
    assert len(built.nodes) == 10000
    chain = "\n".join(f"a{i}: linear(6)" for i in range(1500))
    sums = "\n".join(f"add from a{i}, a{i - 1}" for i in range(1499, 0, -1))
    assert len(graph(model(f"{chain}\n{sums}", FEATURES)).nodes) == 1500 + 1499


def test_lowering_twice_gives_fresh_terms() -> None:
    from fptdsl.architecture import lower

    tree = network(CIFAR)
    first, second = lower(tree), lower(tree)
    assert list(first.tensors) == list(second.tensors)
    assert resolve(first.tensors["conv1.weight"].axes[0]) is not resolve(second.tensors["conv1.weight"].axes[0])
