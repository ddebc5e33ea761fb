"""The functions of the package: results, files, and what is raised."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from blake3 import blake3
from cli import tiny

import fptdsl
from fptdsl.api import StalePlan, VerificationFailed
from fptdsl.api.outputs import outputs_for


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    tiny.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def digest(path: str | Path) -> str:
    return blake3(Path(path).read_bytes()).hexdigest()


def outputs_of(spec: str | Path, checkpoint: str | Path) -> torch.Tensor:
    model = fptdsl.load(spec, checkpoint).double().eval()
    images = torch.randn(5, 2, 6, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    with torch.no_grad():
        return model(images)


def test_a_plan_can_be_inspected(folder: Path) -> None:
    plan = fptdsl.plan("grow.fpt", "tiny.pt")
    assert {step.kind for step in plan.steps} == {"widen", "deepen"}
    assert {tensor.name for tensor in plan.tensors if tensor.action == "add"} >= {"layers.2.conv.weight"}
    assert plan.exactness == "exact"
    assert json.loads(json.dumps(plan.to_json())) == plan.to_json()


def test_directives_and_model_can_be_given(folder: Path) -> None:
    (folder / "only.fpt").write_text("widen conv2 to 8; deepen layers by 1\n")
    for grow in ("widen layers to 6", ["widen layers to 6"], ("widen layers to 6",)):
        plan = fptdsl.plan("only.fpt", model="tiny.fpt", grow=grow)
        same = fptdsl.plan("grow.fpt")
        assert plan.document["tensors"] == same.document["tensors"]
    wider = fptdsl.plan("tiny.fpt", settings={"width": 8}, grow="widen layers to 9")
    assert wider.tensors[0].old_shape == (8, 2, 3, 3)


def test_apply_writes_three_files_and_leaves_the_input_alone(folder: Path) -> None:
    (folder / "tiny.pt").chmod(0o400)
    before = digest("tiny.pt")
    result = fptdsl.apply("grow.fpt", "tiny.pt")
    assert result.passed
    assert result.max_relative_error <= 1e-11
    assert result.outputs == {
        "checkpoint": Path("tiny.grown.pt"),
        "spec": Path("tiny.grown.fpt"),
        "receipt": Path("tiny.grown.receipt.json"),
    }
    assert digest("tiny.pt") == before
    receipt = json.loads(result.outputs["receipt"].read_text())
    assert receipt["checkpoints"]["old"]["blake3"] == before
    assert receipt["checkpoints"]["new"]["blake3"] == digest("tiny.grown.pt")
    assert receipt["grown_spec"]["sha256"] == hashlib.sha256(Path("tiny.grown.fpt").read_bytes()).hexdigest()
    assert receipt["versions"]["torch"] == str(torch.__version__)
    assert torch.load("tiny.grown.pt", weights_only=True)["epoch"] == 3
    old, new = outputs_of("tiny.fpt", "tiny.pt"), outputs_of("tiny.grown.fpt", "tiny.grown.pt")
    assert (old - new).abs().max() <= 1e-11 * old.abs().max()


def test_the_result_can_be_grown_again(folder: Path) -> None:
    fptdsl.apply("grow.fpt", "tiny.pt", out="once.pt")
    fptdsl.apply("once.fpt", "once.pt", out="twice.pt", grow="widen layers to 9; widen conv2 by 2x using net2net")
    old, new = outputs_of("tiny.fpt", "tiny.pt"), outputs_of("twice.fpt", "twice.pt")
    assert (old - new).abs().max() <= 1e-11 * old.abs().max()
    assert fptdsl.verify("tiny.fpt", "tiny.pt", "twice.fpt", "twice.pt").passed


def test_the_same_seed_gives_the_same_bytes(folder: Path) -> None:
    fptdsl.apply("grow.fpt", "tiny.safetensors", out="a.safetensors", seed=7)
    fptdsl.apply("grow.fpt", "tiny.safetensors", out="b.safetensors", seed=7)
    fptdsl.apply("grow.fpt", "tiny.safetensors", out="c.safetensors", seed=8)
    assert digest("a.safetensors") == digest("b.safetensors") != digest("c.safetensors")
    assert digest("a.fpt") == digest("c.fpt")


def test_no_directives_no_files(folder: Path) -> None:
    before = sorted(path.name for path in folder.iterdir())
    result = fptdsl.apply("tiny.fpt", "tiny.pt")
    assert (result.outputs, result.passed) == ({}, True)
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_saved_plan_brings_its_directives_and_seed(folder: Path) -> None:
    fptdsl.plan("tiny.fpt", "tiny.pt", grow="widen conv2 to 8", seed=3, out="plan.json")
    fptdsl.apply("tiny.fpt", "tiny.pt", plan="plan.json", out="a.pt")
    fptdsl.apply("tiny.fpt", "tiny.pt", grow="widen conv2 to 8", seed=3, out="b.pt")
    a, b = (torch.load(name, weights_only=True)["state_dict"] for name in ("a.pt", "b.pt"))
    assert all(torch.equal(a[name], b[name]) for name in b)
    with pytest.raises(fptdsl.FptError) as caught:
        fptdsl.apply("tiny.fpt", "tiny.pt", plan="plan.json", grow="widen conv2 to 9")
    assert [item.code for item in caught.value.diagnostics] == ["F652"]
    with pytest.raises(StalePlan) as stale:
        fptdsl.apply("grow.fpt", "tiny.pt", plan="plan.json")
    assert stale.value.exit_status == 4


@pytest.fixture
def wrong_fc(monkeypatch: pytest.MonkeyPatch) -> None:
    """The grown `fc.weight` is written with an error."""
    from fptdsl.growth.evaluate import Evaluator

    right = Evaluator.chunks

    def wrong(self: Evaluator, tensor: object, dtype: str) -> Iterator[object]:
        for chunk in right(self, tensor, dtype):  # type: ignore[arg-type]
            yield chunk + 1e-3 if tensor.name == "fc.weight" else chunk  # type: ignore[attr-defined]

    monkeypatch.setattr(Evaluator, "chunks", wrong)


@pytest.mark.usefixtures("wrong_fc")
def test_a_certificate_that_finds_something_forbids_publishing(folder: Path) -> None:
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(VerificationFailed) as caught:
        fptdsl.apply("grow.fpt", "tiny.pt")
    assert caught.value.exit_status == 5
    assert [item.code for item in caught.value.diagnostics] == ["F521"]
    found = caught.value.document["certificate"]
    assert found["outcome"] == "failed"
    assert {(finding["tensor"], finding["check"]) for finding in found["findings"]} == {("fc.weight", "C2")}
    assert caught.value.document["verification"] is None
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.usefixtures("wrong_fc")
def test_a_failed_verification_carries_its_figures(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fptdsl.api import growing

    monkeypatch.setattr(growing, "require_certificate", lambda certificate, document: None)
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(VerificationFailed) as caught:
        fptdsl.apply("grow.fpt", "tiny.pt")
    assert caught.value.exit_status == 5
    gates = {gate["name"]: gate for gate in caught.value.document["verification"]["gates"]}
    assert not gates["stored file"]["passed"]
    assert gates["unrounded recipe"]["passed"]
    assert sorted(path.name for path in folder.iterdir()) == before


def test_an_approximation_is_published_with_its_error(folder: Path) -> None:
    result = fptdsl.apply("tiny.fpt", "tiny.pt", grow="widen conv2 to 8 using net2net(noise=0.1)")
    assert result.document["exactness"] == "approximate"
    assert result.max_relative_error > 1e-6
    assert result.outputs["checkpoint"].exists()


def test_a_baseline_keeps_the_old_weights_or_nothing_is_published(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fptdsl.growth.evaluate import Evaluator

    grow = "widen conv2 to 8 using random_pad"
    result = fptdsl.apply("tiny.fpt", "tiny.pt", grow=grow)
    assert result.document["exactness"] == "baseline"
    assert result.max_relative_error > 1e-3
    right = Evaluator.chunks

    def wrong(self: Evaluator, tensor: object, dtype: str) -> Iterator[object]:
        for chunk in right(self, tensor, dtype):  # type: ignore[arg-type]
            if tensor.name == "fc.weight":  # type: ignore[attr-defined]
                chunk = chunk.copy()
                chunk[0, 0] += 1e-3
            yield chunk

    monkeypatch.setattr(Evaluator, "chunks", wrong)
    with pytest.raises(VerificationFailed, match=r"old values are missing in `fc\.weight`"):
        fptdsl.apply("tiny.fpt", "tiny.pt", grow=grow, out="other.pt")
    assert not (folder / "other.pt").exists()


def test_load_and_build_give_ordinary_modules(folder: Path) -> None:
    state = tiny.state(dtype=torch.float16)
    torch.save(state, folder / "half.pt")
    model = fptdsl.load("tiny.fpt", "half.pt")
    assert list(model.state_dict()) == list(state)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert {value.dtype for value in model.parameters()} == {torch.float16}
    assert model.training
    fresh = fptdsl.build("tiny.fpt", settings={"width": 8})
    assert fresh.get_parameter("conv1.weight").shape == (8, 2, 3, 3)
    assert copy.deepcopy(fresh)(torch.randn(2, 2, 6, 6)).sum().backward() is None


def test_all_faults_are_raised_together(folder: Path) -> None:
    with pytest.raises(fptdsl.FptError) as caught:
        fptdsl.plan("tiny.fpt", grow="widen nowhere to 5; widen conv9 to 9; deepen x.y by 1")
    assert [item.code for item in caught.value.diagnostics] == ["F301"] * 3
    assert caught.value.exit_status == 1


def test_diff_takes_one_pair_or_two(folder: Path) -> None:
    with pytest.raises(TypeError, match="OLD_SPEC"):
        fptdsl.diff("tiny.fpt", "tiny.pt", "tiny.fpt")
    same = fptdsl.diff("tiny.fpt", "tiny.pt", "tiny.fpt", "tiny.safetensors")
    assert {tensor["action"] for tensor in same.document["tensors"]} == {"keep"}


@pytest.mark.parametrize(
    ("checkpoint", "out", "expected"),
    [
        ("a/m.pt", None, ("a/m.grown.pt", "a/m.grown.fpt", "a/m.grown.receipt.json")),
        ("m-12.th", None, ("m-12.grown.th", "m-12.grown.fpt", "m-12.grown.receipt.json")),
        ("m.v2", None, ("m.v2.grown", "m.v2.grown.fpt", "m.v2.grown.receipt.json")),
        ("m.pt", "b/grown.pt", ("b/grown.pt", "b/grown.fpt", "b/grown.receipt.json")),
        ("m.pt", "b/grown.v2.PT", ("b/grown.v2.PT", "b/grown.v2.fpt", "b/grown.v2.receipt.json")),
        ("m.pt", "grown", ("grown", "grown.fpt", "grown.receipt.json")),
    ],
)
def test_names_of_the_outputs(checkpoint: str, out: str | None, expected: tuple[str, str, str]) -> None:
    found = outputs_for(Path(checkpoint), None if out is None else Path(out))
    assert (str(found.checkpoint), str(found.spec), str(found.receipt)) == expected
