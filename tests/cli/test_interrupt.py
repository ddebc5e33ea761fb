"""Ctrl-C, or another signal, in the middle of ``apply``: its exit status, and nothing left behind."""

from __future__ import annotations

import hashlib
import json
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from blake3 import blake3

from cli import tiny
from cli.conftest import Run

STAGES = [
    "fptdsl.api.growing.planned",
    "fptdsl.checkpoint.write_checkpoint",
    "fptdsl.api.growing.numerical_check",
    "fptdsl.api.growing.receipt",
    "fptdsl.checkpoint.Publication.commit",
]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("fault", [KeyboardInterrupt, ZeroDivisionError])
def test_interrupted_at_every_stage(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, stage: str, fault: type[BaseException]
) -> None:
    import fptdsl.api.growing
    import fptdsl.proof  # noqa: F401

    def interrupt(*_: object, **__: object) -> None:
        raise fault

    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with monkeypatch.context() as patched:
        patched.setattr(stage, interrupt)
        status, out, _ = run("apply", "grow.fpt", "tiny.pt")
    assert (status, out) == (130 if fault is KeyboardInterrupt else 70, "")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert run("apply", "grow.fpt", "tiny.pt")[0] == 0


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [
        (signal.SIGINT, 130, "Interrupted."),
        (signal.SIGTERM, 143, "Ended by SIGTERM."),
        (signal.SIGHUP, 129, "Ended by SIGHUP."),
    ],
)
def test_a_real_signal_while_writing(tmp_path: Path, number: signal.Signals, status: int, said: str) -> None:
    (tmp_path / "big.fpt").write_text(
        "model Big {\n  input x: float[1500]\n"
        + "".join(f"  fc{n}: linear(1500)\n  relu\n" for n in range(12))
        + "  out: linear(3)\n}\n"
    )
    state = {}
    for n in range(12):
        state[f"fc{n}.weight"] = torch.full((1500, 1500), 0.001 * n)
        state[f"fc{n}.bias"] = torch.zeros(1500)
    state |= {"out.weight": torch.ones(3, 1500), "out.bias": torch.zeros(3)}
    torch.save(state, tmp_path / "big.pt")
    before = sorted(path.name for path in tmp_path.iterdir())
    running = subprocess.Popen(
        [sys.executable, "-m", "fptdsl", "apply", "big.fpt", "big.pt", "--grow", "widen * by 1.1x"],
        cwd=tmp_path,
        env=tiny.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What runs the tests may ignore it (`nohup` does), and a child would too.
        preexec_fn=partial(signal.signal, number, signal.SIG_DFL),
    )
    with running:
        deadline = time.monotonic() + 60
        while running.poll() is None and not list(tmp_path.glob(".*.partial")) and time.monotonic() < deadline:
            time.sleep(0.01)
        running.send_signal(number)
        out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (status, "")
    assert err.strip() == said
    assert sorted(path.name for path in tmp_path.iterdir()) == before


REPEATED = """
import sys
from fptdsl.cli import main
import torch, fptdsl.proof  # what a first run would have to import
print("ready", flush=True)
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("rounds", [3, pytest.param(30, marks=pytest.mark.slow)])
def test_killed_at_any_moment(tmp_path: Path, rounds: int) -> None:
    """There is no checkpoint at the output's name, or a complete one with its spec and receipt."""
    tiny.write(tmp_path)
    outputs = [tmp_path / name for name in ("out.pt", "out.fpt", "out.receipt.json")]
    words = ["apply", "grow.fpt", "tiny.pt", "-o", "out.pt", "--force"]
    moments = random.Random(rounds)
    for _ in range(rounds):
        with subprocess.Popen(
            [sys.executable, "-c", REPEATED, *words], cwd=tmp_path, env=tiny.environment(), stdout=subprocess.PIPE
        ) as running:
            assert running.stdout is not None
            running.stdout.readline()
            time.sleep(moments.uniform(0.0, 0.6))
            running.kill()
        if outputs[0].exists():
            receipt = json.loads(outputs[2].read_text())
            assert receipt["checkpoints"]["new"]["blake3"] == blake3(outputs[0].read_bytes()).hexdigest()
            assert receipt["grown_spec"]["sha256"] == hashlib.sha256(outputs[1].read_bytes()).hexdigest()
    done = tiny.fptdsl(*words, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"tiny.fpt", "grow.fpt", "tiny.pt", "tiny.safetensors"} | {path.name for path in outputs}
