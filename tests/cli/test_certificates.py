"""``apply`` and ``verify`` with the certificate and the gradient probe."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import fptdsl
from cli.conftest import Run

FILES = ("tiny.fpt", "tiny.pt", "tiny.grown.fpt", "tiny.grown.pt")


def _apply(grow: str = "widen conv2 to 8 using net2net; deepen layers by 1") -> fptdsl.ApplyResult:
    return fptdsl.apply("tiny.fpt", "tiny.pt", grow=grow)


def test_apply_certifies_every_tensor(folder: Path) -> None:
    result = _apply()
    certificate = result.document["certificate"]
    assert certificate["outcome"] == "passed"
    assert [step["step"] for step in certificate["steps"]][-1] == "unchanged tensors"
    assert sum(step["tensors"] for step in certificate["steps"]) == result.document["totals"]["tensors_after"]
    receipt = json.loads(result.outputs["receipt"].read_text())
    assert receipt["certificate"] == certificate
    assert receipt["gradients"]["warnings"] == []


def test_verify_plans_again_from_the_receipt(folder: Path) -> None:
    _apply()
    result = fptdsl.verify(*FILES, certificate=True, gradients=True)
    assert result.passed
    assert result.document["certificate"]["outcome"] == "passed"
    assert result.document["certificate"]["basis"] == "plan"
    assert result.document["gradients"]["ratio"] > 0


def test_verify_finds_what_the_numerical_check_does_not(folder: Path) -> None:
    _apply()
    state = torch.load("tiny.grown.pt", weights_only=True)
    state["state_dict"]["bn1.num_batches_tracked"] += 1
    torch.save(state, "tiny.grown.pt")
    result = fptdsl.verify(*FILES, certificate=True)
    assert result.document["verification"]["passed"]
    assert not result.passed
    assert [finding["tensor"] for finding in result.document["certificate"]["findings"]] == ["bn1.num_batches_tracked"]
    assert fptdsl.verify(*FILES).passed


@pytest.mark.parametrize("text", ["{}", "not json", '{"given": 3, "seed": 0, "spec": {"digest": ""}}'])
def test_a_receipt_that_is_none(folder: Path, text: str) -> None:
    _apply()
    Path("tiny.grown.receipt.json").write_text(text)
    certificate = fptdsl.verify(*FILES, certificate=True).document["certificate"]
    assert certificate["basis"] == "checkpoints"


def test_a_receipt_of_another_growth(folder: Path) -> None:
    _apply("widen conv2 to 7")
    other = Path("tiny.grown.receipt.json").read_text()
    fptdsl.apply("tiny.fpt", "tiny.pt", grow="widen conv2 to 8", force=True)
    Path("tiny.grown.receipt.json").write_text(other)
    assert fptdsl.verify(*FILES, certificate=True).document["certificate"]["basis"] == "checkpoints"


def test_a_widening_without_a_receipt(folder: Path) -> None:
    """Units are told by what they look like."""
    _apply("widen conv2 to 8")
    Path("tiny.grown.receipt.json").unlink()
    certificate = fptdsl.verify(*FILES, certificate=True).document["certificate"]
    assert (certificate["outcome"], certificate["basis"]) == ("passed", "checkpoints")


def test_a_baseline_is_declined_and_published(folder: Path) -> None:
    result = _apply("widen conv2 to 8 using random_pad")
    assert result.document["certificate"]["outcome"] == "declined"
    assert result.outputs["checkpoint"].exists()


def test_the_command_line(folder: Path, run: Run) -> None:
    _apply()
    status, out, err = run("verify", *FILES, "--certificate", "--gradients")
    assert (status, err) == (0, "")
    assert "Certified: the law holds for all" in out
    state = torch.load("tiny.grown.pt", weights_only=True)
    state["state_dict"]["fc.weight"][0, 0] += 1.0
    torch.save(state, "tiny.grown.pt")
    status, out, _ = run("verify", *FILES, "--certificate")
    assert status == 5
    assert "fc.weight" in out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_two_files_without_a_receipt(run: Run, folder: Path) -> None:
    """Equality is measured; neither a plan's class nor a certificate is claimed."""
    assert run("apply", "grow.fpt", "tiny.pt", "-o", "out.pt")[0] == 0
    (folder / "out.receipt.json").unlink()
    status, out, _ = run("verify", "tiny.fpt", "tiny.pt", "out.fpt", "out.pt", "--certificate")
    said = " ".join(out.split())
    assert status == 0
    assert "Certificate inconclusive: no plan beside the file" in said
    assert "Equal within the rounding of float32 weights" in said
    assert "Function-preserving" not in said
    status, out, _ = run("verify", "tiny.fpt", "tiny.pt", "out.fpt", "out.pt", "--json")
    assert json.loads(out)["verification"]["exactness"] is None
