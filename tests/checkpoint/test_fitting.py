"""Holding a checkpoint against a spec: every fault at once, with the place and the way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from fptdsl.architecture import elaborate, lower
from fptdsl.architecture.graph import Graph
from fptdsl.checkpoint import hold_against, open_checkpoint
from fptdsl.diagnostics import Diagnostic
from fptdsl.language import load, syntax

from .helpers import CONTAINERS, faults, rules, save

SPEC = """model Net(width = 4) {
  input image: float[3, 8, 8]
  conv1: conv2d(width, 3, padding=1, bias=false)
  bn1:   batchnorm2d
  relu
  adaptive_avgpool2d(1)
  flatten
  fc: linear(10)
}
"""


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    path = tmp_path_factory.mktemp("spec") / "net.fpt"
    path.write_text(SPEC)
    return lower(elaborate(load(path), {}))


def state() -> dict[str, Any]:
    torch.manual_seed(0)
    net = torch.nn.Sequential()
    net.add_module("conv1", torch.nn.Conv2d(3, 4, 3, bias=False))
    net.add_module("bn1", torch.nn.BatchNorm2d(4))
    net.add_module("fc", torch.nn.Linear(4, 10))
    return dict(net.state_dict())


def held(
    folder: Path, graph: Graph, item: dict[str, Any], section: syntax.Checkpoint | None = None, container: str = "zip"
) -> tuple[Diagnostic, ...]:
    with open_checkpoint(save(item, folder / "file", container), section, described=graph.tensors) as source:
        return hold_against(source, graph)


def found(
    folder: Path, graph: Graph, item: dict[str, Any], section: syntax.Checkpoint | None = None
) -> list[Diagnostic]:
    items = faults(lambda: held(folder, graph, item, section))
    assert all(entry.path == str(folder / "file") for entry in items)
    return list(items)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_fits(tmp_path: Path, graph: Graph, container: str, dtype: torch.dtype) -> None:
    item = {key: value.to(dtype) if value.is_floating_point() else value for key, value in state().items()}
    assert held(tmp_path, graph, item, container=container) == ()


def test_a_missing_counter_is_no_fault(tmp_path: Path, graph: Graph) -> None:
    item = state()
    del item["bn1.num_batches_tracked"]
    assert held(tmp_path, graph, item) == ()


def test_missing_with_the_place_in_the_spec(tmp_path: Path, graph: Graph) -> None:
    item = state()
    item["bn1.wieght"] = item.pop("bn1.weight")
    missing, unexpected = found(tmp_path, graph, item)
    assert (missing.code, unexpected.code) == ("F440", "F441")
    assert missing.span is not None
    assert missing.span.line == 4
    assert missing.hint == "did you mean `bn1.wieght`?"
    assert "`bn1.wieght`" in unexpected.message


@pytest.mark.parametrize(("prefix", "told"), [("backbone.", '`strip "backbone."`'), ("a.b.", '`strip "a.b."`')])
def test_a_prefix_that_explains_everything(tmp_path: Path, graph: Graph, prefix: str, told: str) -> None:
    item = {prefix + key: value for key, value in state().items()}
    items = found(tmp_path, graph, item)
    assert len(items) == 2
    assert all(told in str(entry.hint) for entry in items)
    assert held(tmp_path, graph, item, rules(("strip", prefix))) == ()


def test_a_prefix_that_only_the_spec_has(tmp_path: Path) -> None:
    path = tmp_path / "net.fpt"
    path.write_text("model M {\n input x: float[4]\n model: { fc: linear(10) }\n}\n")
    graph = lower(elaborate(load(path), {}))
    item = {"fc.weight": torch.ones(10, 4), "fc.bias": torch.ones(10)}
    assert '`rename "" to "model."`' in str(found(tmp_path, graph, item)[0].hint)
    assert held(tmp_path, graph, item, rules(("rename", "", "model."))) == ()


def test_what_is_not_described_is_told_by_module(tmp_path: Path, graph: Graph) -> None:
    item = state()
    item |= {f"head2.{n}.weight": torch.ones(2) for n in range(30)} | {"step": torch.tensor(3)}
    items = found(tmp_path, graph, item)
    assert [entry.code for entry in items] == ["F441", "F441"]
    assert "30 tensors of `head2`" in items[0].message
    assert 'ignore "head2.*"' in str(items[0].hint)
    assert 'ignore "step"' in str(items[1].hint)
    assert held(tmp_path, graph, item, rules(("ignore", "head2.*"), ("ignore", "step"))) == ()


def test_a_module_that_is_not_there_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "net.fpt"
    block = "{ fc: linear(4); ln: layernorm; out: linear(4, bias=false) }"
    path.write_text(f"model M {{\n input x: float[4]\n first: {block}\n layers: repeat 4 {block}\n}}\n")
    graph = lower(elaborate(load(path), {}))
    item = {name: torch.ones(tensor.shape) for name, tensor in graph.tensors.items() if "layers.3" not in name}
    (fault,) = found(tmp_path, graph, item)
    assert fault.message == ("the checkpoint has none of the 5 tensors of `layers.3` (`layers.3.fc.weight`, ...)")
    assert "has 3 of `layers`, and the spec 4" in str(fault.hint)
    renamed = {name.replace("first.", "frist."): value for name, value in item.items()}
    near, count, extra = found(tmp_path, graph, renamed)
    assert near.hint == "did you mean `frist`?"
    assert near.span is not None
    assert near.span.line == 3
    assert (count.code, extra.code) == ("F440", "F441")
    half = {name: value for name, value in item.items() if "first.ln" not in name}
    assert len(found(tmp_path, graph, half)) == 3


def test_an_ignored_entry_that_is_described(tmp_path: Path, graph: Graph) -> None:
    items = found(tmp_path, graph, state(), rules(("ignore", "fc.*")))
    assert [entry.code for entry in items] == ["F440", "F440"]
    assert items[0].hint == '`ignore "fc.*"` hits it'


def test_shapes_by_the_argument_that_differs(tmp_path: Path, graph: Graph) -> None:
    item = state()
    item["conv1.weight"] = torch.ones(6, 3, 5, 3)
    item["fc.weight"] = torch.ones(10, 6)
    item["bn1.weight"] = torch.ones(4, 1)
    items = {entry.message.split("`")[1]: entry for entry in found(tmp_path, graph, item)}
    assert [entry.code for entry in items.values()] == ["F442"] * 3
    assert (
        items["conv1.weight"].message == "`conv1.weight` is [6, 3, 5, 3] in the checkpoint and [4, 3, 3, 3] in the spec"
    )
    assert "`out_channels` of `conv1` would have to be 6, it is 4" in str(items["conv1.weight"].hint)
    assert "`kernel_size` of `conv1` would have to be 5, it is 3" in str(items["conv1.weight"].hint)
    assert "`fc` would have to take 6 channels" in str(items["fc.weight"].hint)
    assert items["conv1.weight"].span is not None
    assert items["conv1.weight"].span.line == 3
    item = state()
    item["fc.weight"] = torch.ones(4, 10)
    assert found(tmp_path, graph, item)[0].hint == "the checkpoint has it transposed"


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.bool, torch.complex64, torch.float8_e4m3fn], ids=str)
def test_types_that_cannot_be_grown(tmp_path: Path, graph: Graph, dtype: torch.dtype) -> None:
    item = state()
    item["fc.weight"] = torch.ones(10, 4).to(dtype)
    items = found(tmp_path, graph, item)
    assert [entry.code for entry in items] == ["F443"]
    assert str(dtype).removeprefix("torch.") in items[0].message


def test_tensors_that_are_no_plain_arrays(tmp_path: Path, graph: Graph) -> None:
    item = state()
    item["fc.weight"] = torch.ones(10, 4).to_sparse()
    assert [entry.code for entry in found(tmp_path, graph, item)] == ["F445"]
    item["fc.weight"] = torch.empty(10, 4, device="meta")
    assert [entry.code for entry in found(tmp_path, graph, item)] == ["F445"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_values_that_are_not_finite(tmp_path: Path, graph: Graph, value: float, dtype: torch.dtype) -> None:
    item = {key: tensor.to(dtype) if tensor.is_floating_point() else tensor for key, tensor in state().items()}
    item["fc.weight"][3, 2] = value
    item["bn1.running_var"][1] = value
    items = found(tmp_path, graph, item)
    assert [entry.code for entry in items] == ["F444", "F444"]
    assert "of 40" in items[1].message
    assert ("1 NaN and 0 infinite" if value != value else "0 NaN and 1 infinite") in items[1].message


def test_large_values_are_finite(tmp_path: Path, graph: Graph) -> None:
    item = {key: value.half() if value.is_floating_point() else value for key, value in state().items()}
    item["fc.weight"] = torch.full((10, 4), 65504.0, dtype=torch.float16)
    assert held(tmp_path, graph, item) == ()


def test_a_wrong_checksum(tmp_path: Path, graph: Graph) -> None:
    path = save(state(), tmp_path / "file", "zip")
    data = bytearray(path.read_bytes())
    with open_checkpoint(path) as source:
        data[source.entries["fc.weight"].storage.offset + 5] ^= 64  # type: ignore[attr-defined]
    path.write_bytes(data)
    with open_checkpoint(path) as source:
        items = faults(lambda: hold_against(source, graph))
    assert [entry.code for entry in items] == ["F410"]
    assert "`fc.weight`" in items[0].message


def test_faults_are_listed_up_to_a_number(tmp_path: Path) -> None:
    path = tmp_path / "deep.fpt"
    path.write_text("model M {\n input x: float[4]\n l: repeat 40 { fc: linear(4, bias=false) }\n}\n")
    graph = lower(elaborate(load(path), {}))
    item: dict[str, Any] = {f"l.{n}.fc.weight": torch.ones(5, 4) for n in range(40)}
    items = found(tmp_path, graph, item)
    assert len(items) == 21
    assert items[-1].message == "and 20 more tensors have another shape"


def test_one_tensor_in_the_file_and_two_in_the_spec(tmp_path: Path) -> None:
    path = tmp_path / "tied.fpt"
    path.write_text("model M {\n input x: float[4]\n a: linear(4, bias=false)\n b: linear(4, bias=false)\n}\n")
    graph = lower(elaborate(load(path), {}))
    weight = torch.ones(4, 4)
    assert [entry.code for entry in held(tmp_path, graph, {"a.weight": weight, "b.weight": weight})] == ["F446"]
    assert held(tmp_path, graph, {"a.weight": weight, "b.weight": weight.clone()}) == ()
    extra = {"a.weight": weight, "b.weight": weight.clone(), "c.weight": weight}
    assert 'alias "c.weight" to "a.weight"' in str(found(tmp_path, graph, extra)[0].hint)
    assert held(tmp_path, graph, extra, rules(("alias", "c", "a"))) == ()
    assert held(tmp_path, graph, extra, rules(("alias", "a", "c"))) == ()


def test_a_missing_tensor_has_a_way_out(tmp_path: Path, graph: Graph) -> None:
    for name, told in (("fc.bias", "bias=false"), ("fc.weight", "`rename`")):
        item = state()
        del item[name]
        items = found(tmp_path, graph, item)
        assert [entry.code for entry in items] == ["F440"]
        assert told in str(items[0].hint)
