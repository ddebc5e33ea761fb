"""Exit statuses, and where results and faults go."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from cli import tiny
from cli.conftest import Run

WIDEN = ("--grow", "widen conv2 to 8")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("plan",),
        ("aply", "tiny.fpt"),
        ("apply", "tiny.fpt"),
        ("plan", "tiny.fpt", "--sed", "3"),
        ("plan", "tiny.fpt", "--seed", "three"),
        ("plan", "tiny.fpt", "--seed", "-1"),
        ("plan", "tiny.fpt", "--seed", str(2**63)),
        ("plan", "tiny.fpt", "--set", "width"),
        ("show", "tiny.fpt", "tiny.pt", "more"),
        ("diff", "tiny.fpt", "tiny.pt", "tiny.fpt"),
        ("verify", "tiny.fpt", "tiny.pt", "tiny.fpt"),
    ],
)
def test_a_wrong_command_line_is_64(run: Run, words: tuple[str, ...]) -> None:
    status, out, err = run(*words)
    assert (status, out) == (64, "")
    assert "fptdsl" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("words", [("--help",), ("apply", "--help"), ("-h",), ("--version",)])
def test_help_and_version_are_fine(run: Run, words: tuple[str, ...]) -> None:
    status, out, err = run(*words)
    assert status == 0
    assert "fptdsl" in out
    assert err == ""


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("validate", "missing.fpt"), "F140"),
        (("validate", ""), "F140"),
        (("validate", "tiny.fpt", "missing.pt"), "F400"),
        (("validate", "tiny.fpt", "tiny.pt", "--set", "width=5"), "F442"),
        (("validate", "tiny.fpt", "--set", "wid=5"), "F230"),
        (("plan", "tiny.fpt", "--grow", "widen nowhere to 5"), "F301"),
        (("plan", "tiny.fpt", "--grow", "widen conv2 to 2"), "F303"),
        (("plan", "tiny.fpt", "--grow", "widen fc to 7"), "F304"),
        (("plan", "tiny.fpt", *WIDEN, "--out", "tiny.fpt", "--force"), "F601"),
        (("plan", "tiny.fpt", *WIDEN, "--out", "nowhere/plan.json"), "F603"),
        (("apply", "tiny.fpt", "tiny.pt", *WIDEN, "-o", "tiny.pt", "--force"), "F601"),
        (("apply", "tiny.fpt", "tiny.pt", *WIDEN, "-o", "tiny.out", "--force"), None),
        (("apply", "grow.fpt", "tiny.pt", "-o", "grow.pt", "--force"), "F601"),
        (("apply", "tiny.fpt", "tiny.pt", *WIDEN, "-o", "new.fpt"), "F653"),
        (("apply", "tiny.fpt", "tiny.pt", *WIDEN, "-o", "new.safetensors"), "F653"),
        (("apply", "tiny.fpt", "tiny.safetensors", *WIDEN, "-o", "new.pt"), "F653"),
        (("apply", "tiny.fpt", "tiny.pt", *WIDEN, "-o", "nowhere/new.pt"), "F603"),
        (("apply", "tiny.fpt", "tiny.pt", "--plan", "tiny.pt"), "F650"),
        (("apply", "tiny.fpt", "tiny.pt", *WIDEN, "--probe", "missing.npz"), "F510"),
    ],
)
def test_faults_are_1_and_leave_nothing_behind(
    run: Run, folder: Path, words: tuple[str, ...], code: str | None
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    status, out, err = run(*words)
    if code is None:
        assert (status, err) == (0, "")
        return
    assert (status, out) == (1, "")
    assert err.startswith(f"error[{code}]: ")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    status, out, err = run(*words, "--json")
    found = json.loads(out)
    assert (status, err) == (1, "")
    assert code in [item["code"] for item in found["diagnostics"]]
    assert found["schema"] == 1


def test_an_existing_output_needs_force(run: Run, folder: Path) -> None:
    words = ("apply", "tiny.fpt", "tiny.pt", *WIDEN)
    assert run(*words)[0] == 0
    first = (folder / "tiny.grown.pt").read_bytes()
    status, _, err = run(*words, "--seed", "4")
    assert status == 1
    assert "F600" in err
    assert (folder / "tiny.grown.pt").read_bytes() == first
    assert run(*words, "--seed", "4", "--force")[0] == 0
    assert (folder / "tiny.grown.pt").read_bytes() != first


@pytest.mark.parametrize("change", ["spec", "directives", "checkpoint", "shapes", "plan"])
def test_a_stale_plan_is_4(run: Run, folder: Path, change: str) -> None:
    assert run("plan", "grow.fpt", "tiny.pt", "--out", "plan.json")[0] == 0
    if change == "spec":
        (folder / "grow.fpt").write_text(tiny.GROW.replace("relu\n  flatten", "tanh\n  flatten"))
    elif change == "directives":
        (folder / "grow.fpt").write_text(tiny.GROW.replace("conv2 to 8", "conv2 to 9"))
    elif change == "checkpoint":
        torch.save({"state_dict": tiny.state(dtype=torch.float16)}, folder / "tiny.pt")
    elif change == "shapes":
        torch.save({"state_dict": tiny.state(width=3)}, folder / "tiny.pt")
    else:
        plan = json.loads((folder / "plan.json").read_text())
        plan["tensors"][0]["new_shape"][0] += 1
        (folder / "plan.json").write_text(json.dumps(plan))
    before = sorted(path.name for path in folder.iterdir())
    for command in ("apply", "validate"):
        status, out, err = run(command, "grow.fpt", "tiny.pt", "--plan", "plan.json")
        assert (status, out) == (4, "")
        assert err.startswith("error[F651]")
    assert sorted(path.name for path in folder.iterdir()) == before


def test_new_values_do_not_make_a_plan_stale(run: Run, folder: Path) -> None:
    assert run("plan", "grow.fpt", "tiny.pt", "--out", "plan.json")[0] == 0
    torch.save({"state_dict": {k: v * 2 for k, v in tiny.state().items()}}, folder / "tiny.pt")
    assert run("apply", "grow.fpt", "tiny.pt", "--plan", "plan.json")[0] == 0


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "[" * 100_000, '{"kind": "plan"}', '{"kind": "plan", "schema": 9, "given": {}}', "\x00", "\ufffe"],
)
def test_what_is_no_plan_is_said_to_be_none(run: Run, folder: Path, text: str) -> None:
    (folder / "plan.json").write_bytes(text.encode("utf-16" if text == "\ufffe" else "utf-8"))
    status, _, err = run("validate", "tiny.fpt", "--plan", "plan.json")
    assert status == 1
    assert "error[F650]" in err


def test_a_probe_that_the_old_network_does_not_reproduce_is_5(run: Run, folder: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.standard_normal((4, 2, 6, 6)).astype(np.float32)
    np.savez(folder / "probe.npz", image=images, output=rng.standard_normal((4, 3)).astype(np.float32))
    before = sorted(path.name for path in folder.iterdir())
    words = ("apply", "grow.fpt", "tiny.pt", "--probe", "probe.npz")
    status, out, err = run(*words)
    assert (status, out) == (5, "")
    assert "error[F520]: nothing was published" in err
    assert "expected outputs" in err
    assert sorted(path.name for path in folder.iterdir()) == before
    status, out, err = run(*words, "--json")
    found = json.loads(out)
    assert (status, err) == (5, "")
    assert found["verification"]["passed"] is False
    assert [item["code"] for item in found["diagnostics"]] == ["F520"]
    np.savez(folder / "inputs.npz", image=images)
    assert run("apply", "grow.fpt", "tiny.pt", "--probe", "inputs.npz")[0] == 0


def test_verify_of_different_functions_is_5(run: Run, folder: Path) -> None:
    other = tiny.state()
    other["conv2.weight"][0, 0, 0, 0] += 0.01
    torch.save(other, folder / "other.pt")
    status, out, err = run("verify", "tiny.fpt", "tiny.pt", "tiny.fpt", "other.pt")
    assert (status, err) == (5, "")
    assert out.startswith("Different")
    status, out, _ = run("verify", "tiny.fpt", "tiny.pt", "tiny.fpt", "other.pt", "--json")
    assert status == 5
    assert json.loads(out)["verification"]["max_relative_error"] > 1e-6
    assert run("verify", "tiny.fpt", "tiny.pt", "tiny.fpt", "tiny.safetensors")[0] == 0


def test_a_fault_of_the_program_is_70_and_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug\nwith two lines")

    monkeypatch.setattr("fptdsl.api.showing.show", broken)
    monkeypatch.setattr("fptdsl.api.show", broken, raising=False)
    status, out, err = run("show", "tiny.fpt")
    assert (status, out) == (70, "")
    assert err.splitlines()[0] == "fptdsl: internal error: ZeroDivisionError: a bug"
    assert "Traceback" not in err
    monkeypatch.setenv("FPTDSL_TRACEBACK", "1")
    assert "Traceback" in run("show", "tiny.fpt")[2]


def test_hostile_names_in_a_checkpoint_are_made_visible(run: Run, folder: Path) -> None:
    state = tiny.state()
    state["\x1b[2J[bold]evil[/bold]\n\u202e"] = torch.zeros(2)
    save_file(state, folder / "hostile.safetensors")
    status, out, err = run("validate", "tiny.fpt", "hostile.safetensors")
    assert (status, out) == (1, "")
    assert "\x1b" not in err
    assert "\u202e" not in err
    assert "\\x1b[2J[bold]evil[/bold]" in err


@pytest.mark.parametrize("command", [("show", "tiny.fpt"), ("plan", "grow.fpt"), ("plan", "grow.fpt", "--json")])
def test_a_closed_pipe_is_quiet(folder: Path, command: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "fptdsl", *command],
            stdout=closed,
            stderr=subprocess.PIPE,
            env=tiny.environment(),
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_standard_output_is_said(folder: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "fptdsl", "show", "tiny.fpt"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=tiny.environment(),
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith(b"fptdsl: cannot write to standard output")
    assert b"Traceback" not in done.stderr


def test_a_pipe_gets_plain_text_of_80_columns_in_any_encoding(folder: Path) -> None:
    done = tiny.fptdsl("diff", "grow.fpt", "--full", cwd=folder, PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout
    assert "->" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
