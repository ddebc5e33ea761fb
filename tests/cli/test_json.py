"""``--json``: one document on standard output, with the fields that scripts depend on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Run


def document(run: Run, *words: str) -> dict[str, Any]:
    status, out, err = run(*words, "--json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert found["schema"] == 1
    assert out.isascii()
    return found


def test_plan(run: Run) -> None:
    found = document(run, "plan", "grow.fpt", "tiny.pt")
    assert [step["directive"] for step in found["steps"]]
    for step in found["steps"]:
        assert {"directive", "kind", "target", "summary", "method", "exactness", "why", "ties", "parameters"} <= set(
            step
        )
        for tie in step["ties"]:
            assert set(tie) == {"path", "old", "new", "cause"}
    by_name = {tensor["name"]: tensor for tensor in found["tensors"]}
    assert by_name["conv2.weight"]["action"] == "grow"
    assert by_name["conv2.weight"]["old_shape"] == [5, 4, 3, 3]
    assert by_name["conv2.weight"]["new_shape"] == [8, 6, 3, 3]
    assert by_name["fc.bias"]["action"] == "keep"
    assert by_name["layers.2.conv.weight"]["action"] == "add"
    assert by_name["layers.2.conv.weight"]["old_shape"] is None
    totals = found["totals"]
    assert (totals["params_before"], totals["params_after"]) == (812, 1955)
    assert (totals["dtype"], totals["dtype_assumed"]) == ("float32", False)
    counts = 3 * 8  # num_batches_tracked, int64
    running = 2 * (4 + 4 + 4)
    assert totals["bytes_before"] == 4 * (812 + running) + counts
    assert found["exactness"] == "exact"
    assert sum(m["params_after"] for m in found["modules"]) == 1955
    assert sum(m["params_before"] for m in found["modules"]) == 812
    assert sum(m["macs_after"] for m in found["modules"]) == totals["macs_after"]


def test_sizes_are_assumed_without_a_checkpoint(run: Run) -> None:
    totals = document(run, "plan", "grow.fpt")["totals"]
    assert (totals["dtype"], totals["dtype_assumed"]) == ("float32", True)


def test_a_saved_plan_is_what_is_printed(run: Run, folder: Path) -> None:
    found = document(run, "plan", "grow.fpt", "tiny.pt", "--out", "plan.json")
    assert json.loads((folder / "plan.json").read_text()) == found


def test_apply(run: Run, folder: Path) -> None:
    found = document(run, "apply", "grow.fpt", "tiny.pt")
    assert found["outputs"] == {
        "checkpoint": "tiny.grown.pt",
        "spec": "tiny.grown.fpt",
        "receipt": "tiny.grown.receipt.json",
    }
    check = found["verification"]
    assert check["passed"] is True
    assert check["max_relative_error"] <= 1e-11
    assert check["dtype"] == "float32"
    assert check["storage_drift"] <= 1e-11
    receipt = json.loads((folder / "tiny.grown.receipt.json").read_text())
    assert receipt["verification"] == check
    assert receipt["steps"] == found["steps"]
    assert {"plan", "read", "write", "sync", "verify"} <= set(receipt["seconds"])


def test_apply_without_directives_writes_nothing(run: Run, folder: Path) -> None:
    before = sorted(path.name for path in folder.iterdir())
    found = document(run, "apply", "tiny.fpt", "tiny.pt")
    assert found["outputs"] == {}
    assert found["steps"] == []
    assert sorted(path.name for path in folder.iterdir()) == before


def test_show(run: Run) -> None:
    found = document(run, "show", "tiny.fpt")
    assert found["totals"]["params"] == 812
    groups = {group["name"]: group for group in found["groups"]}
    assert groups["conv1"]["writers"] == ["conv1", "layers.0.conv", "layers.1.conv"]
    assert groups["conv1"]["frozen"] is None
    assert groups["fc"]["frozen"]
    names = [node["name"] for node in found["tree"] if node["name"]]
    assert names == ["conv1", "bn1", "layers", "conv2", "fc"]
    assert sum(node["params"] for node in found["tree"]) == 812


def test_validate(run: Run) -> None:
    found = document(run, "validate", "grow.fpt", "tiny.pt")
    assert (found["params"], found["steps"], found["plan_fits"]) == (812, 3, None)
    assert found["checkpoint"]["tensors"] == 22


def test_diff_of_a_plan_and_of_the_result_agree(run: Run) -> None:
    planned = document(run, "diff", "grow.fpt", "tiny.pt")
    assert run("apply", "grow.fpt", "tiny.pt")[0] == 0
    existing = document(run, "diff", "tiny.fpt", "tiny.pt", "tiny.grown.fpt", "tiny.grown.pt")

    def facts(found: dict[str, Any]) -> dict[str, Any]:
        return {t["name"]: (t["action"], t["old_shape"], t["new_shape"]) for t in found["tensors"]}

    assert facts(planned) == facts(existing)
    for key in ("params_before", "params_after", "bytes_after", "macs_after"):
        assert planned["totals"][key] == existing["totals"][key]
    assert {t["parts"][0]["how"] for t in existing["tensors"] if t["action"] == "grow"} == {"old"}


def test_diff_sees_changed_and_removed_tensors(run: Run, folder: Path) -> None:
    import torch

    from cli import tiny

    smaller = tiny.state(depth=1)
    smaller["fc.bias"] += 1
    torch.save(smaller, folder / "smaller.pt")
    (folder / "smaller.fpt").write_text(tiny.SPEC.replace("depth = 2", "depth = 1"))
    found = document(run, "diff", "tiny.fpt", "tiny.pt", "smaller.fpt", "smaller.pt")
    actions = {t["name"]: t["action"] for t in found["tensors"]}
    assert actions["fc.bias"] == "change"
    assert actions["layers.1.conv.weight"] == "remove"
    assert actions["layers.0.bn.num_batches_tracked"] == "keep"


def test_verify(run: Run) -> None:
    found = document(run, "verify", "tiny.fpt", "tiny.pt", "tiny.fpt", "tiny.safetensors")
    assert found["verification"]["passed"] is True
    assert found["verification"]["max_relative_error"] == 0


@pytest.mark.parametrize("command", ["plan", "validate", "show"])
def test_all_faults_at_once(run: Run, folder: Path, command: str) -> None:
    (folder / "bad.fpt").write_text("model M {\n  input x: float[3]\n  a: lineaar(3)\n  b: linear(3, bia=true)\n}\n")
    status, out, err = run(command, "bad.fpt", "--json")
    found = json.loads(out)
    assert (status, err) == (1, "")
    assert len(found["diagnostics"]) == 2
    for item in found["diagnostics"]:
        assert item["severity"] == "error"
        assert item["span"]["source"] == "bad.fpt"
        assert item["hint"]
    assert [item["span"]["line"] for item in found["diagnostics"]] == [3, 4]
